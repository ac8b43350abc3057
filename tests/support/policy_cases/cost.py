"""Cases of the rules about cost and capacity."""

import pulumi_aws as aws
import pulumi_kubernetes as k8s

from judging import Case, custom, unknown

GPU = "nvidia.com/gpu"
TYPE = "node.kubernetes.io/instance-type"
TAINT = {"key": GPU, "value": "true", "effect": "NoSchedule"}


def pool(name, types=None, limits=None, taints=(TAINT,), key=TYPE):
    requirements = [{"key": key, "operator": "In", "values": list(types)}] if types else []
    spec = {"requirements": requirements, "taints": list(taints)}
    custom(name, "karpenter.sh/v1", "NodePool", {"limits": limits or {}, "template": {"spec": spec}}, namespace=None)


def group(name, types, most=2, taints=()):
    sizes = {"desired_size": 1, "max_size": most, "min_size": 1}
    aws.eks.NodeGroup(
        name,
        cluster_name="c",
        node_role_arn="r",
        subnet_ids=["s"],
        scaling_config=sizes,
        instance_types=types,
        taints=list(taints),
    )


def notebook(name, **more):
    aws.sagemaker.NotebookInstance(name, instance_type="ml.t3.medium", role_arn="r", **more)


def domain(name, state):
    idle = {"app_lifecycle_management": {"idle_settings": {"lifecycle_management": state}}}
    settings = {"execution_role": "r", "jupyter_lab_app_settings": idle}
    aws.sagemaker.Domain(
        name, auth_mode="IAM", default_user_settings=settings, domain_name="d", subnet_ids=["s"], vpc_id="v"
    )


def lifecycle(name, **rule):
    bucket = aws.s3.Bucket(name)
    rules = [{"id": "a", "status": "Enabled", **rule}]
    aws.s3.BucketLifecycleConfiguration(f"{name}-lifecycle", bucket=bucket.id, rules=rules)


def trainer(name, resources, tolerations=()):
    spec = {
        "containers": [{"name": "main", "image": "i", "resources": resources}],
        "tolerations": list(tolerations),
        "restartPolicy": "Never",
    }
    k8s.batch.v1.Job(name, metadata={"namespace": "team"}, spec={"template": {"spec": spec}})


def gateways(count):
    for at in range(count):
        aws.ec2.NatGateway(f"nat-{at}", subnet_id="s")


