"""What the AWS Load Balancer Controller may do.

Actions and conditions are those of the policy that its documentation has (AWS Load Balancer Controller, Installation
Guide, docs/install/iam_policy.json, with what later pages add for attributes of listeners and the order of rules), less
those of AWS WAF, Shield and Cognito: the controller is told not to use them. What it changes must have the tag that it
gives to all it makes.
"""

from collections.abc import Mapping
from typing import Final

from mlplatform.facts.aws.iam import Conditions, Statement, document

TAG: Final = "elbv2.k8s.aws/cluster"
"""Tag of everything that the controller makes; its value is the cluster's name."""
SERVICE: Final = "elasticloadbalancing"

_DESCRIBE_EC2: Final = (
    "AccountAttributes",
    "Addresses",
    "AvailabilityZones",
    "CoipPools",
    "Instances",
    "InternetGateways",
    "IpamPools",
    "NetworkInterfaces",
    "RouteTables",
    "SecurityGroups",
    "Subnets",
    "Tags",
    "VpcPeeringConnections",
    "Vpcs",
)
_DESCRIBE: Final = (
    "CapacityReservation",
    "ListenerAttributes",
    "ListenerCertificates",
    "Listeners",
    "LoadBalancerAttributes",
    "LoadBalancers",
    "Rules",
    "SSLPolicies",
    "Tags",
    "TargetGroupAttributes",
    "TargetGroups",
    "TargetHealth",
    "TrustStores",
)
# Listeners and rules have no tag of the controller's when it makes or changes them.
_LISTENERS: Final = (
    "AddListenerCertificates",
    "CreateListener",
    "CreateRule",
    "DeleteListener",
    "DeleteRule",
    "ModifyListener",
    "ModifyListenerAttributes",
    "ModifyRule",
    "RemoveListenerCertificates",
    "SetRulePriorities",
)
_OWNED: Final = (
    "DeleteLoadBalancer",
    "DeleteTargetGroup",
    "ModifyCapacityReservation",
    "ModifyIpPools",
    "ModifyLoadBalancerAttributes",
    "ModifyTargetGroup",
    "ModifyTargetGroupAttributes",
    "SetIpAddressType",
    "SetSecurityGroups",
    "SetSubnets",
)
_READ_ELSEWHERE: Final = (
    "acm:DescribeCertificate",
    "acm:ListCertificates",
    "ec2:GetCoipPoolUsage",
    "ec2:GetSecurityGroupsForVpc",
    "iam:GetServerCertificate",
    "iam:ListServerCertificates",
)


def _tagged(kind: str, *, missing: bool) -> Mapping[str, object]:
    """The condition that the request (`Request`) or the resource (`Resource`) lacks the controller's tag, or has it."""
    return {f"aws:{kind}Tag/{TAG}": "true" if missing else "false"}


def controller_policy(partition: str) -> dict[str, object]:
    """The policy of the controller's role, in one document that a managed policy holds."""
    requested: Conditions = {"Null": _tagged("Request", missing=False)}
    owned: Conditions = {"Null": _tagged("Resource", missing=False)}
    retagged: Conditions = {"Null": {**_tagged("Request", missing=True), **_tagged("Resource", missing=False)}}
    groups = (f"arn:{partition}:ec2:*:*:security-group/*",)
    targets = f"arn:{partition}:{SERVICE}:*:*:targetgroup/*/*"
    balancers = (targets, *(f"arn:{partition}:{SERVICE}:*:*:loadbalancer/{kind}/*/*" for kind in ("net", "app")))
    listeners = tuple(
        f"arn:{partition}:{SERVICE}:*:*:{part}/{kind}/*/*/*"
        for part in ("listener", "listener-rule")
        for kind in ("net", "app")
    )
    describe = (*(f"ec2:Describe{of}" for of in _DESCRIBE_EC2), *(f"{SERVICE}:Describe{of}" for of in _DESCRIBE))
    return document(
        Statement(
            "LinkedRole",
            ("iam:CreateServiceLinkedRole",),
            ("*",),
            conditions={"StringEquals": {"iam:AWSServiceName": f"{SERVICE}.amazonaws.com"}},
        ),
        Statement("Read", (*describe, *_READ_ELSEWHERE), ("*",)),
        # Rules of the cluster's and nodes' groups, which it did not make.
        Statement("Rules", ("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"), ("*",)),
        Statement("MakeGroups", ("ec2:CreateSecurityGroup",), ("*",)),
        Statement(
            "TagNewGroups",
            ("ec2:CreateTags",),
            groups,
            conditions={"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}, **requested},
        ),
        Statement("TagGroups", ("ec2:CreateTags", "ec2:DeleteTags"), groups, conditions=retagged),
        Statement("DeleteGroups", ("ec2:DeleteSecurityGroup",), ("*",), conditions=owned),
        Statement(
            "Make", (f"{SERVICE}:CreateLoadBalancer", f"{SERVICE}:CreateTargetGroup"), ("*",), conditions=requested
        ),
        Statement("Listeners", tuple(f"{SERVICE}:{action}" for action in _LISTENERS), ("*",)),
        Statement("Retag", (f"{SERVICE}:AddTags", f"{SERVICE}:RemoveTags"), balancers, conditions=retagged),
        Statement("TagListeners", (f"{SERVICE}:AddTags", f"{SERVICE}:RemoveTags"), listeners),
        Statement(
            "TagNew",
            (f"{SERVICE}:AddTags",),
            balancers,
            conditions={
                "StringEquals": {f"{SERVICE}:CreateAction": ["CreateLoadBalancer", "CreateTargetGroup"]},
                **requested,
            },
        ),
        Statement("Change", tuple(f"{SERVICE}:{action}" for action in _OWNED), ("*",), conditions=owned),
        Statement("Targets", (f"{SERVICE}:RegisterTargets", f"{SERVICE}:DeregisterTargets"), (targets,)),
    )
