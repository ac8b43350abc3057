"""What a serving endpoint needs to know: settings that a person writes, and what is wired from the rest."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Optional, Self

from pydantic import model_validator

from mlplatform.contracts.request_log import VARIABLES
from mlplatform.contracts.rollout import MODEL_URI
from mlplatform.core.args import Args, In, at_least, between, checked, distinct, each, matching
from mlplatform.core.capacity import Capacity, Purpose
from mlplatform.core.identifiers import BUCKET_NAME, DOMAIN, IMAGE, IPV4_CIDR, MODEL_NAME, QUANTITY, TOPIC_ARN, URL
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.objects import NAMESPACE_NAME
from mlplatform.core.registry_account import RegistryAccount
from mlplatform.serving_endpoint.access import MODEL_VERSION
from mlplatform.serving_endpoint.rollout_args import ServingRollout
from mlplatform.serving_endpoint.serverless_args import Serverless

KINDS = ("kserve", "container", "serverless")
VERSION_VARIABLE = "MODEL_VERSION"
"""Environment variable of a pod's containers: the version of the model, as the pod's annotation has it."""
WRITER_PORT = 8090
"""Where the request log's sidecar listens."""
PURPOSES = (Purpose.INFERENCE, Purpose.SERVICES)
"""Purposes of pools that endpoints run on; the others belong to queues."""
AVAILABILITY = (95.0, 99.99)
"""Below the first, the fastest burn rate (14.4) would need more errors than there are requests."""
# A server without privileges cannot listen below.
PORTS = between(1024, 65_535, "as a port")
PERCENT = between(0, 100, "percent")

PATH = matching(r"/[^\s?#]*", "a path from the root, such as /health")


def _own_environment(values: Mapping[str, In[str]]) -> Mapping[str, In[str]]:
    for name in values:
        if name in {MODEL_URI, VERSION_VARIABLE, *VARIABLES}:
            raise ValueError(f"got {name!r}, which the endpoint sets; allowed are other names; take it out")
    return values


def _not_root(user: int) -> int:
    if user < 1:
        raise ValueError(f"got {user}; allowed are user ids of 1 or more, since 0 is root")
    return user


def _availability(percent: float) -> float:
    low, high = AVAILABILITY
    if not low <= percent <= high:
        raise ValueError(f"got {percent}; allowed are {low} to {high} percent of the requests")
    return percent


class ServedModel(Args):
    """A version of a registered model, where a promotion put it: `s3://<model bucket>/<name>/<version>/`."""

    name: str
    """Name of the registered model, the first folder: the endpoint can read nothing outside of it."""
    version: str
    """Version that is served, the second folder. With `rollout` it is only that of the first deployment."""

    _name = checked(MODEL_NAME, "name")
    _version = checked(MODEL_VERSION, "version")


class ServingCanary(Args):
    """A candidate beside what is served, on replicas of its own."""

    model_version: str
    """Version of the model that it serves."""
    image: Optional[In[str]] = None
    """Image of its server, by digest, for `container`; that of the endpoint by default."""
    percent: Optional[In[int]] = 0
    """Share of the requests that it gets, 0 to 100 percent; none by default: raise it when the candidate is Ready,
    since requests for a candidate without a ready replica fail."""
    replicas: Optional[int] = 1
    """Replicas of the candidate, at least 1, and never scaled; 1 by default, beside those of `scaling`."""

    _version = checked(MODEL_VERSION, "model_version")
    _image = checked(IMAGE, "image")
    _percent = checked(PERCENT, "percent")
    _replicas = checked(at_least(1, "replicas"), "replicas")


class ServingTrigger(Args):
    """What KEDA scales by: a query of Prometheus."""

    query: In[str]
    """PromQL that yields one number for the endpoint, such as its queued or running requests."""
    threshold: In[int]
    """What one replica bears of that number, at least 1."""
    exists_at_zero: Optional[bool] = False
    """Whether the query has a value while no replica runs; not by default. It has for what waits elsewhere, such as a
    queue's length; it has not for what the endpoint's own pods say, nor for the Gateway's requests to them."""

    _threshold = checked(at_least(1, "a replica"), "threshold")


