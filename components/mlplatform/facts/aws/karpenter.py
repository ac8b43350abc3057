"""What Karpenter 1.14 needs of AWS: its controller's permissions, its interruption queue and the events sent there.

From the CloudFormation template that Karpenter 1.14 documents (Reference, CloudFormation), split into policies as
there, since one managed policy would exceed IAM's 6144 characters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mlplatform.facts.aws.iam import Conditions, Statement, deny_insecure_transport, document

VERSION: Final = "1.14"
"""Version of Karpenter whose documentation this follows."""
DISCOVERY_TAG: Final = "karpenter.sh/discovery"
"""On a subnet: the cluster whose nodes may be there; a convention of Karpenter's documentation, not a rule."""
QUEUE_RETENTION_SECONDS: Final = 300
"""How long the interruption queue keeps a message: an older warning warns of nothing."""
QUEUE_SQS_MANAGED_SSE: Final = True
"""The queue is encrypted by SQS itself: EventBridge could not write to one encrypted by AWS's own KMS key."""

_EVENTS: Final = (
    ("scheduled-change", "aws.health", "AWS Health Event"),
    ("spot-interruption", "aws.ec2", "EC2 Spot Instance Interruption Warning"),
    ("rebalance", "aws.ec2", "EC2 Instance Rebalance Recommendation"),
    ("state-change", "aws.ec2", "EC2 Instance State-change Notification"),
    ("capacity-reservation", "aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
)


def interruption_events() -> Mapping[str, dict[str, list[str]]]:
    """Short name to EventBridge pattern of every event that the interruption queue gets."""
    return MappingProxyType({name: {"source": [source], "detail-type": [detail]} for name, source, detail in _EVENTS})


def interruption_queue_policy(queue_arn: object, rule_arns: Sequence[object]) -> dict[str, object]:
    """The queue's policy: these rules may send, nobody without TLS may do anything.

    Narrower than Karpenter's template, which lets EventBridge send for any rule of any account.
    """
    if not rule_arns:
        raise ValueError("interruption queue has no rules; allowed: one or more ARNs; fix: give the rules' ARNs")
    send = Statement(
        sid="RulesSend",
        actions=("sqs:SendMessage",),
        resources=(queue_arn,),
        principals={"Service": ("events.amazonaws.com",)},
        conditions={"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
    )
    return document(send, deny_insecure_transport("sqs", (queue_arn,)))


@dataclass(frozen=True, slots=True)
class _Controller:
    """The values that Karpenter's template substitutes."""

    cluster_name: str
    partition: str
    region: str
    account_id: str
    node_role_arn: object
    queue_arn: object
    cluster_arn: object

    def ec2(self, *kinds: str, account: str = "*") -> tuple[str, ...]:
        return tuple(f"arn:{self.partition}:ec2:{self.region}:{account}:{kind}/*" for kind in kinds)

    @property
    def instance_profiles(self) -> tuple[str, ...]:
        return (f"arn:{self.partition}:iam::{self.account_id}:instance-profile/*",)

    def owned(self, tag_of: str) -> dict[str, object]:
        return {f"aws:{tag_of}Tag/kubernetes.io/cluster/{self.cluster_name}": "owned"}

    def requested(self) -> dict[str, object]:
        return {**self.owned("Request"), "aws:RequestTag/eks:eks-cluster-name": self.cluster_name}

    def located(self, tag_of: str) -> dict[str, object]:
        return {f"aws:{tag_of}Tag/topology.kubernetes.io/region": self.region}


def controller_policies(  # noqa: PLR0913 - the template's own parameters
    *,
    cluster_name: str,
    partition: str,
    region: str,
    account_id: str,
    node_role_arn: object,
    queue_arn: object,
    cluster_arn: object,
) -> Mapping[str, dict[str, object]]:
    """Policy role (`node-lifecycle`, ...) to policy document of Karpenter's controller; one managed policy each.

    Names and ids are plain, since condition keys hold them; ARNs may be anything that is serialised later.
    """
    controller = _Controller(cluster_name, partition, region, account_id, node_role_arn, queue_arn, cluster_arn)
    return MappingProxyType({role: document(*statements(controller)) for role, statements in _POLICIES.items()})


_LAUNCHED: Final = ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")
_TAGGED_LATER: Final = ("eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name")
_NODE_POOL: Final = "karpenter.sh/nodepool"
_NODE_CLASS: Final = "karpenter.k8s.aws/ec2nodeclass"


def _node_lifecycle(controller: _Controller) -> tuple[Statement, ...]:
    owned: Conditions = {
        "StringEquals": controller.owned("Resource"),
        "StringLike": {f"aws:ResourceTag/{_NODE_POOL}": "*"},
    }
    any_pool = {f"aws:RequestTag/{_NODE_POOL}": "*"}
    return (
        Statement(
            sid="AllowScopedEC2InstanceAccessActions",
            actions=("ec2:RunInstances", "ec2:CreateFleet"),
            resources=(
                *controller.ec2("image", "snapshot", account=""),
                *controller.ec2("security-group", "subnet", "capacity-reservation", "placement-group"),
            ),
        ),
        Statement(
            sid="AllowScopedEC2LaunchTemplateAccessActions",
            actions=("ec2:RunInstances", "ec2:CreateFleet"),
            resources=controller.ec2("launch-template"),
            conditions=owned,
        ),
        Statement(
            sid="AllowScopedEC2InstanceActionsWithTags",
            actions=("ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"),
            resources=controller.ec2(*_LAUNCHED),
            conditions={"StringEquals": controller.requested(), "StringLike": any_pool},
        ),
        Statement(
            sid="AllowScopedResourceCreationTagging",
            actions=("ec2:CreateTags",),
            resources=controller.ec2(*_LAUNCHED),
            conditions={
                "StringEquals": {
                    **controller.requested(),
                    "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
                },
                "StringLike": any_pool,
            },
        ),
        Statement(
            sid="AllowScopedResourceTagging",
            actions=("ec2:CreateTags",),
            resources=controller.ec2("instance"),
            conditions={
                **owned,
                "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": controller.cluster_name},
                "ForAllValues:StringEquals": {"aws:TagKeys": list(_TAGGED_LATER)},
            },
        ),
        Statement(
            sid="AllowScopedDeletion",
            actions=("ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"),
            resources=controller.ec2("instance", "launch-template"),
            conditions=owned,
        ),
    )


def _iam_integration(controller: _Controller) -> tuple[Statement, ...]:
    held = {**controller.owned("Resource"), **controller.located("Resource")}
    asked = {**controller.requested(), **controller.located("Request")}
    held_class = {f"aws:ResourceTag/{_NODE_CLASS}": "*"}
    asked_class = {f"aws:RequestTag/{_NODE_CLASS}": "*"}
    return (
        Statement(
            sid="AllowPassingInstanceRole",
            actions=("iam:PassRole",),
            resources=(controller.node_role_arn,),
            conditions={"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}},
        ),
        Statement(
            sid="AllowScopedInstanceProfileCreationActions",
            actions=("iam:CreateInstanceProfile",),
            resources=controller.instance_profiles,
            conditions={"StringEquals": asked, "StringLike": asked_class},
        ),
        Statement(
            sid="AllowScopedInstanceProfileTagActions",
            actions=("iam:TagInstanceProfile",),
            resources=controller.instance_profiles,
            conditions={"StringEquals": {**held, **asked}, "StringLike": {**held_class, **asked_class}},
        ),
        Statement(
            sid="AllowScopedInstanceProfileActions",
            actions=("iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"),
            resources=controller.instance_profiles,
            conditions={"StringEquals": held, "StringLike": held_class},
        ),
    )


def _eks_integration(controller: _Controller) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="AllowAPIServerEndpointDiscovery", actions=("eks:DescribeCluster",), resources=(controller.cluster_arn,)
        ),
    )


