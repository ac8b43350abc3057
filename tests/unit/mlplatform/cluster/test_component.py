"""Cluster, on its recorded graph."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from examples.cluster import ADOPTED, BASE, EXISTING, KARPENTER, KEY, ROLE
from mlplatform.cluster import Cluster, ClusterArgs, ClusterSettings
from mlplatform.cluster.kubeconfig import kubeconfig
from mlplatform.core.args import InvalidArgs
from promises import covers
from recorded import Recorded, Refused, absent, anything, exactly, json_of, record, secret

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
ADDON = "aws:eks/addon:Addon"
KEY_TYPE = "aws:kms/key:Key"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ENTRY = "aws:eks/accessEntry:AccessEntry"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ROLE_TYPE = "aws:iam/role:Role"
POD_IDENTITY = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
LINKED = "aws:iam/serviceLinkedRole:ServiceLinkedRole"
PROVIDER = "pulumi:providers:kubernetes"

REQUIRED = ("name", "deployer_arns", "addon_versions", "control_plane_subnet_ids", "node_subnet_ids")
SMALLEST = {field: BASE[field] for field in REQUIRED}


def graph_of(args: Mapping[str, Any], **options: Any) -> Recorded:
    return record(lambda: Cluster("x", ClusterArgs.of(args)), **options)


def names(graph: Recorded, resource: Mapping[str, Any]) -> set[str]:
    """Type and name of what a resource waits for."""
    by_urn = {node["urn"]: f"{node['type'].rpartition(':')[2]} {node['name']}" for node in graph.resources}
    return {by_urn[urn] for urn in resource["dependencies"]}


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


@pytest.fixture(scope="module")
def adopted() -> Recorded:
    return graph_of(ADOPTED)


@pytest.fixture(scope="module")
def adopted_with_karpenter() -> Recorded:
    return graph_of({**ADOPTED, "existing_karpenter": KARPENTER})


# --- control plane


@covers("cluster.version", field="ClusterArgs.version", ends_in="aws:eks/cluster:Cluster.version")
def test_version_is_1_35(smallest: Recorded) -> None:
    smallest.has(CLUSTER, {"version": "1.35", "upgradePolicy": {"supportType": "STANDARD"}})


@covers("cluster.name", field="ClusterArgs.name", ends_in="aws:eks/cluster:Cluster.name")
def test_name_is_the_one_given(smallest: Recorded) -> None:
    smallest.has(CLUSTER, {"name": "ml-dev"}, name="x-cluster")


def test_control_plane_is_in_its_subnets(smallest: Recorded) -> None:
    smallest.has(CLUSTER, {"vpcConfig": {"subnetIds": SMALLEST["control_plane_subnet_ids"]}})


@covers(
    "cluster.private-endpoint",
    field="ClusterArgs.public_access_cidrs",
    ends_in="aws:eks/cluster:Cluster.vpcConfig.endpointPublicAccess",
)
def test_endpoint_is_private(smallest: Recorded) -> None:
    wanted = {"endpointPrivateAccess": True, "endpointPublicAccess": False, "publicAccessCidrs": absent}
    smallest.has(CLUSTER, {"vpcConfig": wanted})


@covers(
    "cluster.public-cidrs",
    field="ClusterArgs.public_access_cidrs",
    ends_in="aws:eks/cluster:Cluster.vpcConfig.publicAccessCidrs",
)
def test_endpoint_is_public_to_the_ranges_named_only(full: Recorded) -> None:
    wanted = {"endpointPrivateAccess": True, "endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]}
    full.has(CLUSTER, {"vpcConfig": wanted})


def test_private_ranges_reach_the_endpoint_over_https(full: Recorded) -> None:
    rules = {node["inputs"]["cidrIpv4"]: node["inputs"] for node in full.all(INGRESS)}
    assert set(rules) == {"10.20.0.0/16", "192.168.7.0/24"}
    full.has(
        INGRESS,
        {"cidrIpv4": "10.20.0.0/16", "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "description": anything},
        name="x-api-10.20.0.0-16",
    )


def test_nobody_else_reaches_the_private_endpoint(smallest: Recorded) -> None:
    assert smallest.count(INGRESS) == 0


@covers("cluster.logs", field="ClusterArgs.name", ends_in="aws:eks/cluster:Cluster.enabledClusterLogTypes")
def test_all_five_logs_are_on(smallest: Recorded) -> None:
    wanted = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
    smallest.has(CLUSTER, {"enabledClusterLogTypes": wanted})


@covers(
    "cluster.log-group",
    field="ClusterArgs.log_retention_days",
    ends_in="aws:cloudwatch/logGroup:LogGroup.retentionInDays",
)
@covers("cluster.log-group", field="ClusterArgs.logs_key_arn", ends_in="aws:cloudwatch/logGroup:LogGroup.kmsKeyId")
def test_logs_are_encrypted_and_kept_for_a_time(smallest: Recorded) -> None:
    key = smallest.one(KEY_TYPE, "x-logs-key")
    wanted = {"name": "/aws/eks/ml-dev/cluster", "retentionInDays": 90, "kmsKeyId": key["outputs"]["arn"]}
    smallest.has(LOG_GROUP, wanted)


@covers("cluster.log-group", field="ClusterArgs.name", ends_in="aws:cloudwatch/logGroup:LogGroup.name")
def test_cluster_waits_for_its_log_group_and_its_policies(smallest: Recorded) -> None:
    assert names(smallest, smallest.one(CLUSTER)) == {
        "LogGroup x-logs",
        "Role x-cluster-role",
        "RolePolicyAttachment x-cluster-role-AmazonEKSClusterPolicy",
        "Key x-secrets-key",
    }


def test_logs_key_admits_cloudwatch_for_that_group_only(smallest: Recorded) -> None:
    statement = smallest.statements(KEY_TYPE, "x-logs-key")[1]
    assert statement["Principal"] == {"Service": ["logs.us-east-1.amazonaws.com"]}
    assert statement["Condition"] == {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": [
                "arn:aws:logs:us-east-1:123456789012:log-group:/aws/eks/ml-dev/cluster"
            ]
        }
    }


@covers(
    "cluster.secrets-kms",
    field="ClusterArgs.secrets_key_arn",
    ends_in="aws:eks/cluster:Cluster.encryptionConfig.provider.keyArn",
)
def test_secrets_are_encrypted_by_an_own_key(smallest: Recorded) -> None:
    key = smallest.one(KEY_TYPE, "x-secrets-key")
    wanted = {"provider": {"keyArn": key["outputs"]["arn"]}, "resources": ["secrets"]}
    smallest.has(CLUSTER, {"encryptionConfig": wanted})


def test_secrets_key_admits_the_cluster_role(smallest: Recorded) -> None:
    role = smallest.one(ROLE_TYPE, "x-cluster-role")
    assert smallest.statements(KEY_TYPE, "x-secrets-key")[1]["Principal"] == {"AWS": [role["outputs"]["arn"]]}


@covers("cluster.kms-rotation", field="ClusterArgs.secrets_key_arn", ends_in="aws:kms/key:Key.enableKeyRotation")
def test_every_key_rotates(smallest: Recorded) -> None:
    assert {node["name"]: node["inputs"]["enableKeyRotation"] for node in smallest.all(KEY_TYPE)} == {
        "x-secrets-key": True,
        "x-logs-key": True,
        "x-ebs-key": True,
    }


def test_keys_given_are_used_and_none_is_made() -> None:
    keys = {f"{field}_key_arn": f"{KEY}00000000000{at}" for at, field in enumerate(("secrets", "logs", "ebs"))}
    graph = graph_of({**SMALLEST, **keys})
    assert graph.count(KEY_TYPE) == 0
    graph.has(CLUSTER, {"encryptionConfig": {"provider": {"keyArn": keys["secrets_key_arn"]}}})
    graph.has(LOG_GROUP, {"kmsKeyId": keys["logs_key_arn"]})
    graph.has(TEMPLATE, {"blockDeviceMappings": [{"ebs": {"kmsKeyId": keys["ebs_key_arn"]}}]})


def test_cluster_role_may_use_the_secrets_key_given() -> None:
    graph = graph_of({**SMALLEST, "secrets_key_arn": f"{KEY}000000000001"})
    (statement,) = graph.statements("aws:iam/rolePolicy:RolePolicy")
    assert statement["Action"] == ["kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"]
    assert statement["Resource"] == [f"{KEY}000000000001"]
    assert "RolePolicy x-secrets-key" in names(graph, graph.one(CLUSTER))


def test_cluster_role_is_for_eks_and_this_cluster(smallest: Recorded) -> None:
    (statement,) = smallest.statements(ROLE_TYPE, "x-cluster-role", "assumeRolePolicy")
    assert statement["Principal"] == {"Service": ["eks.amazonaws.com"]}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:eks:us-east-1:123456789012:cluster/ml-dev"},
    }


def test_eks_installs_nothing_by_itself(smallest: Recorded) -> None:
    smallest.has(CLUSTER, {"bootstrapSelfManagedAddons": False})


def test_services_and_zonal_shift_are_as_given() -> None:
    graph = graph_of({**SMALLEST, "service_cidr": "172.20.0.0/16", "zonal_shift": True})
    graph.has(
        CLUSTER,
        {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16"}, "zonalShiftConfig": {"enabled": True}},
    )


def test_services_and_zonal_shift_are_left_to_eks(smallest: Recorded) -> None:
    smallest.has(
        CLUSTER, {"kubernetesNetworkConfig": exactly({"ipFamily": "ipv4"}), "zonalShiftConfig": {"enabled": False}}
    )


@covers(
    "cluster.deletion-protection",
    field="ClusterArgs.deletion_protection",
    ends_in="aws:eks/cluster:Cluster.deletionProtection",
)
def test_cluster_is_protected_by_aws_and_by_pulumi(smallest: Recorded) -> None:
    smallest.has(CLUSTER, {"deletionProtection": True}, protect=True, retain_on_delete=True)
    smallest.has(LOG_GROUP, {"deletionProtectionEnabled": True}, protect=True, retain_on_delete=True)


def test_what_holds_data_is_protected_and_nothing_else(smallest: Recorded) -> None:
    kept = {node["type"].rpartition(":")[2] for node in smallest.resources if node["options"].get("protect")}
    assert kept == {"Cluster", "LogGroup", "Key", "Alias"}


def test_throw_away_cluster_is_not_protected() -> None:
    graph = graph_of({**SMALLEST, "deletion_protection": False})
    graph.has(CLUSTER, {"deletionProtection": False})
    graph.has(LOG_GROUP, {"deletionProtectionEnabled": False})
    assert [node["name"] for node in graph.resources if node["options"].get("protect")] == []


# --- access


@covers("cluster.deployers", field="ClusterArgs.deployer_arns", ends_in="aws:eks/accessEntry:AccessEntry.principalArn")
@covers(
    "cluster.deployers",
    field="ClusterArgs.deployer_arns",
    ends_in="aws:eks/accessPolicyAssociation:AccessPolicyAssociation.policyArn",
)
def test_every_deployer_has_an_entry_and_administers(smallest: Recorded) -> None:
    for arn in (f"{ROLE}ci/deployer", f"{ROLE}on-call"):
        smallest.has(ENTRY, {"principalArn": arn, "type": absent})
        smallest.has(
            ASSOCIATION,
            {
                "principalArn": arn,
                "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
                "accessScope": exactly({"type": "cluster"}),
            },
        )
    assert smallest.count(ASSOCIATION) == 2


@covers(
    "cluster.access-entries",
    field="ClusterArgs.access",
    ends_in="aws:eks/cluster:Cluster.accessConfig.authenticationMode",
)
def test_access_is_by_entries_only_and_not_by_creation(smallest: Recorded) -> None:
    wanted = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    smallest.has(CLUSTER, {"accessConfig": wanted})
    assert not [node for node in smallest.resources if node["type"].startswith("kubernetes:")]


@covers(
    "cluster.access-entries",
    field="ClusterArgs.access.policy",
    ends_in="aws:eks/accessPolicyAssociation:AccessPolicyAssociation.policyArn",
)
def test_principal_has_one_entry_and_an_association_a_policy(full: Recorded) -> None:
    entries = [node["inputs"]["principalArn"] for node in full.all(ENTRY)]
    assert entries.count(f"{ROLE}science") == 1
    prefix = "arn:aws:eks::aws:cluster-access-policy/"
    scopes = {
        node["inputs"]["policyArn"].removeprefix(prefix): node["inputs"]["accessScope"]
        for node in full.all(ASSOCIATION)
        if node["inputs"]["principalArn"] == f"{ROLE}science"
    }
    assert scopes == {
        "AmazonEKSViewPolicy": {"type": "cluster"},
        "AmazonEKSEditPolicy": {"type": "namespace", "namespaces": ["training", "notebooks"]},
    }


def test_association_waits_for_its_entry(smallest: Recorded) -> None:
    for node in smallest.all(ASSOCIATION):
        entry = node["name"].removesuffix("-AmazonEKSClusterAdminPolicy")
        assert names(smallest, node) == {"Cluster x-cluster", f"AccessEntry {entry}"}


def test_order_of_principals_means_nothing() -> None:
    reverse = graph_of({**BASE, "deployer_arns": list(reversed(BASE["deployer_arns"])), "access": []})
    forward = graph_of({**BASE, "access": []})
    assert {node["urn"] for node in reverse.resources} == {node["urn"] for node in forward.resources}


# --- add-ons


@covers("cluster.addons-pinned", field="ClusterArgs.addon_versions.vpc_cni", ends_in="aws:eks/addon:Addon.addonVersion")
@covers(
    "cluster.addons-pinned", field="ClusterArgs.addon_versions.kube_proxy", ends_in="aws:eks/addon:Addon.addonVersion"
)
@covers("cluster.addons-pinned", field="ClusterArgs.addon_versions.coredns", ends_in="aws:eks/addon:Addon.addonVersion")
def test_addons_have_the_versions_given(smallest: Recorded) -> None:
    assert {node["inputs"]["addonName"]: node["inputs"]["addonVersion"] for node in smallest.all(ADDON)} == {
        "vpc-cni": "v1.22.4-eksbuild.3",
        "kube-proxy": "v1.35.3-eksbuild.29",
        "coredns": "v1.13.2-eksbuild.31",
        "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
    }


def test_addons_take_over_what_they_find(smallest: Recorded) -> None:
    for node in smallest.all(ADDON):
        assert node["inputs"]["resolveConflictsOnCreate"] == "OVERWRITE"
        assert node["inputs"]["resolveConflictsOnUpdate"] == "OVERWRITE"


@covers("cluster.cni", field="ClusterArgs.addon_versions.vpc_cni", ends_in="aws:eks/addon:Addon.configurationValues")
def test_cni_enforces_policies_and_delegates_prefixes(smallest: Recorded) -> None:
    wanted = {
        "enableNetworkPolicy": "true",
        "env": exactly({"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"}),
    }
    smallest.has(ADDON, {"configurationValues": json_of(wanted)}, name="x-vpc-cni")


@covers(
    "cluster.pod-identity",
    field="ClusterArgs.addon_versions.pod_identity_agent",
    ends_in="aws:eks/addon:Addon.addonName",
)
def test_pod_identity_agent_is_there_before_the_cni(smallest: Recorded) -> None:
    waits = names(smallest, smallest.one(ADDON, "x-vpc-cni"))
    assert {"Addon x-eks-pod-identity-agent", "PodIdentityAssociation x-cni-association"} <= waits


def test_only_the_cni_may_manage_interfaces(smallest: Recorded) -> None:
    attached = {
        node["name"]: node["inputs"]["policyArn"].rpartition("/")[2]
        for node in smallest.all(ATTACHMENT)
        if "CNI" in node["inputs"]["policyArn"]
    }
    assert attached == {"x-cni-managed-0": "AmazonEKS_CNI_Policy"}
    smallest.has(POD_IDENTITY, {"namespace": "kube-system", "serviceAccount": "aws-node"}, name="x-cni-association")


def test_coredns_waits_for_nodes(smallest: Recorded) -> None:
    assert names(smallest, smallest.one(ADDON, "x-coredns")) == {"Cluster x-cluster", "NodeGroup x-system"}


# --- system nodes


@covers("cluster.nodes", field="ClusterArgs.nodes.size", ends_in="aws:eks/nodeGroup:NodeGroup.scalingConfig.minSize")
@covers("cluster.nodes", field="ClusterArgs.node_subnet_ids", ends_in="aws:eks/nodeGroup:NodeGroup.subnetIds")
def test_two_small_nodes_in_two_subnets(smallest: Recorded) -> None:
    smallest.has(
        NODE_GROUP,
        {
            "scalingConfig": {"minSize": 2, "desiredSize": 2, "maxSize": 2},
            "subnetIds": SMALLEST["node_subnet_ids"],
            "instanceTypes": ["m7i.large"],
            "amiType": "AL2023_x86_64_STANDARD",
            "capacityType": "ON_DEMAND",
            "taints": absent,
        },
    )


def test_a_larger_group_grows_at_once() -> None:
    graph = graph_of({**SMALLEST, "nodes": {"size": 4}})
    node_group = graph.one(NODE_GROUP)
    assert node_group["inputs"]["scalingConfig"] == {"minSize": 4, "desiredSize": 4, "maxSize": 4}
    assert "ignore_changes" not in node_group["options"]


def test_nodes_follow_the_version_of_the_cluster(full: Recorded) -> None:
    full.has(NODE_GROUP, {"version": "1.35", "releaseVersion": "1.35.3-20261001"})


def test_dedicated_nodes_are_tainted(full: Recorded) -> None:
    full.has(NODE_GROUP, {"taints": [{"key": "CriticalAddonsOnly", "value": "true", "effect": "NO_SCHEDULE"}]})


def test_nodes_are_replaced_one_by_one_and_repaired(smallest: Recorded) -> None:
    smallest.has(NODE_GROUP, {"updateConfig": {"maxUnavailable": 1}, "nodeRepairConfig": {"enabled": True}})


@covers(
    "cluster.nodes-encrypted",
    field="ClusterArgs.ebs_key_arn",
    ends_in="aws:ec2/launchTemplate:LaunchTemplate.blockDeviceMappings.ebs.kmsKeyId",
)
def test_root_volume_is_encrypted(smallest: Recorded) -> None:
    key = smallest.one(KEY_TYPE, "x-ebs-key")
    volume = {"volumeType": "gp3", "volumeSize": 50, "encrypted": "true", "kmsKeyId": key["outputs"]["arn"]}
    smallest.has(TEMPLATE, {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": volume}]})


@covers(
    "cluster.imds",
    field="ClusterArgs.nodes",
    ends_in="aws:ec2/launchTemplate:LaunchTemplate.metadataOptions.httpPutResponseHopLimit",
)
def test_pods_get_no_credentials_of_the_node(smallest: Recorded) -> None:
    wanted = {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1}
    smallest.has(TEMPLATE, {"metadataOptions": exactly(wanted)})


def test_volumes_key_admits_all_who_launch_nodes(smallest: Recorded) -> None:
    linked = "arn:aws:iam::123456789012:role/aws-service-role/"
    admitted = {s["Sid"]: s["Principal"]["AWS"] for s in smallest.statements(KEY_TYPE, "x-ebs-key")[1:]}
    controller = [smallest.one(ROLE_TYPE, "x-karpenter-role")["outputs"]["arn"]]
    autoscaling = [f"{linked}autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"]
    spot = [f"{linked}spot.amazonaws.com/AWSServiceRoleForEC2Spot"]
    assert admitted == {
        "Ebs": controller,
        "EbsGrant": controller,
        "Autoscaling": autoscaling,
        "AutoscalingGrant": autoscaling,
        "Spot": spot,
        "SpotGrant": spot,
    }


def test_volumes_key_waits_for_the_service_linked_roles_that_it_names(full: Recorded) -> None:
    services = {node["name"]: node["inputs"]["awsServiceName"] for node in full.all(LINKED)}
    assert services == {"x-autoscaling": "autoscaling.amazonaws.com", "x-spot": "spot.amazonaws.com"}
    waits = names(full, full.one(KEY_TYPE, "x-ebs-key"))
    assert {"ServiceLinkedRole x-autoscaling", "ServiceLinkedRole x-spot"} <= waits


def test_service_linked_roles_are_left_alone(smallest: Recorded) -> None:
    assert smallest.count(LINKED) == 0


def test_nodes_wait_for_their_network_and_their_policies(smallest: Recorded) -> None:
    assert names(smallest, smallest.one(NODE_GROUP)) == {
        "Cluster x-cluster",
        "LaunchTemplate x-system",
        "Addon x-eks-pod-identity-agent",
        "Addon x-kube-proxy",
        "Addon x-vpc-cni",
        "Role x-system-node",
        "RolePolicyAttachment x-system-node-AmazonEKSWorkerNodePolicy",
        "RolePolicyAttachment x-system-node-AmazonEC2ContainerRegistryPullOnly",
        "RolePolicyAttachment x-system-node-AmazonSSMManagedInstanceCore",
    }


@pytest.mark.parametrize("role", ["x-system-node", "x-karpenter-node"])
def test_node_roles_do_without_session_manager(role: str) -> None:
    graph = graph_of({**SMALLEST, "session_manager": False})
    attached = {node["inputs"]["policyArn"].rpartition("/")[2] for node in graph.all(ATTACHMENT, f"{role}-Amazon.*")}
    assert attached == {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"}


def test_every_role_is_bounded() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    graph = graph_of({**SMALLEST, "permissions_boundary_arn": boundary})
    bounds = {node["name"]: node["inputs"].get("permissionsBoundary") for node in graph.all(ROLE_TYPE)}
    roles = ("x-cluster-role", "x-system-node", "x-karpenter-node", "x-cni-role", "x-karpenter-role")
    assert bounds == dict.fromkeys(roles, boundary)


# --- Karpenter


@covers(
    "cluster.karpenter-controller",
    field="ClusterArgs.existing_karpenter",
    ends_in="aws:eks/podIdentityAssociation:PodIdentityAssociation.serviceAccount",
)
def test_controller_has_karpenters_six_policies_by_pod_identity(smallest: Recorded) -> None:
    role = smallest.one(ROLE_TYPE, "x-karpenter-role")
    smallest.has(
        POD_IDENTITY,
        {
            "clusterName": "ml-dev",
            "namespace": "kube-system",
            "serviceAccount": "karpenter",
            "roleArn": role["outputs"]["arn"],
        },
    )
    attached = smallest.all(ATTACHMENT, "x-karpenter-(?!node-Amazon).*")
    assert {node["name"].removeprefix("x-karpenter-") for node in attached} == {
        "node-lifecycle",
        "iam-integration",
        "eks-integration",
        "interruption",
        "zonal-shift",
        "resource-discovery",
    }


@pytest.mark.parametrize(
    ("policy", "sid", "resource"),
    [
        ("iam-integration", "AllowPassingInstanceRole", ("aws:iam/role:Role", "x-karpenter-node")),
        ("interruption", "AllowInterruptionQueueActions", (QUEUE, "x-interruption")),
        ("eks-integration", "AllowAPIServerEndpointDiscovery", (CLUSTER, "x-cluster")),
    ],
)
def test_controller_is_narrowed_to_this_cluster(
    smallest: Recorded, policy: str, sid: str, resource: tuple[str, str]
) -> None:
    statements = {s["Sid"]: s for s in smallest.statements("aws:iam/policy:Policy", f"x-karpenter-{policy}")}
    assert statements[sid]["Resource"] == [smallest.one(*resource)["outputs"]["arn"]]


@covers(
    "cluster.karpenter-node", field="ClusterArgs.existing_karpenter", ends_in="aws:eks/accessEntry:AccessEntry.type"
)
def test_karpenters_nodes_may_join(smallest: Recorded) -> None:
    role = smallest.one(ROLE_TYPE, "x-karpenter-node")
    smallest.has(ENTRY, {"principalArn": role["outputs"]["arn"], "type": "EC2_LINUX"})
    (statement,) = smallest.statements(ROLE_TYPE, "x-karpenter-node", "assumeRolePolicy")
    assert statement["Principal"] == {"Service": ["ec2.amazonaws.com"]}


@covers(
    "cluster.interruption-queue",
    field="ClusterArgs.existing_karpenter",
    ends_in="aws:sqs/queue:Queue.messageRetentionSeconds",
)
def test_queue_is_short_lived_and_encrypted(smallest: Recorded) -> None:
    assert smallest.inputs(QUEUE) == {"messageRetentionSeconds": 300, "sqsManagedSseEnabled": True}


def test_queue_takes_its_rules_events_over_tls_only(smallest: Recorded) -> None:
    send, deny = smallest.statements(QUEUE_POLICY)
    rules = {node["outputs"]["arn"] for node in smallest.all(RULE)}
    assert send["Principal"] == {"Service": ["events.amazonaws.com"]}
    assert set(send["Condition"]["ArnEquals"]["aws:SourceArn"]) == rules
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


@covers(
    "cluster.interruption-rules",
    field="ClusterArgs.existing_karpenter",
    ends_in="aws:cloudwatch/eventRule:EventRule.eventPattern",
)
def test_five_events_go_to_the_queue(smallest: Recorded) -> None:
    details = {json.loads(node["inputs"]["eventPattern"])["detail-type"][0] for node in smallest.all(RULE)}
    assert details == {
        "AWS Health Event",
        "EC2 Spot Instance Interruption Warning",
        "EC2 Instance Rebalance Recommendation",
        "EC2 Instance State-change Notification",
        "EC2 Capacity Reservation Instance Interruption Warning",
    }
    queue = smallest.one(QUEUE)["outputs"]["arn"]
    targets = {node["name"]: node["inputs"] for node in smallest.all(TARGET)}
    assert {name: inputs["rule"] for name, inputs in targets.items()} == {
        node["name"]: node["outputs"]["name"] for node in smallest.all(RULE)
    }
    assert {inputs["arn"] for inputs in targets.values()} == {queue}


# --- Kubernetes provider


@covers(
    "cluster.kubernetes-provider",
    field="ClusterArgs.name",
    ends_in="pulumi:providers:kubernetes.clusterIdentifier",
)
def test_one_provider_with_the_clusters_identity(smallest: Recorded) -> None:
    arn = smallest.one(CLUSTER)["outputs"]["arn"]
    assert smallest.inputs(PROVIDER) == {"clusterIdentifier": arn, "kubeconfig": "[secret]"}


def test_provider_waits_for_access_nodes_addons_and_karpenter(full: Recorded) -> None:
    waits = names(full, full.one(PROVIDER))
    associations = {f"AccessPolicyAssociation {node['name']}" for node in full.all(ASSOCIATION)}
    assert associations <= waits
    assert {
        "NodeGroup x-system",
        "Addon x-vpc-cni",
        "Addon x-coredns",
        "Addon x-eks-pod-identity-agent",
        "SecurityGroupIngressRule x-api-10.20.0.0-16",
        "AccessEntry x-karpenter-node",
        "PodIdentityAssociation x-karpenter-association",
    } <= waits


def test_kubernetes_objects_go_through_the_provider() -> None:
    def program() -> None:
        cluster = Cluster("x", ClusterArgs.of(SMALLEST))
        k8s.core.v1.Namespace("n", opts=pulumi.ResourceOptions(provider=cluster.kubernetes))

    graph = record(program)
    provider = graph.one(PROVIDER)["urn"]
    assert graph.one("kubernetes:core/v1:Namespace")["provider"] == provider


def test_kubeconfig_fetches_tokens_by_the_aws_cli() -> None:
    config = json.loads(kubeconfig("ml", "eu-west-1", "https://api", "Q0E="))
    assert config["clusters"] == [
        {"name": "ml", "cluster": {"server": "https://api", "certificate-authority-data": "Q0E="}}
    ]
    assert config["users"][0]["user"]["exec"] == {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["eks", "get-token", "--cluster-name", "ml", "--region", "eu-west-1", "--output", "json"],
        "interactiveMode": "Never",
    }
    assert config["current-context"] == "ml"


def test_kubeconfig_takes_the_role_given() -> None:
    seen: list[str] = []

    def program() -> None:
        cluster = Cluster("x", ClusterArgs.of({**ADOPTED, "kubeconfig_role_arn": f"{ROLE}deployer"}))
        cluster.kubeconfig.apply(seen.append)

    record(program)
    (config,) = map(json.loads, seen)
    assert config["users"][0]["user"]["exec"]["args"][-2:] == ["--role-arn", f"{ROLE}deployer"]
    assert config["clusters"][0]["cluster"]["server"] == EXISTING["endpoint"]


# --- outputs


def test_outputs(smallest: Recorded) -> None:
    arns = {name: smallest.one(ROLE_TYPE, name)["outputs"] for name in ("x-karpenter-node", "x-karpenter-role")}
    cluster = smallest.one(CLUSTER)["outputs"]
    assert smallest.one("mlplatform:index:Cluster")["outputs"] == {
        "cluster_name": "ml-dev",
        "cluster_arn": cluster["arn"],
        "endpoint": cluster["endpoint"],
        "certificate_authority": "[unknown]",
        "security_group_id": "[unknown]",
        "node_role_arn": arns["x-karpenter-node"]["arn"],
        "node_role_name": arns["x-karpenter-node"]["name"],
        "karpenter_role_arn": arns["x-karpenter-role"]["arn"],
        "interruption_queue_name": smallest.one(QUEUE)["outputs"]["name"],
        "ebs_key_arn": smallest.one(KEY_TYPE, "x-ebs-key")["outputs"]["arn"],
        "kubeconfig": "[secret]",
    }


def test_outputs_registered_are_those_annotated(smallest: Recorded) -> None:
    assert set(smallest.one("mlplatform:index:Cluster")["outputs"]) == set(Cluster.__annotations__)


@pytest.mark.parametrize("args", [SMALLEST, BASE, ADOPTED, {**ADOPTED, "existing_karpenter": KARPENTER}])
def test_records_with_every_computed_value_unknown(args: Mapping[str, Any]) -> None:
    wanted = {node["urn"] for node in graph_of(args).resources}
    assert {node["urn"] for node in graph_of(args, strict=True).resources} == wanted


def test_outputs_are_taken_where_values_come_from_other_components() -> None:
    def program() -> None:
        subnets = pulumi.Output.from_input(["subnet-0a", "subnet-0b"])
        wired = ClusterArgs.of(
            ClusterSettings.model_validate(
                {key: value for key, value in SMALLEST.items() if not key.endswith("subnet_ids")}
            ),
            control_plane_subnet_ids=subnets,
            node_subnet_ids=[pulumi.Output.from_input("subnet-0c"), "subnet-0d"],
            secrets_key_arn=pulumi.Output.from_input(f"{KEY}000000000001"),
            log_retention_days=pulumi.Output.from_input(30),
            nodes={"size": pulumi.Output.from_input(3)},
        )
        Cluster("x", wired)

    graph = record(program)
    graph.has(CLUSTER, {"vpcConfig": {"subnetIds": ["subnet-0a", "subnet-0b"]}})
    graph.has(CLUSTER, {"encryptionConfig": {"provider": {"keyArn": f"{KEY}000000000001"}}})
    graph.has(NODE_GROUP, {"subnetIds": ["subnet-0c", "subnet-0d"], "scalingConfig": {"desiredSize": 3}})
    graph.has(LOG_GROUP, {"retentionInDays": 30})


def test_outputs_are_checked_when_they_resolve() -> None:
    def program() -> None:
        one = pulumi.Output.from_input(["subnet-0a"])
        pulumi.export("late", ClusterArgs.of({**SMALLEST, "node_subnet_ids": one}).node_subnet_ids)

    with pytest.raises(Refused) as refused:
        record(program)
    assert str(refused.value) == (
        "ClusterArgs.node_subnet_ids: got 1; allowed are 2 or more, in different zones; add the other zones' subnets"
    )


def test_two_clusters_do_not_collide() -> None:
    def program() -> None:
        Cluster("x", ClusterArgs.of(BASE))
        Cluster("y", ClusterArgs.of({**BASE, "name": "ml-other"}))

    graph = record(program)
    assert graph.count(CLUSTER) == 2


# --- adoption


@covers("cluster.adoption", field="ClusterArgs.existing", ends_in="pulumi:providers:kubernetes.clusterIdentifier")
def test_existing_cluster_gets_karpenters_side_and_a_provider_only(adopted: Recorded) -> None:
    types = {node["type"] for node in adopted.resources}
    assert not types & {CLUSTER, NODE_GROUP, TEMPLATE, ADDON, LOG_GROUP, ASSOCIATION, INGRESS}
    adopted.has(PROVIDER, {"clusterIdentifier": EXISTING["arn"], "kubeconfig": secret})
    adopted.has(ENTRY, {"clusterName": "ml-dev", "type": "EC2_LINUX"})
    adopted.has(POD_IDENTITY, {"clusterName": "ml-dev", "serviceAccount": "karpenter"})
    assert [node["name"] for node in adopted.all(KEY_TYPE)] == ["x-ebs-key"]


def test_existing_clusters_values_are_the_outputs(adopted: Recorded) -> None:
    outputs = adopted.one("mlplatform:index:Cluster")["outputs"]
    wanted = {"cluster_name": "ml-dev", "cluster_arn": EXISTING["arn"]}
    wanted |= {field: value for field, value in EXISTING.items() if field != "arn"}
    assert {field: outputs[field] for field in wanted} == wanted


@covers("cluster.adoption", field="ClusterArgs.existing_karpenter", ends_in="aws:kms/key:Key.policy")
def test_existing_karpenter_is_taken_as_it_is(adopted_with_karpenter: Recorded) -> None:
    types = {node["type"] for node in adopted_with_karpenter.resources}
    assert types == {"mlplatform:index:Cluster", PROVIDER, KEY_TYPE, "aws:kms/alias:Alias"}
    outputs = adopted_with_karpenter.one("mlplatform:index:Cluster")["outputs"]
    assert outputs["node_role_arn"] == f"{ROLE}karpenter/nodes"
    assert outputs["node_role_name"] == "nodes"
    assert outputs["karpenter_role_arn"] == f"{ROLE}karpenter-controller"
    assert outputs["interruption_queue_name"] == "karpenter-ml-dev"
    statement = adopted_with_karpenter.statements(KEY_TYPE)[1]
    assert statement["Principal"] == {"AWS": [f"{ROLE}karpenter-controller"]}


def test_subnets_of_an_existing_cluster_are_not_used(adopted: Recorded) -> None:
    wired = {
        **ADOPTED,
        "control_plane_subnet_ids": ["subnet-0a", "subnet-0b"],
        "node_subnet_ids": ["subnet-0a", "subnet-0b"],
    }
    assert {node["urn"] for node in graph_of(wired).resources} == {node["urn"] for node in adopted.resources}


# --- bad arguments


def but(**changes: Any) -> dict[str, Any]:
    return {**SMALLEST, **changes}


def with_versions(**versions: str) -> dict[str, Any]:
    return but(addon_versions={**SMALLEST["addon_versions"], **versions})


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "name": (
        but(name="ml dev"),
        (
            "ClusterArgs.name: EKS cluster 'ml dev' is not accepted; allowed: letters, digits, - and _, first "
            "a letter or digit; fix: change the characters"
        ),
    ),
    "version as a number": (but(version=1.35), "ClusterArgs.version: got 1.35; allowed is text; put it in quotes"),
    "version": (
        but(version="v1.35"),
        "ClusterArgs.version: got 'v1.35'; allowed is a Kubernetes version of EKS in quotes, such as \"1.35\"",
    ),
    "support": (
        but(support="PREMIUM"),
        "ClusterArgs.support: got 'PREMIUM'; allowed are 'STANDARD', 'EXTENDED'",
    ),
    "no deployers": (
        but(deployer_arns=[]),
        (
            "ClusterArgs.deployer_arns: got none; allowed are one or more; name the role that runs Pulumi, or "
            "nobody gets in"
        ),
    ),
    "session as deployer": (
        but(deployer_arns=["arn:aws:sts::123456789012:assumed-role/deployer/ci"]),
        (
            "ClusterArgs.deployer_arns: got 'arn:aws:sts::123456789012:assumed-role/deployer/ci'; allowed is "
            "the ARN of an IAM role or user, not of a session, such as arn:aws:iam::111122223333:role/deployer"
        ),
    ),
    "deployer twice": (
        but(deployer_arns=[f"{ROLE}ci", f"{ROLE}ci"]),
        f"ClusterArgs.deployer_arns: got {ROLE}ci more than once; allowed is once each; take the others out",
    ),
    "open to everyone": (
        but(public_access_cidrs=["0.0.0.0/0"]),
        (
            "ClusterArgs.public_access_cidrs: got 0.0.0.0/0, which is everyone; allowed are the ranges of your "
            "own runners and offices; name those, or leave the list empty for a private endpoint"
        ),
    ),
    "open to everyone in halves": (
        but(public_access_cidrs=["0.0.0.0/1", "128.0.0.0/1"]),
        (
            "ClusterArgs.public_access_cidrs: got 0.0.0.0/1, 128.0.0.0/1, which is everyone; allowed are the "
            "ranges of your own runners and offices; name those, or leave the list empty for a private endpoint"
        ),
    ),
    "private range as public": (
        but(public_access_cidrs=["10.0.0.0/8"]),
        (
            "ClusterArgs.public_access_cidrs: got '10.0.0.0/8', a private range, from which nobody comes by "
            "the internet; allowed are public ranges; name it in private_access_cidrs instead"
        ),
    ),
    "host bits": (
        but(private_access_cidrs=["10.0.0.1/8"]),
        (
            "ClusterArgs.private_access_cidrs: got '10.0.0.1/8'; allowed is an IPv4 CIDR without host bits, "
            "such as 203.0.113.0/24"
        ),
    ),
    "services": (
        but(service_cidr="100.64.0.0/16"),
        (
            "ClusterArgs.service_cidr: got '100.64.0.0/16'; allowed is a /12 to /24 inside 10.0.0.0/8, "
            "172.16.0.0/12, 192.168.0.0/16, such as 172.20.0.0/16"
        ),
    ),
    "retention": (
        but(log_retention_days=1000),
        (
            "ClusterArgs.log_retention_days: got 1000; allowed are 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, "
            "365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653 (the periods of CloudWatch Logs, in "
            "days)"
        ),
    ),
    "alias as key": (
        but(secrets_key_arn="arn:aws:kms:us-east-1:123456789012:alias/secrets"),
        (
            "ClusterArgs.secrets_key_arn: got 'arn:aws:kms:us-east-1:123456789012:alias/secrets'; allowed is "
            "the ARN of a KMS key, not of an alias, such as arn:aws:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef"
        ),
    ),
    "add-on version": (
        with_versions(coredns="1.13.2"),
        (
            "ClusterArgs.addon_versions.coredns: got '1.13.2'; allowed is a version of an EKS add-on, such as "
            "v1.22.4-eksbuild.3"
        ),
    ),
    "CNI without network policies": (
        with_versions(vpc_cni="v1.13.4-eksbuild.1"),
        (
            "ClusterArgs.addon_versions.vpc_cni: got 'v1.13.4-eksbuild.1'; allowed is v1.14.0 or later, which "
            "enforces network policies"
        ),
    ),
    "missing add-on version": (
        but(addon_versions={key: value for key, value in SMALLEST["addon_versions"].items() if key != "coredns"}),
        "ClusterArgs.addon_versions.coredns: missing; set it: Version of coredns, the cluster's DNS",
    ),
    "one node": (but(nodes={"size": 1}), "ClusterArgs.nodes.size: got 1; allowed are 2 nodes or more"),
    "small disk": (but(nodes={"disk_gib": 10}), "ClusterArgs.nodes.disk_gib: got 10; allowed are 20 GiB or more"),
    "no instance types": (
        but(nodes={"instance_types": []}),
        "ClusterArgs.nodes.instance_types: got none; allowed are one or more EC2 instance types, such as m7i.large",
    ),
    "instance type": (
        but(nodes={"instance_types": ["large"]}),
        "ClusterArgs.nodes.instance_types: got 'large'; allowed is an EC2 instance type, such as m7i.large",
    ),
    "GPUs": (
        but(nodes={"instance_types": ["g6.xlarge"]}),
        (
            "ClusterArgs.nodes.instance_types: got 'g6.xlarge', which has L4 accelerators; allowed are types "
            "without, such as m7i.large; give accelerators to a GpuNodePool"
        ),
    ),
    "release": (
        but(nodes={"release_version": "1.35"}),
        (
            "ClusterArgs.nodes.release_version: got '1.35'; allowed is a release of EKS's images, such as "
            "1.35.0-20260101"
        ),
    ),
    "unknown field": (
        but(nodes={"sise": 3}),
        (
            "ClusterArgs.nodes.sise: unknown field; known are ami_type, dedicated, disk_gib, instance_types, "
            "release_version, size; did you mean 'size'?"
        ),
    ),
    "policy": (
        but(access=[{"principal_arn": f"{ROLE}a", "policy": "AdministratorAccess"}]),
        (
            "ClusterArgs.access[0].policy: got 'AdministratorAccess'; allowed are "
            "'AmazonEKSClusterAdminPolicy', 'AmazonEKSAdminPolicy', 'AmazonEKSEditPolicy', "
            "'AmazonEKSViewPolicy', 'AmazonEKSAdminViewPolicy'"
        ),
    ),
    "namespace": (
        but(access=[{"principal_arn": f"{ROLE}a", "policy": "AmazonEKSViewPolicy", "namespaces": ["Team A"]}]),
        (
            "ClusterArgs.access[0].namespaces: Kubernetes name 'Team A' is not accepted; allowed: lower-case "
            "letters, digits and -, a letter or digit at both ends; fix: change the characters"
        ),
    ),
    "one subnet": (
        but(control_plane_subnet_ids=["subnet-0a"]),
        (
            "ClusterArgs.control_plane_subnet_ids: got 1; allowed are 2 or more, in different zones; add the "
            "other zones' subnets"
        ),
    ),
    "endpoint": (
        {"name": "ml-dev", "existing": {**EXISTING, "endpoint": "api.example.com"}},
        "ClusterArgs.existing.endpoint: got 'api.example.com'; allowed is an https URL",
    ),
}

CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "neither new nor existing": (
        {"name": "ml-dev"},
        (
            "ClusterArgs: deployer_arns and addon_versions missing, and existing too: allowed is a new or an "
            "existing cluster; set deployer_arns and addon_versions for a new one, existing to adopt one"
        ),
    ),
    "nowhere": (
        {key: value for key, value in SMALLEST.items() if key != "node_subnet_ids"},
        "ClusterArgs: node_subnet_ids missing: a new cluster needs two or more subnets in different zones; set it",
    ),
    "new and existing": (
        but(existing=EXISTING, version="1.35"),
        (
            "ClusterArgs: version, deployer_arns, addon_versions and existing: what exists is not made anew; "
            "take one or the other out"
        ),
    ),
    "new with existing Karpenter": (
        but(existing_karpenter=KARPENTER),
        (
            "ClusterArgs: existing_karpenter without existing: only an adopted cluster has it; set existing or "
            "take it out"
        ),
    ),
    "nodes' role of an existing Karpenter": (
        {**ADOPTED, "existing_karpenter": KARPENTER, "session_manager": True},
        (
            "ClusterArgs: session_manager and existing_karpenter: what exists is not made anew; take one or "
            "the other out"
        ),
    ),
    "two names": (
        {**ADOPTED, "name": "ml-test"},
        (
            "ClusterArgs: name 'ml-test' and existing.arn 'arn:aws:eks:us-east-1:123456789012:cluster/ml-dev': "
            "they name different clusters; correct one of them"
        ),
    ),
    "release of another version": (
        but(nodes={"release_version": "1.34.2-20260101"}),
        (
            "ClusterArgs: version '1.35' and nodes.release_version '1.34.2-20260101': the image is of another "
            "Kubernetes version; take a release that begins with 1.35"
        ),
    ),
    "newer kube-proxy": (
        but(version="1.34"),
        (
            "ClusterArgs: version '1.34' and addon_versions.kube_proxy 'v1.35.3-eksbuild.29': kube-proxy may "
            "be up to 3 minor versions older and never newer; take one of v1.34"
        ),
    ),
    "kube-proxy too old": (
        with_versions(kube_proxy="v1.31.2-eksbuild.3"),
        (
            "ClusterArgs: version '1.35' and addon_versions.kube_proxy 'v1.31.2-eksbuild.3': kube-proxy may be "
            "up to 3 minor versions older and never newer; take one of v1.35"
        ),
    ),
    "architecture": (
        but(nodes={"instance_types": ["m7i.large", "m7g.large"]}),
        (
            "ClusterArgs.nodes: instance_types m7g.large and ami_type AL2023_x86_64_STANDARD: the image is for "
            "x86_64; change one of them"
        ),
    ),
    "deployer in access": (
        but(access=[{"principal_arn": f"{ROLE}on-call", "policy": "AmazonEKSViewPolicy"}]),
        (
            f"ClusterArgs: deployer_arns and access: {ROLE}on-call is in both; a principal has one access "
            "entry; take it out of access"
        ),
    ),
    "policy twice": (
        but(access=[{"principal_arn": f"{ROLE}a", "policy": "AmazonEKSViewPolicy"}] * 2),
        (
            f"ClusterArgs: access has AmazonEKSViewPolicy for {ROLE}a more than once; allowed is once; put all "
            "namespaces into one"
        ),
    ),
    "kubeconfig by a stranger": (
        but(kubeconfig_role_arn=f"{ROLE}stranger"),
        (
            f"ClusterArgs: kubeconfig_role_arn '{ROLE}stranger' and deployer_arns: it is not one of them, so "
            "the cluster would refuse it; add it to deployer_arns"
        ),
    ),
}


@pytest.mark.parametrize(("args", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        ClusterArgs.of(args)
    assert str(refused.value) == message


@pytest.mark.parametrize(("args", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradictions_are_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        ClusterArgs.of(args)
    assert str(refused.value) == message


def test_null_counts_as_left_out() -> None:
    nulls = {**SMALLEST, "version": None, "nodes": {"size": None}, "access": None, "existing": None}
    assert ClusterArgs.of(nulls) == ClusterArgs.of({**SMALLEST, "nodes": {}})


def test_settings_alone_are_checked_too() -> None:
    with pytest.raises(InvalidArgs) as refused:
        ClusterSettings.of({"name": "ml-dev"})
    assert str(refused.value).startswith("ClusterSettings: deployer_arns and addon_versions missing")
