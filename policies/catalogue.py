"""The rules of the policy pack, one row each: what is forbidden, why, and how to mend it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_policy import EnforcementLevel, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy, Severity

Findings = Iterator[str]
CONTROL_PLANE_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
OPEN = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, for one type of resource."""

    id: str
    """Name of the policy, as configuration and findings show it."""
    kind: str
    """Type token of the resources that it judges."""
    severity: Severity
    """How bad a violation is, for people who sort findings."""
    level: EnforcementLevel
    """What the engine does with a violation unless configured otherwise."""
    why: str
    """What goes wrong without it."""
    fix: str
    """What to change, in the imperative."""
    findings: Callable[[Mapping[str, Any]], Findings]
    """Judges a resource's properties; yields one sentence a finding."""


def keys_rotate(key: Mapping[str, Any]) -> Findings:
    """A symmetric key without yearly rotation."""
    if not key.get("enableKeyRotation"):
        yield "The KMS key must rotate its key material."


def secrets_encrypted(cluster: Mapping[str, Any]) -> Findings:
    """An EKS cluster whose Kubernetes secrets lie under no customer key."""
    if not cluster.get("encryptionConfig"):
        yield "The EKS cluster must encrypt Kubernetes secrets with a KMS key."


def control_plane_logs(cluster: Mapping[str, Any]) -> Findings:
    """An EKS cluster that keeps back one of its control plane's logs."""
    enabled = list(cluster.get("enabledClusterLogTypes") or [])
    missing = [name for name in CONTROL_PLANE_LOGS if name not in enabled]
    if missing:
        yield f"The EKS cluster must send all control-plane logs; missing: {', '.join(missing)}."


def endpoint_not_open(cluster: Mapping[str, Any]) -> Findings:
    """An EKS cluster whose Kubernetes API anyone can reach; a public endpoint without CIDRs is open to all."""
    access = cluster.get("vpcConfig") or {}
    if access.get("endpointPublicAccess") is False:
        return
    cidrs = list(access.get("publicAccessCidrs") or OPEN[:1])
    for cidr in cidrs:
        if cidr in OPEN:
            yield f"The EKS cluster's public endpoint must not be open to {cidr}."


RULES = (
    Rule(
        id="kms-rotation",
        kind="aws:kms/key:Key",
        severity=Severity.HIGH,
        level=EnforcementLevel.MANDATORY,
        why="A key that never rotates makes every object ever written readable by one leak.",
        fix="Set enable_key_rotation=True.",
        findings=keys_rotate,
    ),
    Rule(
        id="eks-secrets-kms",
        kind="aws:eks/cluster:Cluster",
        severity=Severity.HIGH,
        level=EnforcementLevel.MANDATORY,
        why="Without it, who reads etcd or its backups reads every Kubernetes secret.",
        fix="Set encryption_config with a customer-managed key and resources=['secrets'].",
        findings=secrets_encrypted,
    ),
    Rule(
        id="eks-control-plane-logs",
        kind="aws:eks/cluster:Cluster",
        severity=Severity.MEDIUM,
        level=EnforcementLevel.MANDATORY,
        why="An incident that was not logged cannot be investigated.",
        fix="Set enabled_cluster_log_types to all five types.",
        findings=control_plane_logs,
    ),
    Rule(
        id="eks-endpoint-no-open-cidr",
        kind="aws:eks/cluster:Cluster",
        severity=Severity.CRITICAL,
        level=EnforcementLevel.MANDATORY,
        why="A Kubernetes API that the whole internet reaches is one leaked credential from loss.",
        fix="Set endpoint_public_access=False, or list your own public_access_cidrs.",
        findings=endpoint_not_open,
    ),
)
"""Every rule of the pack, in the order of its documentation."""


def policy(rule: Rule) -> ResourceValidationPolicy:
    """The rule as the engine runs it; it returns at once for resources of another type."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type == rule.kind:
            for finding in rule.findings(args.props):
                report(f"{finding} {rule.fix}", None)

    return ResourceValidationPolicy(
        name=rule.id,
        description=rule.why,
        validate=validate,
        enforcement_level=rule.level,
        severity=rule.severity,
        remediation_steps=rule.fix,
    )