class ServingScaling(Args):
    """How many replicas there are."""

    min_replicas: Optional[int] = 2
    """Replicas at least; 2 by default, so that one node or zone can go. 0 needs a `trigger` that exists at zero, and
    then the first requests get 503 until a replica is ready: nothing holds them back."""
    max_replicas: Optional[int] = 4
    """Replicas at most, the ceiling of the cost; 4 by default. The same as `min_replicas` for no scaling."""
    cpu_percent: Optional[In[int]] = 70
    """Use of the CPU requested, 1 to 100 percent, that is held by scaling, where there is no `trigger`; 70 by default,
    which leaves room for the minutes that a new replica takes."""
    trigger: Optional[ServingTrigger] = None
    """What to scale by instead of the CPU's use; nothing by default. GPU servers need one: the CPU says nothing of
    their load."""

    _min = checked(at_least(0, "replicas"), "min_replicas")
    _max = checked(at_least(1, "replicas"), "max_replicas")
    _cpu = checked(between(1, 100, "percent"), "cpu_percent")

    @property
    def fixed(self) -> bool:
        """Whether the number of replicas never changes."""
        return self.min_replicas == self.max_replicas

    @model_validator(mode="after")
    def _range(self) -> Self:
        least, most = self.min_replicas or 0, self.max_replicas or 0
        if least > most:
            raise ValueError(
                f"min_replicas {least} and max_replicas {most}: allowed is a minimum of at most {most}; lower it or "
                "raise max_replicas"
            )
        if least == 0 and not (self.trigger and self.trigger.exists_at_zero):
            raise ValueError(
                "min_replicas 0 without a trigger that exists at zero: nothing would ever start a replica; set "
                "trigger with exists_at_zero, or min_replicas 1"
            )
        return self


class ServingResources(Args):
    """What one replica has: it gets all of it always, and never more."""

    cpu: Optional[In[str]] = "1"
    """CPU cores; 1 by default."""
    memory: Optional[In[str]] = "4Gi"
    """Memory, shared memory included; 4Gi by default: model, server and requests in flight."""
    disk: Optional[In[str]] = "10Gi"
    """Space for the model, /tmp and logs on the node's disk; 10Gi by default. Beyond it, the replica is evicted."""
    gpus: Optional[int] = 0
    """Units of the pool's GPU resource; none by default."""
    shared_memory: Optional[In[str]] = "1Gi"
    """Size of /dev/shm on GPU servers, whose processes exchange tensors there; 1Gi by default, against 64 MiB
    otherwise. It counts as memory."""

    _quantities = checked(QUANTITY, "cpu", "memory", "disk", "shared_memory")
    _gpus = checked(at_least(0, "GPUs"), "gpus")


class ServingObjectives(Args):
    """What callers may expect; alerts are made of it."""

    availability_percent: Optional[float] = 99.5
    """Share of the requests that get another answer than 5xx, 95 to 99.99 percent; 99.5 by default: three and a half
    hours of a month. Alerts tell how fast the rest is used up."""
    p95_milliseconds: Optional[int] = 500
    """Time within which 95 percent of the requests are answered; 500 by default, which people still take for prompt."""
    p99_milliseconds: Optional[int] = 1000
    """Time within which 99 percent of the requests are answered; 1000 by default."""

    _availability = checked(_availability, "availability_percent")
    _latencies = checked(at_least(1, "milliseconds"), "p95_milliseconds", "p99_milliseconds")

    @model_validator(mode="after")
    def _order(self) -> Self:
        if (self.p95_milliseconds or 0) > (self.p99_milliseconds or 0):
            raise ValueError(
                f"p95_milliseconds {self.p95_milliseconds} and p99_milliseconds {self.p99_milliseconds}: the slowest "
                "percent cannot be faster; raise p99_milliseconds"
            )
        return self


class ServingMetrics(Args):
    """Where a server exports metrics."""

    path: Optional[In[str]] = "/metrics"
    """Path; /metrics by default."""
    port: Optional[In[int]] = None
    """Port; that of the server by default."""

    _path_field = checked(PATH, "path")
    _port = checked(PORTS, "port")


class ServingRequestLog(Args):
    """The log of requests and predictions, under `requests/<endpoint>/` of the feature bucket."""

    image: Optional[In[str]] = None
    """Image, by digest, of the sidecar that writes it, for `kserve` and `container`: it listens on REQUEST_LOG_PORT,
    passes requests on to REQUEST_LOG_UPSTREAM and writes lines as the other REQUEST_LOG_ variables say. That of the
    platform's jobs by default, `runtime_image`. A function's writer is a part of its own image."""
    args: Optional[Sequence[In[str]]] = ["request-log"]
    """Arguments of the sidecar; by default those with which the image of the platform's jobs is it. Empty for those of
    an image of one's own."""
    sample_percent: Optional[In[int]] = 100
    """Share of the requests that is logged, 1 to 100 percent, chosen by a hash of their id; all by default, since
    drift shows in the rare ones too."""

    _image = checked(IMAGE, "image")
    _sample = checked(between(1, 100, "percent"), "sample_percent")


