"""Whom the pods of teams and of dispatchers reach, and who reaches them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mlplatform.contracts.labels import NAMESPACE_NAME
from mlplatform.facts.aws.cidr import NEVER_PUBLIC
from mlplatform.facts.kubernetes.egress import SERVICE_CIDRS, ToCidr, ToPods, egress
from mlplatform.training_queue.args import QueueDestination, TrainingQueueArgs

HTTPS: Final = (443,)
_NEIGHBOURS: Final[Mapping[str, object]] = {"podSelector": {}}
"""Pods of the policy's own namespace."""


def of_dispatchers(args: TrainingQueueArgs) -> dict[str, object]:
    """The egress policy of dispatchers: the API server, SQS and KMS."""
    return egress({}, to=_common(args))


def of_teams(args: TrainingQueueArgs) -> dict[str, object]:
    """The egress policy of a team's pods: AWS, the API server, what is named, and each other."""
    policy: dict[str, Any] = egress({}, to=[*_common(args), *map(_destination, args.destinations or ())])
    # Ranks of distributed training agree on ports as they start, so between them every port is open.
    return {**policy, "egress": [*policy["egress"], {"to": [_NEIGHBOURS]}]}


def among_neighbours() -> dict[str, object]:
    """The ingress policy of a team's pods: only those of their own namespace reach them, on every port."""
    return {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [_NEIGHBOURS]}]}


def _common(args: TrainingQueueArgs) -> Sequence[ToCidr]:
    services = SERVICE_CIDRS if args.service_cidr is None else (args.service_cidr,)
    public = [ToCidr("0.0.0.0/0", HTTPS, NEVER_PUBLIC)] if args.public_https else []
    return [*(ToCidr(cidr, HTTPS) for cidr in (args.vpc_cidr, *services)), *public]


def _destination(given: QueueDestination) -> ToCidr | ToPods:
    if given.cidr is not None:
        return ToCidr(given.cidr, given.ports)
    return ToPods(given.pod_labels or {}, {NAMESPACE_NAME: str(given.namespace)}, given.ports)
