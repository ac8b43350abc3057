"""Cases of the rules about exposure."""

import json

import pulumi_aws as aws
import pulumi_kubernetes as k8s

from judging import Case, allow, custom, document, unknown

ALL_BLOCKS = {
    "block_public_acls": True,
    "block_public_policy": True,
    "ignore_public_acls": True,
    "restrict_public_buckets": True,
}
MAY = "The bucket may become public; not set:"


def block(name, **blocks):
    bucket = aws.s3.Bucket(name)
    aws.s3.BucketPublicAccessBlock(f"{name}-block", bucket=bucket.id, **blocks)


def cluster(name, **access):
    aws.eks.Cluster(name, role_arn="r", vpc_config={"subnet_ids": ["a", "b"], **access})


def nodes(name, **access):
    sizes = {"desired_size": 1, "max_size": 1, "min_size": 1}
    aws.eks.NodeGroup(
        name, cluster_name="c", node_role_arn="r", subnet_ids=["s"], scaling_config=sizes, remote_access=access or None
    )


def open_groups() -> None:
    rule = {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["10.0.0.0/8", "0.0.0.0/0"]}
    every = {"protocol": "-1", "from_port": 0, "to_port": 0, "ipv6_cidr_blocks": ["::/0"]}
    aws.ec2.SecurityGroup("bad", ingress=[rule, every])
    aws.ec2.SecurityGroupRule(
        "bad-rule",
        type="ingress",
        protocol="tcp",
        from_port=0,
        to_port=1024,
        cidr_blocks=["0.0.0.0/0"],
        security_group_id="sg-1",
    )
    aws.vpc.SecurityGroupIngressRule("bad-vpc-rule", security_group_id="sg-1", ip_protocol="-1", cidr_ipv4="0.0.0.0/0")
    aws.vpc.SecurityGroupIngressRule(
        "bad-vpc-rule-6", security_group_id="sg-1", ip_protocol="tcp", from_port=443, to_port=443, cidr_ipv6="::/0"
    )


