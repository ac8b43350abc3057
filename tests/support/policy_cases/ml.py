"""Cases of the rules that only machine learning needs."""

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from judging import Case, allow, custom, document, unknown

GPU = "nvidia.com/gpu"
PURPOSE = "mlplatform.dev/purpose"
NODE_POOL = "karpenter.sh/nodepool"
DIGEST = "@sha256:" + "0" * 64


def pool(name, *, limit=8, purpose=None, capacity=("on-demand",), disruption=None, expire="Never", grace=None):
    requirements = [
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g6.xlarge"]},
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": list(capacity)},
    ]
    spec = {"requirements": requirements, "expireAfter": expire, "terminationGracePeriod": grace}
    template = {"metadata": {"labels": {PURPOSE: purpose} if purpose else {}}, "spec": spec}
    whole = {"limits": {GPU: limit}, "disruption": disruption or {}, "template": template}
    custom(name, "karpenter.sh/v1", "NodePool", whole, namespace=None)


def flavor(name, of):
    custom(name, "kueue.x-k8s.io/v1beta2", "ResourceFlavor", {"nodeLabels": {NODE_POOL: of}}, namespace=None)


def queue(name, of, gpus, kind="ClusterQueue"):
    resources = [{"name": "cpu", "nominalQuota": 4}, {"name": GPU, "nominalQuota": gpus}]
    groups = [{"coveredResources": ["cpu", GPU], "flavors": [{"name": of, "resources": resources}]}]
    custom(name, "kueue.x-k8s.io/v1beta2", kind, {"resourceGroups": groups}, namespace=None)


def promised(name, *gpus):
    pool(name)
    flavor(f"{name}-flavor", name)
    for at, number in enumerate(gpus):
        queue(f"{name}-queue-{at}", f"{name}-flavor", number, "Cohort" if at else "ClusterQueue")


EMPTY = {"consolidationPolicy": "WhenEmpty"}
NEVER = {"consolidationPolicy": "Balanced", "budgets": [{"nodes": "0", "reasons": ["Underutilized", "Drifted"]}]}
AT_NIGHT = {"budgets": [{"nodes": "0", "schedule": "0 8 * * *", "duration": "8h"}]}


def kept() -> None:
    pool("good", purpose="training", disruption=EMPTY)
    pool("good-budget", purpose="notebook", disruption=NEVER)
    pool("good-grace", purpose="training", disruption=EMPTY, expire="72h", grace="24h")
    pool("good-serving", purpose="inference", expire="720h")


def evicted() -> None:
    pool("bad", purpose="training", expire=None)
    pool("bad-schedule", purpose="training", disruption=AT_NIGHT)
    pool("bad-queued", disruption={"consolidationPolicy": "WhenEmptyOrUnderutilized"})
    flavor("flavor", "bad-queued")


def service(name, *, replicas=4, uri="s3://models/fraud/3/", annotations=None, selector=None, opts=None, canary=None):
    model = {"modelFormat": {"name": "onnx"}, "storageUri": uri}
    predictor = {"model": model, "maxReplicas": replicas, "nodeSelector": selector or {}}
    metadata = {"name": name, "namespace": "team", "annotations": annotations or {}}
    canaries = [{"trafficPercent": 5, "predictor": {"model": {"storageUri": canary}}}] if canary else []
    k8s.apiextensions.CustomResource(
        name,
        api_version="serving.kserve.io/v1beta1",
        kind="InferenceService",
        metadata=metadata,
        spec={"predictor": predictor, "canary": canaries},
        opts=opts,
    )


def scaled(name, most):
    spec = {"scaleTargetRef": {"name": "d"}, "triggers": [], "maxReplicaCount": most}
    custom(name, "keda.sh/v1alpha1", "ScaledObject", spec)


def deployment(name, history=None, selector=None):
    spec = {"nodeSelector": selector or {}, "containers": [{"name": "a", "image": "i"}]}
    k8s.apps.v1.Deployment(
        name,
        metadata={"namespace": "team"},
        spec={
            "revisionHistoryLimit": history,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec},
        },
    )


def alerts(name, expr):
    groups = [{"name": "g", "rules": [{"alert": "A", "expr": expr}]}]
    custom(name, "monitoring.coreos.com/v1", "PrometheusRule", {"groups": groups})


def endpoint(name, **more):
    aws.sagemaker.Endpoint(name, name=name, endpoint_config_name="c", **more)


def alarm(name, dimensions):
    aws.cloudwatch.MetricAlarm(
        name, comparison_operator="GreaterThanThreshold", evaluation_periods=1, dimensions=dimensions
    )


