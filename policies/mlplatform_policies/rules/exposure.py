"""Exposure: what the internet, or everybody in AWS, can reach."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlplatform_policies.documents import RESOURCE, of_resource
from mlplatform_policies.model import (
    ADVICE,
    ALWAYS,
    PRODUCTION,
    Findings,
    Found,
    Parameter,
    Parameters,
    Rule,
    Severity,
    StackRule,
    Subject,
)
from mlplatform_policies.reading import each, listed, mapping, matches_any, number, shown, text, texts, truth, within
from mlplatform_policies.relations import BUCKETS, companions, of_kinds

OPEN: Final = ("0.0.0.0/0", "::/0")
CLUSTER: Final = "aws:eks/cluster:Cluster"
GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP: Final = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
GROUP_RULE: Final = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS: Final = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
CIDRS: Final = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")
BLOCKS: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
METADATA: Final[Mapping[str, tuple[str, ...]]] = {
    "aws:ec2/instance:Instance": ("metadataOptions",),
    "aws:ec2/launchTemplate:LaunchTemplate": ("metadataOptions",),
    "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass": ("spec", "metadataOptions"),
}
INTERNAL: Final[Mapping[str, str]] = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
}
"""Annotations that keep a load balancer inside (AWS Load Balancer Controller documentation, Service annotations)."""


def public_access(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A bucket without all four blocks against public access."""
    buckets = of_kinds(subjects, BUCKETS)
    blocks = companions(buckets, subjects, ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",), "bucket")

    def judge(bucket: Subject) -> Found:
        given = blocks(bucket)
        missing = [name for name in BLOCKS if not any(truth(block.props, name) for block in given)]
        if missing:
            yield bucket, f"The bucket may become public; not set: {shown(missing)}."

    yield from each(buckets, judge)


def public_acl(subject: Subject, _: Parameters) -> Findings:
    """An access control list that lets everybody in."""
    acl = text(subject.props, "acl") or "private"
    if acl.startswith("public-") or acl == "authenticated-read":
        yield f"The access control list is {acl}."


def public_policy(subject: Subject, _: Parameters) -> Findings:
    """A policy of a resource that lets everybody in."""
    for statement in of_resource(subject):
        if statement.public:
            yield f"The policy allows everybody {shown(statement.actions)}, always."


def lambda_url(url: Subject, _: Parameters) -> Findings:
    """A function URL that asks nobody who they are."""
    kind = text(url.props, "authorizationType") or None
    if kind != "AWS_IAM":
        yield f"authorizationType is {kind}: everybody may call the function."


def endpoint_private(cluster: Subject, _: Parameters) -> Findings:
    """A Kubernetes API with a public endpoint, which is EKS's default."""
    if truth(cluster.props, "vpcConfig", "endpointPublicAccess", default=True):
        yield "The Kubernetes API has a public endpoint."


def endpoint_cidrs(cluster: Subject, _: Parameters) -> Findings:
    """A Kubernetes API that anybody can reach; EKS opens a public endpoint without CIDRs to all."""
    access = mapping(cluster.props, "vpcConfig")
    if not truth(access, "endpointPublicAccess", default=True):
        return
    for cidr in texts(access, "publicAccessCidrs") or OPEN[:1]:
        if cidr in OPEN:
            yield f"The Kubernetes API is open to {cidr}."


def node_ssh(group: Subject, _: Parameters) -> Findings:
    """Nodes that take SSH from anywhere: what EKS opens for a key without a source."""
    access = mapping(group.props, "remoteAccess")
    if text(access, "ec2SshKey") and not listed(access, "sourceSecurityGroupIds"):
        yield "Nodes take SSH from anywhere: remoteAccess has a key and no source."


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What one rule of a security group allows."""

    cidrs: Sequence[str]
    protocol: str
    ports: str
    description: Any


def _rule(rule: Any) -> Iterator[_Allowed]:
    cidrs = [cidr for field in CIDRS for cidr in texts(rule, field)]
    yield _Allowed(cidrs, _protocol(rule), _ports(rule), within(rule, "description"))


def _protocol(rule: Any) -> str:
    protocol = text(rule, "protocol") or text(rule, "ipProtocol")
    return "all" if protocol == "-1" else protocol


def _ports(rule: Any) -> str:
    low, high = number(rule, "fromPort"), number(rule, "toPort")
    if _protocol(rule) == "all" or low is None:
        return "all ports"
    return f"port {low:g}" if high in {low, None} else f"ports {low:g} to {high:g}"


def _allowed(subject: Subject, direction: str) -> Iterator[_Allowed]:
    """The rules of one direction, in any of the three forms."""
    if subject.kind in {GROUP, DEFAULT_GROUP}:
        yield from each(listed(subject.props, direction), _rule)
    elif subject.kind == GROUP_RULE:
        yield from _rule(subject.props) if subject.props.get("type") == direction else ()
    elif subject.kind == (INGRESS if direction == "ingress" else EGRESS):
        yield from _rule(subject.props)


def open_ingress(subject: Subject, given: Parameters) -> Findings:
    """A security group that lets the internet in."""
    allowed = {f"port {port:g}" for port in given["ports"]}
    for rule in _allowed(subject, "ingress"):
        for cidr in rule.cidrs:
            if cidr in OPEN and rule.ports not in allowed:
                yield f"{cidr} may reach {rule.ports}, protocol {rule.protocol}."


def open_egress(subject: Subject, _: Parameters) -> Findings:
    """A security group that lets everything out to anywhere."""
    for rule in _allowed(subject, "egress"):
        for cidr in rule.cidrs:
            if cidr in OPEN and rule.protocol == "all":
                yield f"Everything may go out to {cidr}."


def described(subject: Subject, _: Parameters) -> Findings:
    """A security group, or a rule of one, that does not say what it is for."""
    if subject.kind == GROUP and text(subject.props, "description") in {"", "Managed by Pulumi"}:
        yield "The security group has no description."
    yield from each(("ingress", "egress"), lambda direction: _undescribed(subject, direction))


def _undescribed(subject: Subject, direction: str) -> Findings:
    for rule in _allowed(subject, direction):
        if not rule.description:
            yield f"The {direction} rule for {rule.ports} has no description."


def subnet_addresses(subnet: Subject, _: Parameters) -> Findings:
    """A subnet that gives every instance a public address."""
    if truth(subnet.props, "mapPublicIpOnLaunch"):
        yield "Instances of the subnet get public addresses."


def metadata_service(subject: Subject, _: Parameters) -> Findings:
    """Instances whose credentials any process that can make a request takes."""
    options = within(subject.props, *METADATA[subject.kind])
    if options is None and subject.kind.startswith("kubernetes:"):
        return  # Karpenter's own default: tokens required, one hop (its CRD)
    if within(options, "httpEndpoint") == "disabled":
        return
    if within(options, "httpTokens") != "required":
        yield "The metadata service answers without a token (IMDSv1)."
    hops = number(options, "httpPutResponseHopLimit")
    if hops is not None and hops > 1:
        yield f"The metadata service answers over {hops:g} hops, so pods get the node's credentials."


def flow_logs(subjects: Sequence[Subject], _: Parameters) -> Found:
    """A VPC of whose traffic nothing is recorded."""
    vpcs = of_kinds(subjects, ("aws:ec2/vpc:Vpc",))
    logs = companions(vpcs, subjects, ("aws:ec2/flowLog:FlowLog",), "vpcId", "id")

    def judge(vpc: Subject) -> Found:
        if not logs(vpc):
            yield vpc, "The VPC has no flow log."

    yield from each(vpcs, judge)


def notebook_isolated(notebook: Subject, _: Parameters) -> Findings:
    """A notebook on the internet, outside a VPC, or with root."""
    if notebook.props.get("directInternetAccess") != "Disabled":
        yield "The notebook has direct access to the internet."
    if not text(notebook.props, "subnetId"):
        yield "The notebook is in no VPC of yours."
    if notebook.props.get("rootAccess") != "Disabled":
        yield "Users of the notebook are root on it."


def model_isolated(model: Subject, _: Parameters) -> Findings:
    """A model's container that may call out."""
    if not truth(model.props, "enableNetworkIsolation"):
        yield "The model's container may open connections to anywhere."


def public_balancer(service: Subject, _: Parameters) -> Findings:
    """A Service with a load balancer on the internet."""
    if within(service.props, "spec", "type") != "LoadBalancer":
        return
    annotations = mapping(service.props, "metadata", "annotations")
    if not any(annotations.get(key) == value for key, value in INTERNAL.items()):
        yield "The load balancer is open to the internet."


def public_database(database: Subject, _: Parameters) -> Findings:
    """A database with a public address."""
    if truth(database.props, "publiclyAccessible"):
        yield "The database has a public address."


def public_image_repository(subject: Subject, given: Parameters) -> Findings:
    """A repository that shows images to the world."""
    if not matches_any(subject.name, given["allowed"]):
        yield "The repository is public: everybody may pull its images."


RULES: Final = (
    StackRule(
        id="s3-public-access-blocked",
        kinds=BUCKETS,
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="One statement or one list in a hurry makes a bucket of data public.",
        fix="Add a BucketPublicAccessBlock with all four set to True.",
        frameworks=(
            "AWS FSBP S3.8",
            "AwsSolutions-S2",
            "CKV_AWS_53",
            "CKV_AWS_54",
            "CKV_AWS_55",
            "CKV_AWS_56",
            "CKV2_AWS_6",
        ),
        check=public_access,
    ),
    Rule(
        id="s3-no-public-acl",
        kinds=(*BUCKETS, "aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2"),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="A public list shows every object to everybody who asks.",
        fix="Take acl out; ownership BucketOwnerEnforced needs none.",
        frameworks=("AWS FSBP S3.2", "AWS FSBP S3.12"),
        check=public_acl,
    ),
    Rule(
        id="resource-policy-not-public",
        kinds=tuple(RESOURCE),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="Everybody with an AWS account, from anywhere, is a principal too.",
        fix="Name principals, or add a condition such as aws:PrincipalOrgID.",
        frameworks=("AwsSolutions-ECR1", "CKV_AWS_32"),
        check=public_policy,
    ),
    Rule(
        id="lambda-url-authenticated",
        kinds=("aws:lambda/functionUrl:FunctionUrl",),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="A model that anybody may call is a bill that anybody may run up, and an oracle for who wants to copy it.",
        fix="Set authorization_type='AWS_IAM'.",
        check=lambda_url,
    ),
    Rule(
        id="eks-endpoint-private",
        kinds=(CLUSTER,),
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="A public endpoint makes one leaked credential enough.",
        fix="Set vpc_config.endpoint_public_access=False, and reach the API from inside the VPC.",
        frameworks=("AWS FSBP EKS.1", "AwsSolutions-EKS1", "CKV_AWS_39"),
        check=endpoint_private,
    ),
    Rule(
        id="eks-endpoint-no-open-cidr",
        kinds=(CLUSTER,),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="A Kubernetes API that the whole internet reaches is one leaked credential from loss.",
        fix="Set vpc_config.endpoint_public_access=False, or list your own public_access_cidrs.",
        frameworks=("CKV_AWS_38",),
        check=endpoint_cidrs,
    ),
    Rule(
        id="eks-node-ssh-source",
        kinds=("aws:eks/nodeGroup:NodeGroup",),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="EKS opens port 22 of nodes to the internet when a key has no source.",
        fix="Take remote_access out and use Session Manager, or set source_security_group_ids.",
        frameworks=("CKV_AWS_100",),
        check=node_ssh,
    ),
    Rule(
        id="security-group-no-open-ingress",
        kinds=(GROUP, DEFAULT_GROUP, GROUP_RULE, INGRESS),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="A port that the internet reaches is scanned within minutes.",
        fix="Name a security group or your own CIDRs.",
        frameworks=(
            "AWS FSBP EC2.13",
            "AWS FSBP EC2.14",
            "AWS FSBP EC2.18",
            "AWS FSBP EC2.19",
            "AwsSolutions-EC23",
            "CKV_AWS_24",
            "CKV_AWS_25",
            "CKV_AWS_260",
            "CKV_AWS_277",
        ),
        parameters={"ports": Parameter([], {"type": "array", "items": {"type": "integer"}}, "Ports that may be open.")},
        check=open_ingress,
    ),
    Rule(
        id="security-group-open-egress",
        kinds=(GROUP, DEFAULT_GROUP, GROUP_RULE, EGRESS),
        severity=Severity.MEDIUM,
        levels=ADVICE,
        why="Training code and its dependencies can carry data out through any port.",
        fix="Allow HTTPS only, to endpoints or prefix lists where you can.",
        frameworks=("CKV_AWS_382",),
        check=open_egress,
    ),
    Rule(
        id="security-group-described",
        kinds=(GROUP, GROUP_RULE, INGRESS, EGRESS),
        severity=Severity.LOW,
        levels=ADVICE,
        why="Nobody dares to close a port whose purpose nobody wrote down.",
        fix="Add a description to the group and to each rule.",
        frameworks=("AwsSolutions-EC27", "CKV_AWS_23"),
        check=described,
    ),
    Rule(
        id="subnet-no-auto-public-ip",
        kinds=("aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet"),
        severity=Severity.MEDIUM,
        levels=ALWAYS,
        why="Whatever starts in the subnet is on the internet, whether it wants to or not.",
        fix="Set map_public_ip_on_launch=False; load balancers and NAT gateways do not need it.",
        frameworks=("AWS FSBP EC2.15", "CKV_AWS_130"),
        check=subnet_addresses,
    ),
    Rule(
        id="instance-imdsv2-hop-limit",
        kinds=tuple(METADATA),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="A request forged through a server, or made by a pod, takes the node's credentials.",
        fix="Set metadata_options with http_tokens='required' and http_put_response_hop_limit=1.",
        frameworks=("AWS FSBP EC2.8", "CKV_AWS_79", "CKV_AWS_341"),
        check=metadata_service,
    ),
    StackRule(
        id="vpc-flow-logs",
        kinds=("aws:ec2/vpc:Vpc",),
        severity=Severity.MEDIUM,
        levels=PRODUCTION,
        why="Without a record of traffic nobody can say what left.",
        fix="Add a FlowLog for the VPC.",
        frameworks=("AWS FSBP EC2.6", "AwsSolutions-VPC7", "CKV2_AWS_11"),
        check=flow_logs,
    ),
    Rule(
        id="sagemaker-notebook-isolated",
        kinds=("aws:sagemaker/notebookInstance:NotebookInstance",),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="A notebook has the data, the credentials and a person who installs packages.",
        fix="Set direct_internet_access and root_access to 'Disabled', and subnet_id.",
        frameworks=("AwsSolutions-SM1", "AwsSolutions-SM3", "CKV_AWS_122", "CKV_AWS_306", "CKV_AWS_307"),
        check=notebook_isolated,
    ),
    Rule(
        id="sagemaker-network-isolation",
        kinds=("aws:sagemaker/model:Model",),
        severity=Severity.MEDIUM,
        levels=PRODUCTION,
        why="A model's container runs code that came with the model.",
        fix="Set enable_network_isolation=True.",
        frameworks=("CKV_AWS_370",),
        check=model_isolated,
    ),
    Rule(
        id="ecr-not-public",
        kinds=("aws:ecrpublic/repository:Repository",),
        severity=Severity.HIGH,
        levels=ALWAYS,
        why="Images hold code, and often models and credentials.",
        fix="Use aws.ecr.Repository.",
        parameters={
            "allowed": Parameter(
                [],
                {"type": "array", "items": {"type": "string"}},
                "Logical names of repositories that are meant for the world.",
            )
        },
        check=public_image_repository,
    ),
    Rule(
        id="k8s-service-not-public-lb",
        kinds=("kubernetes:core/v1:Service",),
        severity=Severity.HIGH,
        levels=PRODUCTION,
        why="A load balancer on the internet goes around the gateway and all that it checks.",
        fix="Add the annotation service.beta.kubernetes.io/aws-load-balancer-scheme: internal.",
        frameworks=("restrict-loadbalancer (Kyverno)",),
        check=public_balancer,
    ),
    Rule(
        id="rds-not-public",
        kinds=("aws:rds/clusterInstance:ClusterInstance", "aws:rds/instance:Instance"),
        severity=Severity.CRITICAL,
        levels=ALWAYS,
        why="A database on the internet is guarded by one password.",
        fix="Set publicly_accessible=False.",
        frameworks=("CKV_AWS_17",),
        check=public_database,
    ),
)
"""Rules about exposure, in the order of the documentation."""