def _interruption(controller: _Controller) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="AllowInterruptionQueueActions",
            actions=("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"),
            resources=(controller.queue_arn,),
        ),
    )


def _zonal_shift(controller: _Controller) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="AllowZonalShiftStatusReadOnly",
            actions=("arc-zonal-shift:GetManagedResource",),
            resources=("*",),
            conditions={"StringEquals": {"arc-zonal-shift:ResourceIdentifier": controller.cluster_arn}},
        ),
    )


_DESCRIBED: Final = (
    "CapacityReservations",
    "Images",
    "Instances",
    "InstanceStatus",
    "InstanceTypeOfferings",
    "InstanceTypes",
    "LaunchTemplates",
    "PlacementGroups",
    "SecurityGroups",
    "SpotPriceHistory",
    "Subnets",
)


def _resource_discovery(controller: _Controller) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="AllowRegionalReadActions",
            actions=tuple(f"ec2:Describe{kind}" for kind in _DESCRIBED),
            resources=("*",),
            conditions={"StringEquals": {"aws:RequestedRegion": controller.region}},
        ),
        Statement(
            sid="AllowSSMReadActions",
            actions=("ssm:GetParameter",),
            resources=(f"arn:{controller.partition}:ssm:{controller.region}::parameter/aws/service/*",),
        ),
        Statement(sid="AllowPricingReadActions", actions=("pricing:GetProducts",), resources=("*",)),
        Statement(
            sid="AllowUnscopedInstanceProfileListAction", actions=("iam:ListInstanceProfiles",), resources=("*",)
        ),
        Statement(
            sid="AllowInstanceProfileReadActions",
            actions=("iam:GetInstanceProfile",),
            resources=controller.instance_profiles,
        ),
    )


_POLICIES: Final = MappingProxyType(
    {
        "node-lifecycle": _node_lifecycle,
        "iam-integration": _iam_integration,
        "eks-integration": _eks_integration,
        "interruption": _interruption,
        "zonal-shift": _zonal_shift,
        "resource-discovery": _resource_discovery,
    }
)