def watched() -> None:
    service("good")
    alerts("rule", 'sum(rate(requests{deployment="good-predictor"}[5m])) > 1')
    endpoint("good-endpoint")
    alarm("alarm", {"EndpointName": "good-endpoint"})
    whole = pulumi.ComponentResource("tests:index:Endpoint", "whole")
    inside = pulumi.ResourceOptions(parent=whole)
    service("good-beside", opts=inside)
    aws.cloudwatch.MetricAlarm("beside", comparison_operator="GreaterThanThreshold", evaluation_periods=1, opts=inside)


def unwatched() -> None:
    service("bad")
    alerts("other-rule", 'up{deployment="bad-other"} == 0')
    endpoint("bad-endpoint")
    alarm("other-alarm", {"EndpointName": "else"})


class Store(pulumi.ComponentResource):
    """Stands for a feature store: rules know it by its type alone."""

    def __init__(self, name):
        super().__init__("mlplatform:index:FeatureStore", name)
        inside = pulumi.ResourceOptions(parent=self)
        self.bucket = aws.s3.Bucket(f"{name}-bucket", opts=inside)
        attributes = [{"name": "id", "type": "S"}]
        self.table = aws.dynamodb.Table(
            f"{name}-table", attributes=attributes, hash_key="id", name=f"{name}.t", opts=inside
        )
        aws.iam.Policy(f"{name}-reader", policy=reads(self.bucket.arn), opts=inside)


def reads(arn, action="s3:GetObject"):
    return arn.apply(lambda known: document(allow(action, f"{known}/*")))


def read_rightly() -> None:
    store = Store("store")
    aws.iam.Policy("good-writes-requests", policy=reads(store.bucket.arn, "s3:PutObject"))
    aws.iam.Policy("good-listed", policy=reads(store.bucket.arn))
    aws.iam.Policy("good-elsewhere", policy=reads(aws.s3.Bucket("other").arn))
    aws.s3.BucketPolicy(
        "good-deny",
        bucket=store.bucket.id,
        policy=store.bucket.arn.apply(
            lambda arn: document({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"{arn}/*"})
        ),
    )


def read_wrongly() -> None:
    store = Store("data")
    aws.iam.Policy("bad", policy=reads(store.bucket.arn, "s3:Get*"))
    aws.iam.RolePolicy(
        "bad-table", role="r", policy=store.table.arn.apply(lambda arn: document(allow("dynamodb:Query", arn)))
    )
    aws.s3.BucketPolicy(
        "bad-bucket",
        bucket=store.bucket.id,
        policy=store.bucket.arn.apply(
            lambda arn: document(allow("s3:GetObject", f"{arn}/*", Principal={"AWS": "123456789012"}))
        ),
    )


def read_unknown() -> None:
    store = Store("data")
    text = pulumi.Output.all(store.bucket.arn, unknown()).apply(lambda both: document(allow("s3:GetObject", both[0])))
    aws.iam.Policy("unknown", policy=text)


class Monitor(pulumi.ComponentResource):
    """Stands for a drift monitor: rules know it by its type and inputs alone."""

    def __init__(self, name, **props):
        super().__init__("mlplatform:index:DriftMonitor", name, props)