class ServingGateway(Args):
    """The Gateway through which requests come."""

    namespace: Optional[str] = "envoy-gateway-system"
    """Namespace of the Gateway and of its Envoy pods; envoy-gateway-system by default."""
    name: Optional[str] = "inference"
    """Name of the Gateway; inference by default."""
    tls: Optional[bool] = True
    """Whether it listens with TLS, as the address says; on by default. Off is for one that listens on port 80 only."""

    _names = checked(NAMESPACE_NAME, "namespace", "name")


class KServeProtocol(StrEnum):
    """How a KServe runtime is spoken to."""

    V1 = "v1"
    """KServe's first protocol: `/v1/models/<model>:predict`."""
    V2 = "v2"
    """The Open Inference Protocol: `/v2/models/<model>/infer`."""


class ServingKServe(Args):
    """A server that KServe runs: an InferenceService in Standard mode, whose image comes from a ServingRuntime."""

    model_format: In[str]
    """Format of the model by KServe's name, such as sklearn, xgboost, onnx, triton, mlflow or huggingface."""
    runtime: Optional[In[str]] = None
    """ServingRuntime or ClusterServingRuntime; by default KServe takes one that supports the format."""
    protocol: Optional[KServeProtocol] = KServeProtocol.V2
    """Protocol of the runtime, which also says where its probes are; v2 by default."""
    image: Optional[In[str]] = None
    """Image of the server, by digest, instead of the runtime's; that of the runtime by default."""
    args: Optional[Sequence[In[str]]] = []
    """Further arguments of the server; none by default."""
    environment: Optional[Mapping[str, In[str]]] = {}
    """Further environment variables; none by default. No secrets: they would lie in Pulumi's state."""
    user: Optional[In[int]] = 1000
    """User id of the server, at least 1; 1000 by default, the user of KServe's own images."""
    metrics: Optional[ServingMetrics] = ServingMetrics()
    """Where the runtime exports metrics; KServe's own do at /metrics."""

    _image = checked(IMAGE, "image")
    _environment = checked(_own_environment, "environment")
    _user = checked(_not_root, "user")


class ServingContainer(Args):
    """A server of one's own image, in Deployments. It reads its model from MODEL_URI by itself."""

    image: In[str]
    """Image of the server, by digest."""
    ready_path: In[str]
    """Path that answers 200 when the model is loaded and requests may come."""
    live_path: In[str]
    """Path that answers 200 as long as the process need not be restarted; no other service may be asked for it."""
    port: Optional[In[int]] = 8080
    """Port of the server, 1024 to 65535; 8080 by default."""
    command: Optional[Sequence[In[str]]] = []
    """Command instead of the image's; that of the image by default."""
    args: Optional[Sequence[In[str]]] = []
    """Arguments instead of the image's; those of the image by default."""
    environment: Optional[Mapping[str, In[str]]] = {}
    """Environment variables beside MODEL_URI; none by default. No secrets: they would lie in Pulumi's state."""
    user: Optional[In[int]] = 65532
    """User id of the server, at least 1; 65532 by default, the nonroot user of distroless images."""
    read_only: Optional[bool] = True
    """Whether the root file system is read-only, so that the server writes to /tmp only; on by default. Off is for
    images that are known to write elsewhere."""
    metrics: Optional[ServingMetrics] = None
    """Where the server exports metrics; nowhere by default."""
    wait_until_ready: Optional[bool] = False
    """Whether `pulumi up` waits until the replicas are ready, and fails if they never are; off by default, because the
    model is in a bucket that the same `up` may create. Without it, `up` does not notice an image that cannot start:
    the former replicas continue to serve, and the alerts ServerDegraded and ServerDown report it. If you turn it on,
    put the model under its key first."""

    _image = checked(IMAGE, "image")
    _paths = checked(PATH, "ready_path", "live_path")
    _port = checked(PORTS, "port")
    _environment = checked(_own_environment, "environment")
    _user = checked(_not_root, "user")