def closed_groups() -> None:
    rule = {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8"], "description": "d"}
    aws.ec2.SecurityGroup("good", ingress=[rule], description="d")
    aws.ec2.SecurityGroupRule(
        "good-rule",
        type="egress",
        protocol="tcp",
        from_port=443,
        to_port=443,
        cidr_blocks=["0.0.0.0/0"],
        security_group_id="sg-1",
        description="d",
    )
    aws.vpc.SecurityGroupIngressRule(
        "good-vpc-rule",
        security_group_id="sg-1",
        ip_protocol="-1",
        referenced_security_group_id="sg-2",
        description="d",
    )


def leaking_groups() -> None:
    rule = {"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}
    aws.ec2.SecurityGroup("bad", egress=[rule])
    aws.ec2.SecurityGroupRule(
        "bad-rule",
        type="egress",
        protocol="all",
        from_port=0,
        to_port=0,
        cidr_blocks=["0.0.0.0/0"],
        security_group_id="sg-1",
    )
    aws.vpc.SecurityGroupEgressRule("bad-vpc-rule", security_group_id="sg-1", ip_protocol="-1", cidr_ipv6="::/0")


def nameless_groups() -> None:
    rule = {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8"]}
    aws.ec2.SecurityGroup("bad", ingress=[rule])
    aws.vpc.SecurityGroupEgressRule(
        "bad-vpc-rule", security_group_id="sg-1", ip_protocol="tcp", from_port=1, to_port=9, cidr_ipv4="10.0.0.0/8"
    )


def ingress_unknown(name: str) -> None:
    aws.vpc.SecurityGroupIngressRule(
        name, security_group_id="sg-1", ip_protocol="tcp", from_port=443, to_port=443, cidr_ipv4=unknown()
    )


def metadata(name, **options):
    aws.ec2.Instance(name, metadata_options=options or None)


def recorded_vpc() -> None:
    vpc = aws.ec2.Vpc("good", cidr_block="10.0.0.0/16")
    aws.ec2.FlowLog(
        "good-log", vpc_id=vpc.id, traffic_type="ALL", log_destination="arn:aws:logs:eu-west-1:1:log-group:g"
    )


def notebook(name, **more):
    aws.sagemaker.NotebookInstance(name, instance_type="ml.t3.medium", role_arn="r", **more)


def model(name, isolated):
    aws.sagemaker.Model(name, execution_role_arn="r", enable_network_isolation=isolated)


def service(name, kind, **annotations):
    k8s.core.v1.Service(
        name, metadata={"namespace": "team", "annotations": annotations}, spec={"type": kind, "ports": [{"port": 443}]}
    )


CASES = {
    "s3-public-access-blocked": Case(
        good=lambda: block("good", **ALL_BLOCKS),
        bad=lambda: [aws.s3.Bucket("bad"), block("bad-half", **{**ALL_BLOCKS, "restrict_public_buckets": False})],
        findings={
            "bad": [f"{MAY} blockPublicAcls, blockPublicPolicy, ignorePublicAcls, restrictPublicBuckets."],
            "bad-half": [f"{MAY} restrictPublicBuckets."],
        },
        unknown=lambda: block("unknown", **{**ALL_BLOCKS, "block_public_acls": unknown(True)}),
    ),
    "s3-no-public-acl": Case(
        good=lambda: [aws.s3.Bucket("good"), aws.s3.BucketAcl("good-acl", bucket="b", acl="log-delivery-write")],
        bad=lambda: [
            aws.s3.Bucket("bad", acl="public-read"),
            aws.s3.BucketAcl("bad-acl", bucket="b", acl="authenticated-read"),
        ],
        findings={
            "bad": ["The access control list is public-read."],
            "bad-acl": ["The access control list is authenticated-read."],
        },
        unknown=lambda: aws.s3.BucketAcl("unknown", bucket="b", acl=unknown("private")),
    ),
    "resource-policy-not-public": Case(
        good=lambda: [
            aws.ecr.RepositoryPolicy(
                "good", repository="r", policy=document(allow("ecr:*", Principal={"AWS": "123456789012"}))
            ),
            aws.sqs.QueuePolicy(
                "good-condition",
                queue_url="u",
                policy=document(
                    allow("sqs:SendMessage", Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
                ),
            ),
            aws.s3.BucketPolicy(
                "good-deny", bucket="b", policy=document({"Effect": "Deny", "Principal": "*", "Action": "s3:*"})
            ),
        ],
        bad=lambda: [
            aws.ecr.RepositoryPolicy("bad", repository="r", policy=document(allow("ecr:BatchGetImage", Principal="*"))),
            aws.s3.BucketPolicy(
                "bad-list",
                bucket="b",
                policy=document(allow(["s3:GetObject", "s3:ListBucket"], Principal={"AWS": ["*"]})),
            ),
            aws.sns.TopicPolicy(
                "bad-but", arn="a", policy=document(allow("sns:Publish", NotPrincipal={"AWS": "arn:aws:iam::1:root"}))
            ),
        ],
        findings={
            "bad": ["The policy allows everybody ecr:BatchGetImage, always."],
            "bad-list": ["The policy allows everybody s3:GetObject, s3:ListBucket, always."],
            "bad-but": ["The policy allows everybody sns:Publish, always."],
        },
        unknown=lambda: aws.s3.BucketPolicy("unknown", bucket="b", policy=unknown(json.dumps({}))),
    ),
    "lambda-url-authenticated": Case(
        good=lambda: aws.lambda_.FunctionUrl("good", authorization_type="AWS_IAM", function_name="f"),
        bad=lambda: aws.lambda_.FunctionUrl("bad", authorization_type="NONE", function_name="f"),
        findings={"bad": ["authorizationType is NONE: everybody may call the function."]},
        unknown=lambda: aws.lambda_.FunctionUrl("unknown", authorization_type=unknown("NONE"), function_name="f"),
    ),
    "eks-endpoint-private": Case(
        good=lambda: cluster("good", endpoint_public_access=False),
        bad=lambda: [cluster("bad"), cluster("bad-on", endpoint_public_access=True)],
        findings=dict.fromkeys(("bad", "bad-on"), ("The Kubernetes API has a public endpoint.",)),
        unknown=lambda: cluster("unknown", endpoint_public_access=unknown(False)),
    ),
    "eks-endpoint-no-open-cidr": Case(
        good=lambda: [
            cluster("good", endpoint_public_access=False),
            cluster("good-cidr", public_access_cidrs=["203.0.113.0/24"]),
        ],
        bad=lambda: [cluster("bad"), cluster("bad-six", public_access_cidrs=["203.0.113.0/24", "::/0"])],
        findings={
            "bad": ["The Kubernetes API is open to 0.0.0.0/0."],
            "bad-six": ["The Kubernetes API is open to ::/0."],
        },
        unknown=lambda: cluster("unknown", endpoint_public_access=True, public_access_cidrs=unknown(["10.0.0.0/8"])),
    ),
    "eks-node-ssh-source": Case(
        good=lambda: [nodes("good"), nodes("good-source", ec2_ssh_key="k", source_security_group_ids=["sg-1"])],
        bad=lambda: nodes("bad", ec2_ssh_key="k"),
        findings={"bad": ["Nodes take SSH from anywhere: remoteAccess has a key and no source."]},
        unknown=lambda: nodes("unknown", ec2_ssh_key="k", source_security_group_ids=unknown(["sg-1"])),
    ),
    "security-group-no-open-ingress": Case(
        good=closed_groups,
        bad=open_groups,
        findings={
            "bad": ["0.0.0.0/0 may reach port 22, protocol tcp.", "::/0 may reach all ports, protocol all."],
            "bad-rule": ["0.0.0.0/0 may reach ports 0 to 1024, protocol tcp."],
            "bad-vpc-rule": ["0.0.0.0/0 may reach all ports, protocol all."],
            "bad-vpc-rule-6": ["::/0 may reach port 443, protocol tcp."],
        },
        unknown=lambda: ingress_unknown("unknown"),
    ),
    "security-group-open-egress": Case(
        good=closed_groups,
        bad=leaking_groups,
        findings={
            "bad": ["Everything may go out to 0.0.0.0/0."],
            "bad-rule": ["Everything may go out to 0.0.0.0/0."],
            "bad-vpc-rule": ["Everything may go out to ::/0."],
        },
        unknown=lambda: aws.vpc.SecurityGroupEgressRule(
            "unknown", security_group_id="sg-1", ip_protocol="-1", cidr_ipv4=unknown()
        ),
    ),
    "security-group-described": Case(
        good=closed_groups,
        bad=nameless_groups,
        findings={
            "bad": ["The security group has no description.", "The ingress rule for port 443 has no description."],
            "bad-vpc-rule": ["The egress rule for ports 1 to 9 has no description."],
        },
        unknown=lambda: aws.ec2.SecurityGroup("unknown", description=unknown()),
    ),
    "subnet-no-auto-public-ip": Case(
        good=lambda: aws.ec2.Subnet("good", vpc_id="v"),
        bad=lambda: aws.ec2.Subnet("bad", vpc_id="v", map_public_ip_on_launch=True),
        findings={"bad": ["Instances of the subnet get public addresses."]},
        unknown=lambda: aws.ec2.Subnet("unknown", vpc_id="v", map_public_ip_on_launch=unknown(False)),
    ),
    "instance-imdsv2-hop-limit": Case(
        good=lambda: [
            metadata("good", http_tokens="required", http_put_response_hop_limit=1),
            metadata("good-off", http_endpoint="disabled"),
            custom("good-class", "karpenter.k8s.aws/v1", "EC2NodeClass", {}),
        ],
        bad=lambda: [
            metadata("bad"),
            metadata("bad-hops", http_tokens="required", http_put_response_hop_limit=2),
            custom(
                "bad-class",
                "karpenter.k8s.aws/v1",
                "EC2NodeClass",
                {"metadataOptions": {"httpTokens": "optional", "httpPutResponseHopLimit": 3}},
            ),
        ],
        findings={
            "bad": ["The metadata service answers without a token (IMDSv1)."],
            "bad-hops": ["The metadata service answers over 2 hops, so pods get the node's credentials."],
            "bad-class": [
                "The metadata service answers without a token (IMDSv1).",
                "The metadata service answers over 3 hops, so pods get the node's credentials.",
            ],
        },
        unknown=lambda: metadata("unknown", http_tokens=unknown("required")),
    ),
    "vpc-flow-logs": Case(
        good=recorded_vpc,
        bad=lambda: aws.ec2.Vpc("bad", cidr_block="10.0.0.0/16"),
        findings={"bad": ["The VPC has no flow log."]},
        unknown=lambda: [
            aws.ec2.Vpc("other", cidr_block="10.0.0.0/16"),
            aws.ec2.FlowLog("unknown", vpc_id=unknown(), traffic_type="ALL"),
        ],
    ),
    "sagemaker-notebook-isolated": Case(
        good=lambda: notebook("good", direct_internet_access="Disabled", root_access="Disabled", subnet_id="subnet-1"),
        bad=lambda: notebook("bad"),
        findings={
            "bad": [
                "The notebook has direct access to the internet.",
                "The notebook is in no VPC of yours.",
                "Users of the notebook are root on it.",
            ]
        },
        unknown=lambda: notebook(
            "unknown", direct_internet_access="Disabled", root_access="Disabled", subnet_id=unknown()
        ),
    ),
    "sagemaker-network-isolation": Case(
        good=lambda: model("good", True),
        bad=lambda: model("bad", None),
        findings={"bad": ["The model's container may open connections to anywhere."]},
        unknown=lambda: model("unknown", unknown(True)),
    ),
    "ecr-not-public": Case(
        good=lambda: [
            aws.ecr.Repository("good"),
            aws.ecrpublic.Repository("good-public", repository_name="r"),
        ],
        bad=lambda: aws.ecrpublic.Repository("bad", repository_name="r"),
        findings={"bad": ["The repository is public: everybody may pull its images."]},
        config={"allowed": ["good-*"]},
        unknown=None,
    ),
    "k8s-service-not-public-lb": Case(
        good=lambda: [
            service("good", "ClusterIP"),
            service(
                "good-internal", "LoadBalancer", **{"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"}
            ),
        ],
        bad=lambda: service("bad", "LoadBalancer"),
        findings={"bad": ["The load balancer is open to the internet."]},
        unknown=lambda: service("unknown", unknown("ClusterIP")),
    ),
    "rds-not-public": Case(
        good=lambda: aws.rds.Instance("good", instance_class="db.t4g.micro"),
        bad=lambda: aws.rds.Instance("bad", instance_class="db.t4g.micro", publicly_accessible=True),
        findings={"bad": ["The database has a public address."]},
        unknown=lambda: aws.rds.Instance("unknown", instance_class="db.t4g.micro", publicly_accessible=unknown(False)),
    ),
}
