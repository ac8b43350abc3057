"""Resources in the style of other people's code, each with the rules that catch it, and no other does.

What is not the point of a resource is well, so that one rule is left; a bare bucket has nothing, so that six are.
"""

import json
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from judging import Program

PROTECTED = pulumi.ResourceOptions(protect=True)
TRUST = """{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}"""
WILD = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::data/*"}}'
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1.2@sha256:" + "0" * 64
RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}}
ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"


def bare_bucket() -> None:
    aws.s3.Bucket("my-bucket")


def open_security_group() -> None:
    aws.ec2.SecurityGroup(
        "web",
        description="Web servers",
        ingress=[
            aws.ec2.SecurityGroupIngressArgs(
                protocol="tcp", from_port=80, to_port=80, cidr_blocks=["0.0.0.0/0"], description="HTTP"
            )
        ],
    )


def open_security_group_rule() -> None:
    group = aws.ec2.SecurityGroup("ssh", description="Bastion")
    aws.ec2.SecurityGroupRule(
        "ssh-in",
        type="ingress",
        protocol="tcp",
        from_port=22,
        to_port=22,
        cidr_blocks=["0.0.0.0/0"],
        description="SSH",
        security_group_id=group.id,
    )


def open_vpc_rule() -> None:
    group = aws.ec2.SecurityGroup("api", description="API")
    aws.vpc.SecurityGroupIngressRule(
        "api-in",
        security_group_id=group.id,
        ip_protocol="tcp",
        from_port=8080,
        to_port=8080,
        cidr_ipv6="::/0",
        description="API",
    )


def wildcard_as_json() -> None:
    role = aws.iam.Role("json-role", assume_role_policy=TRUST)
    aws.iam.RolePolicy("json-policy", role=role.id, policy=WILD)


def wildcard_as_document() -> None:
    statement = aws.iam.GetPolicyDocumentStatementArgs(actions=["s3:*"], resources=["arn:aws:s3:::data/*"])
    aws.iam.Policy("document-policy", policy=aws.iam.get_policy_document_output(statements=[statement]).json)


def wildcard_inline() -> None:
    aws.iam.Role(
        "inline-role",
        assume_role_policy=TRUST,
        inline_policies=[aws.iam.RoleInlinePolicyArgs(name="data", policy=WILD)],
    )


def administrator() -> None:
    role = aws.iam.Role("ci", assume_role_policy=TRUST)
    aws.iam.RolePolicyAttachment(
        "ci-admin", role=role.name, policy_arn=aws.iam.ManagedPolicy.ADMINISTRATOR_ACCESS.value
    )


def role_for_everybody() -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}],
    }
    aws.iam.Role("shared", assume_role_policy=json.dumps(document))


def role_of_any_service_account() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"},
            "StringLike": {f"{ISSUER}:sub": "system:serviceaccount:*:*"},
        },
    }
    aws.iam.Role("irsa", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def public_cluster() -> None:
    aws.eks.Cluster(
        "eks",
        role_arn="arn:aws:iam::123456789012:role/eks",
        version="1.35",
        deletion_protection=True,
        enabled_cluster_log_types=["api", "audit", "authenticator", "controllerManager", "scheduler"],
        encryption_config=aws.eks.ClusterEncryptionConfigArgs(
            provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn="arn:aws:kms:eu-west-1:123456789012:key/1"),
            resources=["secrets"],
        ),
        vpc_config=aws.eks.ClusterVpcConfigArgs(subnet_ids=["subnet-1", "subnet-2"]),
        opts=PROTECTED,
    )


def resting_key() -> None:
    aws.kms.Key("key", description="Data", opts=PROTECTED)


def plain_volume() -> None:
    aws.ebs.Volume("scratch", availability_zone="eu-west-1a", size=100)


def public_database() -> None:
    aws.rds.Instance(
        "mlflow",
        engine="postgres",
        instance_class="db.t4g.small",
        allocated_storage=20,
        publicly_accessible=True,
        storage_encrypted=True,
        multi_az=True,
        deletion_protection=True,
        backup_retention_period=7,
        opts=PROTECTED,
    )


def notebook_on_the_internet() -> None:
    aws.sagemaker.NotebookInstance(
        "notebook",
        role_arn="arn:aws:iam::123456789012:role/notebook",
        instance_type="ml.t3.medium",
        kms_key_id="key",
        lifecycle_config_name="stop-when-idle",
    )


def gpu_nodes_for_everybody() -> None:
    aws.eks.NodeGroup(
        "gpu",
        cluster_name="eks",
        node_role_arn="arn:aws:iam::123456789012:role/nodes",
        subnet_ids=["subnet-1"],
        instance_types=["g5.xlarge"],
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(desired_size=1, max_size=3, min_size=0),
    )


def endless_pool() -> None:
    requirement = {"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["g6"]}
    taint = {"key": "nvidia.com/gpu", "effect": "NoSchedule"}
    k8s.apiextensions.CustomResource(
        "gpu-pool",
        api_version="karpenter.sh/v1",
        kind="NodePool",
        metadata={"name": "gpu"},
        spec={"template": {"spec": {"requirements": [requirement], "taints": [taint]}}},
    )


def function_for_everybody() -> None:
    aws.lambda_.FunctionUrl("predict", function_name="predict", authorization_type="NONE")


def privileged_daemon() -> None:
    k8s.apps.v1.DaemonSet(
        "agent",
        metadata={"namespace": "monitoring"},
        spec={
            "selector": {"match_labels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {
                    "host_pid": True,
                    "containers": [
                        {
                            "name": "agent",
                            "image": IMAGE,
                            "resources": RESOURCES,
                            "security_context": {"privileged": True},
                        }
                    ],
                },
            },
        },
    )


def unpinned_chart() -> None:
    k8s.helm.v3.Release(
        "prometheus",
        chart="kube-prometheus-stack",
        namespace="monitoring",
        repository_opts=k8s.helm.v3.RepositoryOptsArgs(repo="https://prometheus-community.github.io/helm-charts"),
    )


def public_service() -> None:
    k8s.core.v1.Service(
        "frontend",
        metadata={"namespace": "web"},
        spec=k8s.core.v1.ServiceSpecArgs(type="LoadBalancer", ports=[k8s.core.v1.ServicePortArgs(port=80)]),
    )


def wildcard_cluster_role() -> None:
    rule = k8s.rbac.v1.PolicyRuleArgs(api_groups=["batch"], resources=["jobs"], verbs=["*"])
    k8s.rbac.v1.ClusterRole("runner", rules=[rule])


def floating_server() -> None:
    container = {
        "name": "server",
        "image": "nvcr.io/nvidia/tritonserver",
        "resources": RESOURCES,
        "securityContext": {"allowPrivilegeEscalation": False},
    }
    k8s.apiextensions.CustomResource(
        "triton",
        api_version="serving.kserve.io/v1beta1",
        kind="InferenceService",
        metadata={"name": "triton", "namespace": "models"},
        spec={"predictor": {"maxReplicas": 2, "containers": [container]}},
    )
    k8s.apiextensions.CustomResource(
        "triton-alerts",
        api_version="monitoring.coreos.com/v1",
        kind="PrometheusRule",
        metadata={"name": "triton", "namespace": "models"},
        spec={
            "groups": [{"name": "triton", "rules": [{"alert": "Down", "expr": 'up{service="triton-predictor"} == 0'}]}]
        },
    )


def password_in_clear() -> None:
    container = k8s.core.v1.ContainerArgs(
        name="app",
        image=IMAGE,
        resources=k8s.core.v1.ResourceRequirementsArgs(**RESOURCES),
        security_context=k8s.core.v1.SecurityContextArgs(allow_privilege_escalation=False),
        env=[k8s.core.v1.EnvVarArgs(name="POSTGRES_PASSWORD", value="hunter2")],
    )
    k8s.core.v1.Pod(
        "app",
        metadata=k8s.meta.v1.ObjectMetaArgs(namespace="web"),
        spec=k8s.core.v1.PodSpecArgs(containers=[container]),
    )


OPEN = "security-group-no-open-ingress"
WILDCARD = "iam-no-wildcard-action"
FOREIGN: Mapping[Program, Mapping[str, set[str]]] = {
    bare_bucket: {
        "my-bucket": {
            "s3-abort-incomplete-uploads",
            "s3-bucket-encryption-kms",
            "s3-public-access-blocked",
            "s3-tls-only",
            "s3-versioning",
            "stateful-protected",
        }
    },
    open_security_group: {"web": {OPEN}},
    open_security_group_rule: {"ssh-in": {OPEN}},
    open_vpc_rule: {"api-in": {OPEN}},
    wildcard_as_json: {"json-policy": {WILDCARD}},
    wildcard_as_document: {"document-policy": {WILDCARD}},
    wildcard_inline: {"inline-role": {WILDCARD}},
    administrator: {"ci-admin": {"iam-no-admin"}},
    role_for_everybody: {"shared": {"iam-trust-not-public"}},
    role_of_any_service_account: {"irsa": {"irsa-subject-pinned"}},
    public_cluster: {"eks": {"eks-endpoint-no-open-cidr", "eks-endpoint-private"}},
    resting_key: {"key": {"kms-rotation"}},
    plain_volume: {"scratch": {"ebs-encrypted"}},
    public_database: {"mlflow": {"rds-not-public"}},
    notebook_on_the_internet: {"notebook": {"sagemaker-notebook-isolated"}},
    gpu_nodes_for_everybody: {"gpu": {"gpu-nodes-tainted"}},
    endless_pool: {"gpu-pool": {"gpu-pool-has-limit"}},
    function_for_everybody: {"predict": {"lambda-url-authenticated"}},
    privileged_daemon: {"agent": {"pod-security"}},
    unpinned_chart: {"prometheus": {"helm-version-pinned"}},
    public_service: {"frontend": {"k8s-service-not-public-lb"}},
    wildcard_cluster_role: {"runner": {"k8s-rbac-no-wildcard"}},
    floating_server: {"triton": {"image-not-latest"}},
    password_in_clear: {"app": {"secret-not-plain-env"}},
}
"""The rules that catch each resource, by its logical name."""
HOUSE = ("child-has-component-parent", "required-tags")
"""Rules about this house's customs, which foreign code knows nothing of."""