class ServingEndpointSettings(Args):
    """What a person decides of a serving endpoint."""

    model: ServedModel
    """The model that it serves."""
    kserve: Optional[ServingKServe] = None
    """A server of KServe. Exactly one of `kserve`, `container` and `serverless` is given."""
    container: Optional[ServingContainer] = None
    """A server of one's own image on Kubernetes."""
    serverless: Optional[Serverless] = None
    """A server in AWS Lambda. It has its own canary, limits and alarms."""
    canary: Optional[ServingCanary] = None
    """A candidate beside what is served, for `kserve` and `container`; none by default."""
    scaling: Optional[ServingScaling] = ServingScaling()
    """How many replicas there are, for `kserve` and `container`."""
    resources: Optional[ServingResources] = ServingResources()
    """What one replica has, for `kserve` and `container`."""
    pool: Optional[str] = None
    """Node pool that replicas run on, for `kserve` and `container`; by default any node without a taint."""
    startup_seconds: Optional[int] = 900
    """Seconds after which a server that does not answer yet is restarted, at least 10, for `kserve` and `container`;
    900 by default: weights are large, and a restart begins again. Plain, because the deadlines of a Deployment are
    computed from it."""
    timeout_seconds: Optional[In[int]] = 60
    """Seconds that a request may take, at least 1, for `kserve` and `container`; 60 by default."""
    objectives: Optional[ServingObjectives] = ServingObjectives()
    """What callers may expect, for `kserve` and `container`."""
    namespace: Optional[str] = None
    """Namespace of the endpoint's own, for `kserve` and `container`; its name by default."""
    request_log: Optional[ServingRequestLog] = None
    """The log of requests and predictions; none by default."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what the role made here can ever do; none by default."""
    rollout: Optional[ServingRollout] = None
    """Rollouts that move weights and versions after the first deployment: Pulumi then leaves them alone, and the role
    reads every version of the model. None by default: a change here is the rollout."""

    _startup = checked(at_least(10, "seconds"), "startup_seconds")
    _timeout = checked(at_least(1, "seconds"), "timeout_seconds")
    _namespace = checked(NAMESPACE_NAME, "namespace")

    @property
    def kind(self) -> str:
        """Which of the kinds it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                f"got {' and '.join(given) or 'none'} of {', '.join(KINDS)}; allowed is exactly one; "
                f"{'take the others out' if given else 'set one'}"
            )
        return self

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        foreign = sorted(self.model_fields_set & _KUBERNETES_ONLY) if self.serverless else []
        if foreign:
            raise ValueError(
                f"serverless and {', '.join(foreign)}: allowed with kserve and container only; take them out, "
                "serverless has its own fields"
            )
        if self.serverless:
            self.serverless.refuse_contradictions(
                image=self.serverless.image, model_version=self.model.version, rollout=self.rollout is not None
            )
        return self

    @model_validator(mode="after")
    def _writer(self) -> Self:
        if self.serverless and self.request_log and self.request_log.image is not None:
            raise ValueError(
                "request_log.image and serverless: functions take no sidecar; take the image out, the writer is a part "
                "of the function's image"
            )
        if self.request_log and self.container and self.container.port == WRITER_PORT:
            raise ValueError(
                f"request_log and container.port {WRITER_PORT}: the log's sidecar listens there; set another port"
            )
        return self

    @model_validator(mode="after")
    def _canary(self) -> Self:
        canary, scaling = self.canary, self.scaling or ServingScaling()
        if canary is None:
            return self
        if scaling.min_replicas == 0:
            raise ValueError(
                "canary and scaling.min_replicas 0: without a replica the candidate is compared with nothing; set "
                "min_replicas 1 or take the canary out"
            )
        if self.kserve and not (scaling.fixed and scaling.trigger is None):
            raise ValueError(
                f"canary and scaling from {scaling.min_replicas} to {scaling.max_replicas}: KServe keeps replicas "
                "fixed beside a canary; set min_replicas and max_replicas to the same number, without trigger"
            )
        if self.kserve and canary.image is not None:
            raise ValueError(
                "canary.image and kserve: a candidate of KServe has the endpoint's server; take the image out"
            )
        if canary.model_version == self.model.version and canary.image is None:
            raise ValueError(
                f"canary.model_version {canary.model_version!r} is what is served: allowed is a candidate that "
                f"differs; set another model_version{' or image' if self.container else ''}"
            )
        return self

    @model_validator(mode="after")
    def _rollout(self) -> Self:
        if self.rollout is None:
            return self
        problem = self._against_rollout(self.rollout, self.scaling or ServingScaling())
        if problem:
            raise ValueError(problem)
        return self

    def _against_rollout(self, rollout: ServingRollout, scaling: ServingScaling) -> Optional[str]:
        """What of the endpoint does not go together with its rollouts."""
        if self.canary or (self.serverless and self.serverless.canary):
            field = "canary" if self.canary else "serverless.canary"
            return f"rollout and {field}: a rollout declares its candidates by itself; take one of them out"
        if self.serverless:
            return (
                f"rollout.replicas {rollout.replicas} and serverless: a function has none; take it out"
                if rollout.replicas is not None
                else None
            )
        if rollout.namespace is not None:
            return (
                f"rollout.namespace {rollout.namespace!r} and {self.kind}: its rollouts run in the endpoint's own "
                "namespace; take it out"
            )
        if scaling.min_replicas == 0:
            return (
                "rollout and scaling.min_replicas 0: without a replica a candidate is compared with nothing; set "
                "min_replicas 1"
            )
        if self.kserve and not (scaling.fixed and scaling.trigger is None):
            return (
                f"rollout and scaling from {scaling.min_replicas} to {scaling.max_replicas}: KServe keeps replicas "
                "fixed beside a candidate; set min_replicas and max_replicas to the same number, without trigger"
            )
        return None


_KUBERNETES_ONLY = frozenset(
    ("canary", "scaling", "resources", "pool", "startup_seconds", "timeout_seconds", "objectives", "namespace")
)


class ServingEndpointArgs(ServingEndpointSettings):
    """What a serving endpoint needs to know."""

    model_bucket_name: In[str]
    """Bucket of the promoted models."""
    model_key_arn: In[str]
    """KMS key of the models' bucket."""
    feature_bucket_name: Optional[In[str]] = None
    """Bucket of the features, where the request log lies; needed with `request_log`."""
    feature_key_arn: Optional[In[str]] = None
    """KMS key of the features' bucket; needed with `request_log`."""
    alarm_topic_arns: Optional[Sequence[In[str]]] = []
    """SNS topics for the alarms of `serverless`; none by default. The alerts of the other kinds go the way of
    Prometheus."""
    cluster_name: Optional[In[str]] = None
    """EKS cluster; needed for `kserve`, `container` and `rollout`."""
    vpc_cidr: Optional[In[str]] = None
    """IPv4 range of the cluster's VPC, where interface endpoints are; needed for `kserve`, `container` and
    `rollout`."""
    service_cidr: Optional[In[str]] = None
    """IPv4 range of the cluster's services, where the steps of `rollout` find the API server; both of those that EKS
    takes by itself by default."""
    s3_cidrs: Optional[Sequence[In[str]]] = ["0.0.0.0/0"]
    """Ranges on whose port 443 replicas reach S3, as gateway endpoints keep S3's public addresses. Every address by
    default, private ones excluded: AWS's list changes. Name its ranges where data must not leave by HTTPS."""
    domain: Optional[In[str]] = None
    """Domain of the endpoints: the host is `<name>-<namespace>.<domain>`. Needed for `kserve` and `container`."""
    gateway: Optional[ServingGateway] = ServingGateway()
    """The Gateway through which requests come, for `kserve` and `container`."""
    monitoring_namespace: Optional[str] = "monitoring"
    """Namespace of Prometheus, which scrapes the servers of `kserve` and `container`, and which the gates of `rollout`
    ask; monitoring by default."""
    prometheus_url: Optional[In[str]] = "http://prometheus-operated.monitoring.svc:9090"
    """Prometheus that KEDA and the gates of `rollout` ask; by default the one that Prometheus Operator runs in the
    namespace monitoring."""
    runtime_image: Optional[In[str]] = None
    """Image of `mlplatform.runtime`, by digest; needed with `rollout`, and with `request_log` where that names no
    other."""
    registry: Optional[RegistryAccount] = None
    """The model registry, whose writer's account the steps of `rollout` get; needed with `rollout`."""
    registry_namespace: Optional[str] = "model-registry"
    """Namespace of the registry's server, which the steps of `rollout` reach; model-registry by default. A server
    outside of the cluster they reach by HTTPS, within `vpc_cidr` and `s3_cidrs`."""
    runbooks_url: Optional[str] = None
    """Where `docs/runbooks` is published, for the links of alerts; needed for `kserve`, `container` and `rollout`."""
    capacity: Optional[Sequence[Capacity]] = []
    """What the node pools can hold, of which `pool` names one; none by default."""

    _topics = checked(each(TOPIC_ARN), "alarm_topic_arns")
    _distinct = checked(distinct, "alarm_topic_arns")
    _runtime = checked(IMAGE, "runtime_image")
    _buckets = checked(BUCKET_NAME, "model_bucket_name", "feature_bucket_name")
    _keys = checked(KEY_ARN, "model_key_arn", "feature_key_arn")
    _cidr = checked(IPV4_CIDR, "vpc_cidr", "service_cidr")
    _cidrs = checked(each(IPV4_CIDR), "s3_cidrs")
    _domain = checked(DOMAIN, "domain")
    _urls = checked(URL, "prometheus_url", "runbooks_url")
    _namespaces = checked(NAMESPACE_NAME, "monitoring_namespace", "registry_namespace")

    @property
    def tiers(self) -> Sequence[Capacity]:
        """The tiers of the pool; none without a pool."""
        return [tier for tier in self.capacity or [] if tier.pool == self.pool]

    @property
    def gpu_resource(self) -> Optional[str]:
        """Extended resource of the pool's GPUs."""
        return next((tier.gpu_resource for tier in self.tiers), None)

    @property
    def _needed_by_the_log(self) -> Sequence[str]:
        if self.request_log is None:
            return ()
        sidecar = self.serverless is None and self.request_log.image is None
        return ("feature_bucket_name", "feature_key_arn", *(("runtime_image",) if sidecar else ()))

    @model_validator(mode="after")
    def _wired(self) -> Self:
        rolled = ("cluster_name", "vpc_cidr", "runbooks_url", "registry", "runtime_image")
        needed = {
            self.kind: () if self.serverless else ("cluster_name", "vpc_cidr", "domain", "runbooks_url"),
            "request_log": self._needed_by_the_log,
            "rollout": rolled if self.rollout else (),
        }
        for why, fields in needed.items():
            missing = [field for field in fields if getattr(self, field) is None]
            if missing:
                raise ValueError(f"{why} without {', '.join(missing)}: needed for {why}; set them")
        return self

    @model_validator(mode="after")
    def _pool_exists(self) -> Self:
        if self.pool is None:
            return self
        known = sorted({tier.pool for tier in self.capacity or []})
        if not self.tiers:
            raise ValueError(f"pool {self.pool!r} is unknown; known are {', '.join(known) or 'none'}; name one of them")
        purpose = self.tiers[0].purpose
        if purpose not in PURPOSES:
            raise ValueError(
                f"pool {self.pool!r} is for {purpose}; allowed are pools for {' and '.join(PURPOSES)}, since the "
                "others belong to a queue; name another pool"
            )
        return self

    @model_validator(mode="after")
    def _gpus(self) -> Self:
        gpus = (self.resources or ServingResources()).gpus or 0
        scaling = self.scaling or ServingScaling()
        if gpus and self.gpu_resource is None:
            where = f"pool {self.pool!r}, which has no GPU" if self.pool else "no pool"
            raise ValueError(
                f"resources.gpus {gpus} and {where}: without the labels and tolerations of a GPU pool no replica would "
                "start; set pool to one with GPUs"
            )
        if gpus and not scaling.fixed and scaling.trigger is None:
            raise ValueError(
                f"resources.gpus {gpus} and scaling by CPU: a GPU server's CPU says nothing of its load; set "
                "scaling.trigger, or min_replicas and max_replicas to the same number"
            )
        # An update starts a replica before it ends another: without room for that one, it never begins.
        most = gpus * ((scaling.max_replicas or 0) + self._candidates(scaling) + 1)
        limit = sum(tier.gpus or 0 for tier in self.tiers)
        if most > limit:
            raise ValueError(
                f"resources.gpus {gpus} and scaling.max_replicas {scaling.max_replicas}: {most} GPUs with those of a "
                f"candidate and one more replica's during updates, and pool {self.pool!r} has {limit}; lower them or "
                "raise the pool's limit"
            )
        return self

    def _candidates(self, scaling: ServingScaling) -> int:
        """Replicas of a candidate beside what is served."""
        if self.rollout:
            return self.rollout.candidates(scaling.max_replicas or 0)
        return (self.canary.replicas or 0) if self.canary else 0
