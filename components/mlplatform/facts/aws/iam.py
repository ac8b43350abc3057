"""IAM policy documents as plain dictionaries, checked where they are built.

Values inside may be anything that the caller serialises later, such as Pulumi outputs; names of actions, condition
operators and condition keys are plain text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

VERSION: Final = "2012-10-17"
"""The policy language's current version."""
MANAGED_POLICY_CHARACTERS: Final = 6144
"""Longest managed policy, white space not counted (IAM User Guide, IAM and AWS STS quotas)."""
ATTACHED_POLICIES: Final = 10
"""Managed policies that a role can have by default (IAM User Guide, IAM and AWS STS quotas)."""

Conditions = Mapping[str, Mapping[str, object]]
"""Operator to condition key to the value or values, as in `{"StringEquals": {"aws:SourceAccount": "123456789012"}}`."""

ANYONE: Final[Mapping[str, Sequence[object]]] = MappingProxyType({"AWS": ("*",)})
"""Every principal: for statements that deny."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy document."""

    sid: str
    """Name of the statement, letters and digits, unique in its document."""
    actions: Sequence[str]
    """Actions, such as `s3:GetObject`; at least one."""
    resources: Sequence[object] = ()
    """ARNs; empty in a trust policy only."""
    effect: Literal["Allow", "Deny"] = "Allow"
    """Whether the actions are allowed or denied."""
    principals: Mapping[str, Sequence[object]] | None = None
    """Who, by kind (`AWS`, `Service`, `Federated`), in policies of resources and roles; None in those of identities."""
    conditions: Conditions | None = None
    """When; None for always."""
    not_resources: Sequence[object] = ()
    """ARNs instead of `resources`: everything but these, in statements that deny only."""

    def as_dict(self) -> dict[str, object]:
        """The statement in the policy language; lists stay lists, absent parts are left out."""
        parts: dict[str, object] = {"Sid": self.sid, "Effect": self.effect}
        if self.principals is not None:
            parts["Principal"] = {kind: list(who) for kind, who in self.principals.items()}
        parts["Action"] = list(self.actions)
        if self.resources:
            parts["Resource"] = list(self.resources)
        if self.not_resources:
            parts["NotResource"] = list(self.not_resources)
        if self.conditions:
            parts["Condition"] = {operator: dict(keys) for operator, keys in self.conditions.items()}
        return parts


def document(*statements: Statement) -> dict[str, object]:
    """A policy document of these statements, in their order.

    ValueError for no statement, a Sid that is not alphanumeric or not unique, no action, neither resources nor
    principals, principals in some statements only, and an allowance to everyone without a condition.
    """
    if not statements:
        raise ValueError("policy has no statement; allowed: one or more; fix: leave the policy out instead")
    seen: set[str] = set()
    for statement in statements:
        _check(statement)
        if statement.sid in seen:
            raise ValueError(f"Sid {statement.sid!r} is given twice; allowed: once a document; fix: rename one")
        seen.add(statement.sid)
    if len({statement.principals is None for statement in statements}) > 1:
        raise ValueError(
            "only some of the policy's statements have principals; allowed: all or none; fix: name principals in every "
            "statement of a resource's policy"
        )
    return {"Version": VERSION, "Statement": [statement.as_dict() for statement in statements]}


def _check(statement: Statement) -> None:
    sid = statement.sid
    if not re.fullmatch(r"[A-Za-z0-9]+", sid):
        raise ValueError(f"Sid {sid!r} is not accepted; allowed: letters and digits; fix: take other characters out")
    if not statement.actions:
        raise ValueError(f"statement {sid} has no action; allowed: one or more; fix: leave the statement out instead")
    if statement.not_resources and (statement.resources or statement.effect == "Allow"):
        raise ValueError(
            f"statement {sid} has not_resources and allows, or has resources too; allowed: a Deny with one of them; "
            "fix: name what is meant in resources"
        )
    if not statement.resources and not statement.not_resources and statement.principals is None:
        raise ValueError(f"statement {sid} has neither resources nor principals; allowed: one of them; fix: add it")
    if statement.effect == "Allow" and not statement.conditions and "*" in (statement.principals or {}).get("AWS", ()):
        raise ValueError(f"statement {sid} allows everyone, always; fix: name principals or add a condition")


def service_trust(
    service: str, *, source_account: object | None = None, source_arn: object | None = None
) -> dict[str, object]:
    """Trust policy for an AWS service such as `ec2.amazonaws.com`, narrowed to its calls for one account or resource.

    `source_arn` may hold wildcards. Not every service sends both: narrowed by what is not sent, the role
    cannot be assumed.
    """
    statement = Statement(
        sid="ServiceAssumesRole",
        actions=("sts:AssumeRole",),
        principals={"Service": (service,)},
        conditions=_from_source(source_account, source_arn),
    )
    return document(statement)