LAST = "Queues promise"
EXPIRES = "Nodes expire after 720h, which no budget stops, and evicts running jobs."
POLICY = "consolidationPolicy is WhenEmptyOrUnderutilized: Karpenter evicts running jobs to save a node."
LETS = "The policy lets others read feature data:"
COOLDOWN = "The monitor asks for one training after the other: it has no cooldown."
CASES = {
    "gpu-quota-within-pools": Case(
        good=lambda: [promised("good", 6, 2), queue("good-elsewhere", "not-here", 99)],
        bad=lambda: promised("bad", 8, "1"),
        findings={"bad": [f"{LAST} 9 GPUs of flavor bad-flavor; its pool's limit is 8."]},
        unknown=lambda: promised("pool", unknown(8)),
    ),
    "training-not-evicted": Case(
        good=kept,
        bad=evicted,
        findings={"bad": [POLICY, EXPIRES], "bad-schedule": [POLICY], "bad-queued": [POLICY]},
        unknown=lambda: pool("unknown", purpose="training", disruption={"consolidationPolicy": unknown("WhenEmpty")}),
    ),
    "spot-not-in-prod-serving": Case(
        good=lambda: [
            pool("good", purpose="inference"),
            pool("spot", purpose="training", capacity=("spot",)),
            service("good-service", selector={NODE_POOL: "good"}),
        ],
        bad=lambda: [
            pool("bad", purpose="inference", capacity=("spot", "on-demand")),
            aws.eks.NodeGroup(
                "bad-group",
                cluster_name="c",
                node_role_arn="r",
                subnet_ids=["s"],
                scaling_config={"desired_size": 1, "max_size": 1, "min_size": 1},
                capacity_type="SPOT",
                labels={PURPOSE: "inference"},
            ),
            service("bad-service", selector={NODE_POOL: "spot"}),
            deployment("bad-deployment", selector={"karpenter.sh/capacity-type": "spot"}),
        ],
        findings={
            "bad": ["The pool serves models and buys spot capacity."],
            "bad-group": ["The node group serves models and buys spot capacity."],
            "bad-service": ["spec.predictor runs on spot capacity."],
            "bad-deployment": ["spec.template.spec runs on spot capacity."],
        },
        unknown=lambda: service("unknown", selector=unknown({})),
    ),
    "endpoint-autoscaling-bounds": Case(
        good=lambda: [
            service("good"),
            service("good-fixed", replicas=None, annotations={"serving.kserve.io/autoscalerClass": "none"}),
            scaled("good-scaled", 4),
        ],
        bad=lambda: [service("bad", replicas=None), scaled("bad-scaled", None)],
        findings={
            "bad": ["spec.predictor.maxReplicas is absent: the endpoint does not scale with its load."],
            "bad-scaled": ["maxReplicaCount is absent: KEDA scales to 100 replicas."],
        },
        unknown=lambda: service("unknown", replicas=unknown(4)),
    ),
    "endpoint-alerted": Case(
        good=watched,
        bad=unwatched,
        findings={
            "bad": ["No alert names the endpoint bad."],
            "bad-endpoint": ["No alert names the endpoint bad-endpoint."],
        },
        unknown=lambda: [service("other"), alerts("unknown", unknown("up"))],
    ),
    "endpoint-rollback": Case(
        good=lambda: [
            endpoint(
                "good",
                deployment_config={
                    "auto_rollback_configuration": {"alarms": [{"alarm_name": "a"}]},
                },
            ),
            aws.lambda_.Alias("good-alias", function_name="f", function_version="3"),
            deployment("good-deployment"),
        ],
        bad=lambda: [
            endpoint("bad"),
            aws.lambda_.Alias("bad-alias", function_name="f", function_version="$LATEST"),
            deployment("bad-deployment", 0),
        ],
        findings={
            "bad": ["No alarm brings back the configuration before."],
            "bad-alias": ["The alias is on $LATEST: there is no version to go back to."],
            "bad-deployment": ["revisionHistoryLimit is 0: there is no revision to go back to."],
        },
        unknown=lambda: aws.lambda_.Alias("unknown", function_name="f", function_version=unknown("3")),
    ),
    "model-version-pinned": Case(
        good=lambda: [
            service("good"),
            service("good-hub", uri="hf://org/model:4f2a"),
            service("good-image", uri=f"oci://registry/model{DIGEST}"),
            service("good-none", uri=None),
        ],
        bad=lambda: [
            service("bad", uri="s3://models/fraud/"),
            service("bad-latest", uri="s3://models/fraud/latest", canary="hf://org/model"),
            service("bad-image", uri="oci://registry/model:1.2"),
        ],
        findings={
            "bad": ["The model s3://models/fraud/ names no version."],
            "bad-latest": [
                "The model s3://models/fraud/latest names no version.",
                "The model hf://org/model names no version.",
            ],
            "bad-image": ["The model oci://registry/model:1.2 names no version."],
        },
        unknown=lambda: service("unknown", uri=unknown()),
    ),
    "feature-data-readers": Case(
        good=read_rightly,
        bad=read_wrongly,
        findings={
            "bad": [f"{LETS} data-bucket."],
            "bad-table": [f"{LETS} data-table."],
            "bad-bucket": [f"{LETS} data-bucket."],
        },
        config={"readers": ["aws:iam/policy:Policy::good-listed"]},
        unknown=read_unknown,
    ),
    "drift-monitor-cooldown": Case(
        good=lambda: [Monitor("good"), Monitor("good-retraining", retraining={"cooldown_hours": 24})],
        bad=lambda: [Monitor("bad", retraining={}), Monitor("bad-zero", retraining={"cooldown_hours": 0})],
        findings=dict.fromkeys(("bad", "bad-zero"), (COOLDOWN,)),
        unknown=lambda: Monitor("unknown", retraining={"cooldown_hours": unknown(24)}),
    ),
}
