"""ServingEndpoint: a model behind an address, on Kubernetes or in AWS Lambda."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Optional

import pulumi

from mlplatform.contracts import request_log
from mlplatform.contracts.rollout import CANARY
from mlplatform.core.args import InvalidArgs, matching
from mlplatform.core.naming import Kind, check
from mlplatform.core.objects import Objects
from mlplatform.core.place import Place
from mlplatform.serving_endpoint import kserve, kubernetes, rollout_objects, serverless
from mlplatform.serving_endpoint.access import ModelSource
from mlplatform.serving_endpoint.args import ServingEndpointArgs
from mlplatform.serving_endpoint.rollout_access import Function
from mlplatform.serving_endpoint.rollout_args import ServingRollout
from mlplatform.serving_endpoint.serverless_args import Serverless

LONGEST_SCHEDULE = 52
"""Longest name of a CronWorkflow: its Workflows get 11 characters more (argoproj/argo-workflows, cron operator)."""
SERVICE = matching(r"[a-z].*", "a name that begins with a letter from a to z, as those of Services do")


class ServingEndpoint(pulumi.ComponentResource):
    """A version of a model that answers requests, and at most one candidate beside it.

    It reads exactly what it serves, `s3://<model bucket>/<model>/<version>/`, and writes exactly its request log.
    On Kubernetes (`kserve`, `container`) it has a namespace of its own, which only the Gateway and Prometheus reach; in
    AWS Lambda (`serverless`) callers sign with IAM.
    """

    kind: pulumi.Output[str]
    """Which kind it is: kserve, container or serverless."""
    address: pulumi.Output[str]
    """What callers name: the URL through the Gateway, or that of the function; where an API is in front of a function,
    the ARN of its alias, which the API invokes."""
    role_arn: pulumi.Output[str]
    """ARN of the role that the server has."""
    model_uri: pulumi.Output[str]
    """Where the model lies that is served, or with `rollout` was at first."""
    request_log_prefix: pulumi.Output[str]
    """What the keys of its request log begin with in the feature bucket; nothing is there without `request_log`."""
    version: pulumi.Output[str]
    """What to name to come back to what was deployed last: of a function its published version, for `stable_version`,
    of the other kinds the version of the model."""
    kubernetes: pulumi.Output[Mapping[str, str]]
    """Names of its objects of kserve and container: `namespace`, `service_account`, `route` and the `deployment` of
    what is served. Empty for serverless, so that asking for one is an error."""
    function: pulumi.Output[Mapping[str, str]]
    """Of a function: its `name`, and the `alias_arn` that is invoked. Empty for kserve and container, so that asking
    for one is an error."""
    rollout_template: pulumi.Output[Mapping[str, str]]
    """The WorkflowTemplate that starts a rollout: its `namespace` and `name`. Empty without `rollout`, so that reading
    either is an error."""

    def __init__(self, name: str, args: ServingEndpointArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = ServingEndpointArgs.of(args)
        _check_names(name, args)
        super().__init__("mlplatform:index:ServingEndpoint", name, args.model_dump(exclude_none=True), opts)
        made = _on_kubernetes(self, name, args) if args.serverless is None else _in_lambda(self, name, args)

        self.kind = pulumi.Output.from_input(args.kind)
        self.address = made.address
        self.role_arn = made.role_arn
        self.model_uri = _model(args).uri
        self.request_log_prefix = pulumi.Output.from_input(request_log.prefix(name))
        self.version = made.version
        self.kubernetes = made.kubernetes
        self.function = made.function
        self.rollout_template = _rollout_template(name, args)
        self.register_outputs(
            {
                "kind": self.kind,
                "address": self.address,
                "role_arn": self.role_arn,
                "model_uri": self.model_uri,
                "request_log_prefix": self.request_log_prefix,
                "version": self.version,
                "kubernetes": self.kubernetes,
                "function": self.function,
                "rollout_template": self.rollout_template,
            }
        )


@dataclass(frozen=True, slots=True)
class _Made:
    """What both ways of serving have in common, and what each has alone."""

    address: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    version: pulumi.Output[str]
    kubernetes: pulumi.Output[Mapping[str, str]]
    function: pulumi.Output[Mapping[str, str]]


def _on_kubernetes(component: ServingEndpoint, name: str, args: ServingEndpointArgs) -> _Made:
    served = kubernetes.create(component, name, args)
    version = pulumi.Output.from_input(args.model.version)
    return _Made(served.address, served.role_arn, version, pulumi.Output.all(**served.names), _nothing())


def _in_lambda(component: ServingEndpoint, name: str, args: ServingEndpointArgs) -> _Made:
    endpoint = serverless.Endpoint(
        model=_model(args),
        request_log=_log_target(args),
        alarm_topic_arns=args.alarm_topic_arns or (),
        permissions_boundary_arn=args.permissions_boundary_arn,
        rollout=args.rollout is not None,
    )
    settings = Serverless.of(args.serverless)
    function = serverless.create(component, name, settings, endpoint)
    address = function.alias_arn if function.url is None else function.url
    if args.rollout:
        _rollouts_in_lambda(component, name, args, args.rollout, function)
    names = {"name": function.name, "alias_arn": function.alias_arn}
    return _Made(address, function.role_arn, function.published_version, _nothing(), pulumi.Output.all(**names))


def _rollouts_in_lambda(
    component: ServingEndpoint, name: str, args: ServingEndpointArgs, given: ServingRollout, made: serverless.Function
) -> None:
    objects, place = Objects.of(component, name), Place.of(component)
    wanted = rollout_objects.namespace_name(name, args, given)
    namespace = objects.namespace_name("namespace", name=wanted)
    rollouts = rollout_objects.Rollouts(name, args, given, objects, place, namespace)
    arn = place.arn("lambda", f"function:{made.function_name}")
    rollout_objects.of_function(rollouts, Function(made.function_name, arn, made.key_arn))


def _rollout_template(name: str, args: ServingEndpointArgs) -> pulumi.Output[Mapping[str, str]]:
    if args.rollout is None:
        return _nothing()
    namespace = rollout_objects.namespace_name(name, args, args.rollout)
    return pulumi.Output.from_input({"namespace": namespace, "name": f"{name}-{rollout_objects.ROLE}"})


def _nothing() -> pulumi.Output[Mapping[str, str]]:
    # Output.all of nothing would be a list.
    return pulumi.Output.from_input({})


def _model(args: ServingEndpointArgs) -> ModelSource:
    return ModelSource(args.model_bucket_name, args.model.name, args.model.version, args.model_key_arn)


def _log_target(args: ServingEndpointArgs) -> serverless.LogTarget | None:
    log, bucket, key_arn = args.request_log, args.feature_bucket_name, args.feature_key_arn
    if log is None or bucket is None or key_arn is None:
        return None
    return serverless.LogTarget(bucket, key_arn, 0 if log.sample_percent is None else log.sample_percent)


def _check_names(name: str, args: ServingEndpointArgs) -> None:
    try:
        request_log.prefix(name)
        if args.serverless is None:
            SERVICE(name)
        for kind, made, autonamed in _names(name, args):
            check(kind, made, autonamed=autonamed)
        if args.rollout:
            _check_schedule(f"{name}-{rollout_objects.ROLE}")
    except ValueError as error:
        raise InvalidArgs(f"ServingEndpoint {name!r}: {error}") from None


def _check_schedule(name: str) -> None:
    over = len(name) - LONGEST_SCHEDULE
    if over > 0:
        raise ValueError(
            f"CronWorkflow {name!r} has {len(name)} characters; allowed: {LONGEST_SCHEDULE}; fix: take away {over}"
        )


def _names(name: str, args: ServingEndpointArgs) -> Iterator[tuple[Kind, str, bool]]:
    """The names made of the endpoint's that leave the least room, each with its kind and whether Pulumi adds to it."""
    versions = {args.model.version, *_candidates(args)} if not args.rollout else set()
    server = "" if args.serverless else "-server"
    yield from ((Kind.IAM_POLICY, f"{name}{server}-model-{version}", True) for version in sorted(versions))
    if args.rollout:
        yield Kind.IAM_POLICY, f"{name}-{rollout_objects.ROLE}-promotion", True
    if args.serverless:
        yield Kind.IAM_ROLE, f"{name}-function", True
        yield Kind.LAMBDA_FUNCTION, args.serverless.function_name or name, False
        if args.serverless.vpc:
            yield Kind.SECURITY_GROUP, f"{name}-function", True
        return
    yield Kind.IAM_ROLE, f"{name}-server-role", True
    # The first label of the host.
    yield Kind.KUBERNETES, f"{name}-{args.namespace or name}", False
    if args.kserve:
        # KServe's label of pods for its Service (kserve v0.20.0, GetRawServiceLabel).
        yield Kind.KUBERNETES, f"isvc-{kserve.deployment(name, CANARY)}", False


def _candidates(args: ServingEndpointArgs) -> list[str]:
    canary = args.canary or (args.serverless and args.serverless.canary)
    return [canary.model_version] if canary and canary.model_version else []