def pod_identity_trust(
    *,
    source_account: object | None = None,
    cluster_arn: object | None = None,
    namespace: object | None = None,
    service_account: object | None = None,
) -> dict[str, object]:
    """Trust policy for EKS Pod Identity, narrowed to what is given.

    `aws:SourceArn` is the cluster's ARN, not the association's (EKS Best Practices Guide, Identity and Access
    Management). Namespace and service account are session tags of the request (EKS User Guide, Create IAM role with
    trust policy required by EKS Pod Identity), so an association with `disableSessionTags` cannot take a role narrowed
    by them.
    """
    tags = {"kubernetes-namespace": namespace, "kubernetes-service-account": service_account}
    tagged = {f"aws:RequestTag/{tag}": value for tag, value in tags.items() if value is not None}
    statement = Statement(
        sid="PodIdentityAssumesRole",
        actions=("sts:AssumeRole", "sts:TagSession"),
        principals={"Service": ("pods.eks.amazonaws.com",)},
        conditions=_from_source(source_account, cluster_arn, tagged),
    )
    return document(statement)


def _from_source(
    account: object | None, arn_pattern: object | None, equals: Mapping[str, object] | None = None
) -> Conditions:
    exactly = {"aws:SourceAccount": account, **(equals or {})}
    wanted: dict[str, Mapping[str, object]] = {
        "StringEquals": {key: value for key, value in exactly.items() if value is not None},
        "ArnLike": {} if arn_pattern is None else {"aws:SourceArn": arn_pattern},
    }
    return {operator: keys for operator, keys in wanted.items() if keys}


def oidc_trust(
    provider_arn: object, issuer_host: str, subject: str | Sequence[str], audience: str
) -> dict[str, object]:
    """Trust policy for tokens of an OpenID Connect provider.

    `issuer_host` is the issuer without scheme, such as `token.actions.githubusercontent.com`. A subject may hold
    wildcards where a name ended before them, as in `repo:org/name:*`; ValueError for wider ones, which others' tokens
    match too.
    """
    subjects = [subject] if isinstance(subject, str) else list(subject)
    for pattern in subjects or [""]:
        if not re.fullmatch(r"[^*?]+|[^*?:]+:[^*?]+[/:][*?].*", pattern):
            raise ValueError(
                f"subject {pattern!r} is too wide; allowed: a wildcard after kind and name; fix: write for example "
                "repo:org/name:environment:prod"
            )
    operator = "StringLike" if any(set("*?") & set(pattern) for pattern in subjects) else "StringEquals"
    conditions: dict[str, dict[str, object]] = {"StringEquals": {f"{issuer_host}:aud": audience}}
    conditions.setdefault(operator, {})[f"{issuer_host}:sub"] = subjects
    statement = Statement(
        sid="TokenAssumesRole",
        actions=("sts:AssumeRoleWithWebIdentity",),
        principals={"Federated": (provider_arn,)},
        conditions=conditions,
    )
    return document(statement)


def account_trust(principal_arns: Sequence[object]) -> dict[str, object]:
    """Trust policy for accounts (their root ARNs) or roles; ValueError for nobody or everybody."""
    if not principal_arns or "*" in principal_arns:
        raise ValueError(
            f"principals {list(principal_arns)} are not trusted; allowed: ARNs; fix: name accounts or roles"
        )
    return document(
        Statement(sid="AccountAssumesRole", actions=("sts:AssumeRole",), principals={"AWS": tuple(principal_arns)})
    )


def deny_insecure_transport(service: str, arns: Sequence[object]) -> Statement:
    """Statement of a resource's policy that refuses requests without TLS; `service` is the prefix of its actions.

    A bucket needs two ARNs: its own, and that with `/*` for its objects.
    """
    return Statement(
        sid="DenyInsecureTransport",
        effect="Deny",
        actions=(f"{service}:*",),
        resources=tuple(arns),
        principals=ANYONE,
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


def require_tls(arns: Sequence[object], version: str = "1.2") -> Statement:
    """Statement of a bucket's policy that refuses TLS older than `version`; a bucket needs two ARNs, as above."""
    return Statement(
        sid="DenyOldTls",
        effect="Deny",
        actions=("s3:*",),
        resources=tuple(arns),
        principals=ANYONE,
        conditions={"NumericLessThan": {"s3:TlsVersion": version}},
    )


def arn(service: str, resource: str, *, partition: str = "aws", region: str = "", account: str = "") -> str:
    """An ARN of plain values, such as `arn:aws:s3:::bucket`."""
    return f"arn:{partition}:{service}:{region}:{account}:{resource}"


# Beginning of a region's name, its partition and its domain, from botocore's partitions; the longer ones come first.
_PARTITIONS: Final = (
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("", "aws", "amazonaws.com"),
)


def region_of(name: str) -> str:
    """Return the region of an ARN; empty for a global service, and for the empty ARN of what does not exist."""
    return f"{name}::::".split(":")[3]


def partition_of(region: str) -> str:
    """The partition of a region, such as `aws-cn` of `cn-north-1`; ValueError where it is not a region's name."""
    return _partition(region)[1]


def dns_suffix(region: str) -> str:
    """The domain of a region's endpoints, such as `amazonaws.com`; ValueError where it is not a region's name."""
    return _partition(region)[2]


def _partition(region: str) -> tuple[str, str, str]:
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-\d", region):
        raise ValueError(f"region {region!r} is unknown; allowed: a region's code; fix: write for example eu-west-1")
    return next(row for row in _PARTITIONS if region.startswith(row[0]))