TOLERATION = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}
PARTS = "spec.template.spec"
CASES = {
    "gpu-instance-allowed": Case(
        good=lambda: [
            pool("good", ["g6.xlarge"]),
            pool("good-any", None),
            group("good-group", ["m7i.large"]),
            aws.ec2.Instance("good-instance", instance_type="g5.xlarge"),
        ],
        bad=lambda: [
            pool("bad", ["h100"], key="karpenter.k8s.aws/instance-gpu-name"),
            group("bad-group", ["p4d.24xlarge"]),
            notebook("good-notebook"),
            aws.sagemaker.NotebookInstance("bad-notebook", instance_type="ml.p3.2xlarge", role_arn="r"),
        ],
        findings={
            "bad": ["p5.48xlarge has a H100; allowed are A10G, L4, T4."],
            "bad-group": ["p4d.24xlarge has a A100; allowed are A10G, L4, T4."],
            "bad-notebook": ["p3.2xlarge has a V100; allowed are A10G, L4, T4."],
        },
        unknown=lambda: aws.ec2.Instance("unknown", instance_type=unknown("m7i.large")),
    ),
    "gpu-count-limit": Case(
        good=lambda: pool("good", ["m7i.large"], {"cpu": 100}),
        bad=lambda: [
            pool("pool", ["g6.xlarge"], {GPU: 6}),
            group("group", ["g5.12xlarge"], 1),
            group("cpu", ["m7i.large"]),
        ],
        findings={"": ["There may be 10 GPUs (group 4, pool 6); allowed are 8."]},
        unknown=lambda: pool("unknown", ["g6.xlarge"], {GPU: unknown(6)}),
    ),
    "gpu-pool-has-limit": Case(
        good=lambda: [pool("good", ["g6.xlarge"], {GPU: "8"}), pool("good-cpu", ["m7i.large"], {"cpu": 100})],
        bad=lambda: [
            pool("bad", ["g6.xlarge"], {"cpu": 100}),
            pool("bad-any"),
            pool("bad-category", ["g", "p"], key="karpenter.k8s.aws/instance-category"),
        ],
        findings=dict.fromkeys(
            ("bad", "bad-any", "bad-category"), (f"The pool may start GPU instances and has no limit of {GPU}.",)
        ),
        unknown=lambda: pool("unknown", ["g6.xlarge"], {GPU: unknown(6)}),
    ),
    "gpu-nodes-tainted": Case(
        good=lambda: [
            pool("good", ["g6.xlarge"]),
            pool("good-cpu", ["m7i.large"], taints=()),
            group("good-group", ["g6.xlarge"], taints=[{"key": GPU, "effect": "NO_SCHEDULE"}]),
        ],
        bad=lambda: [
            pool("bad", ["g6.xlarge"], taints=[{"key": GPU, "effect": "PreferNoSchedule"}]),
            group("bad-group", ["g6.xlarge"]),
        ],
        findings=dict.fromkeys(("bad", "bad-group"), ("The GPU nodes have no taint, so pods without GPU fill them.",)),
        unknown=lambda: group("unknown", unknown(["g6.xlarge"])),
    ),
    "gpu-pods-limit-and-tolerate": Case(
        good=lambda: [trainer("good", {"limits": {GPU: 1}}, [TOLERATION]), trainer("good-cpu", {"limits": {"cpu": 1}})],
        bad=lambda: [
            trainer("bad", {"limits": {GPU: 1}}),
            trainer("bad-request", {"requests": {GPU: 1}}, [TOLERATION]),
        ],
        findings={
            "bad": [f"{PARTS} asks for a GPU and does not tolerate the taint {GPU}."],
            "bad-request": [f"{PARTS}.containers[main] requests a GPU without a limit, which Kubernetes refuses."],
        },
        unknown=lambda: trainer("unknown", unknown({"limits": {GPU: 1}})),
    ),
    "monthly-cost-budget": Case(
        good=lambda: group("good", ["p5.48xlarge"], 0),
        # 730 hours of 8 x 0.8048, 2 x 5.672, 32 cores x 0.1008 / 2 and 0.1008 USD
        bad=lambda: [
            pool("pool", ["g6.xlarge"], {GPU: 8}),
            group("group", ["g5.12xlarge"], 2),
            pool("cpu", ["m7i.large", "m7i.xlarge"], {"cpu": 32}),
            aws.ec2.Instance("instance", instance_type="m7i.large"),
        ],
        findings={"": ["Nodes may cost 14232 USD a month (most: group 8281, pool 4700, cpu 1177); allowed are 10000."]},
        unknown=lambda: pool("unknown", ["g6.xlarge"], {GPU: unknown(6)}),
    ),
    "notebook-idle-shutdown": Case(
        good=lambda: [notebook("good", lifecycle_config_name="stop"), domain("good-domain", "ENABLED")],
        bad=lambda: [notebook("bad"), domain("bad-domain", "DISABLED")],
        findings={
            "bad": ["Nothing stops the notebook when nobody works."],
            "bad-domain": ["Nothing stops the domain's notebooks when nobody works."],
        },
        unknown=lambda: notebook("unknown", lifecycle_config_name=unknown()),
    ),
    "s3-abort-incomplete-uploads": Case(
        good=lambda: lifecycle("good", abort_incomplete_multipart_upload={"days_after_initiation": 7}),
        bad=lambda: [aws.s3.Bucket("bad"), lifecycle("bad-other", expiration={"days": 7})],
        findings=dict.fromkeys(("bad", "bad-other"), ("Parts of unfinished uploads are kept, and paid, for ever.",)),
        unknown=lambda: lifecycle("unknown", abort_incomplete_multipart_upload=unknown({"days_after_initiation": 7})),
    ),
    "nat-gateways-bounded": Case(
        good=lambda: aws.ec2.Eip("good"),
        bad=lambda: gateways(4),
        findings={"": ["There are 4 NAT gateways; allowed are 3."]},
        unknown=None,
    ),
}
