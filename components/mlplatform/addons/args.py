"""What the add-ons need to know: settings that a person writes, and what is wired from network and cluster."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Optional, Self

from pydantic import model_validator

from mlplatform.addons.matrix import MATRIX
from mlplatform.core.args import Args, In, at_least, between, checked, distinct, each, each_value, matching, one_of
from mlplatform.core.charts import OCI
from mlplatform.core.identifiers import ADDON_VERSION, BUCKET_NAME, DIGEST, DOMAIN, IPV4_CIDR, REGISTRY
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.objects import NAMESPACE_NAME

REPLICAS = 2
"""Replicas of each controller by default: one of them can move."""
SLICES = between(2, 64, "slices of a GPU")

CERTIFICATE = matching(
    r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+",
    "the ARN of a certificate in ACM, such as "
    "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab",
)
SECRET_PREFIX = matching(r"[A-Za-z0-9/_+=.@!-]+", "the beginning of a secret's name without *, such as platform/")
ROLE_NAME = matching(
    r"(?=.*[\w+=,.@-]{6})[\w+=,.@*-]{1,64}",
    "the name of a role, with * for any part of it but at least six characters in a row, such as *-scaler-role-*",
)


class Addon(StrEnum):
    """What can be switched off, and what others wait for."""

    PROMETHEUS_OPERATOR_CRDS = "prometheus-operator-crds"
    """CRDs of ServiceMonitors, rules and Prometheus itself."""
    KARPENTER = "karpenter"
    """Karpenter and its CRDs: nodes for all the others."""
    EBS_CSI = "ebs-csi"
    """EKS's add-on for EBS volumes, and the default StorageClass."""
    METRICS_SERVER = "metrics-server"
    """EKS's add-on for the use of CPU and memory, by which HorizontalPodAutoscalers scale."""
    CERT_MANAGER = "cert-manager"
    """cert-manager: certificates of webhooks."""
    LOAD_BALANCER_CONTROLLER = "load-balancer-controller"
    """The AWS Load Balancer Controller: load balancers of Services and Ingresses."""
    GATEWAY = "gateway"
    """CRDs of the Gateway API, Envoy Gateway and the Gateway through which requests come."""
    EXTERNAL_SECRETS = "external-secrets"
    """External Secrets, and a ClusterSecretStore on Secrets Manager."""
    KUEUE = "kueue"
    """Kueue: the queue of jobs."""
    KSERVE = "kserve"
    """KServe, its CRDs and runtimes."""
    KEDA = "keda"
    """KEDA: scaling by queues and queries, to zero too."""
    ARGO_WORKFLOWS = "argo-workflows"
    """Argo Workflows: pipelines."""
    PUSHGATEWAY = "pushgateway"
    """Prometheus Pushgateway: metrics of jobs that are gone before a scrape."""


class GpuSoftware(StrEnum):
    """What makes GPUs known to Kubernetes, and measures them: one owner of each."""

    DEVICE_PLUGIN = "device-plugin"
    """NVIDIA's device plugin and the DCGM exporter, each by its own chart; partitions (MIG) need the operator."""
    OPERATOR = "operator"
    """NVIDIA's GPU operator, which brings both, node discovery and the MIG manager."""
    NONE = "none"
    """Nothing: no pool has GPUs, or somebody else installs it."""


def _slices(values: Sequence[int]) -> Sequence[int]:
    for value in values:
        SLICES(value)
    if len(set(values)) < len(values):
        raise ValueError(f"got {', '.join(map(str, values))}; allowed is each number once; take the others out")
    return values


def _some(values: Sequence[Any]) -> Sequence[Any]:
    if not values:
        raise ValueError("got none; allowed are one or more; name what is needed, or switch the add-on off")
    return distinct(values)


def _charts(digests: Mapping[str, str]) -> Mapping[str, str]:
    for chart in digests:
        one_of(MATRIX)(chart)
    return digests


class AddonsEksVersions(Args):
    """Versions of the EKS add-ons, as `aws eks describe-addon-versions` lists them.

    Required, since EKS's own choice would change under the same configuration.
    """

    ebs_csi: str
    """Version of aws-ebs-csi-driver."""
    metrics_server: str
    """Version of metrics-server."""

    _versions = checked(ADDON_VERSION, "ebs_csi", "metrics_server")


class AddonsKarpenter(Args):
    """How Karpenter works."""

    node_overlays: Optional[bool] = False
    """Whether NodeOverlays hold; off by default, since the feature is alpha. Pools that share GPUs need it: without,
    Karpenter counts whole GPUs of nodes that are not there yet."""
    isolated_vpc: Optional[bool] = False
    """Whether the VPC has no way to the internet; not by default. Then Karpenter does not ask AWS for prices, which no
    interface endpoint serves in every region, and chooses by those that it was built with."""


class AddonsGateway(Args):
    """The Gateway through which requests come: Envoy behind a Network Load Balancer that the internet cannot reach.

    Exactly one of `certificate_arn` and `http_only` is given.
    """

    certificate_arn: Optional[In[str]] = None
    """Certificate in ACM with which the load balancer ends TLS, on port 443; requests go on to Envoy in the VPC."""
    http_only: Optional[bool] = False
    """Whether requests come without TLS, on port 80, said in so many words; not by default."""
    source_cidrs: Optional[Sequence[In[str]]] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
    """IPv4 ranges from which requests come; by default all private ones (RFC 1918). Name the VPC's and the callers'
    own to close it further."""
    replicas: Optional[In[int]] = REPLICAS
    """Envoys, at least 1; 2 by default, in different zones where there are some."""

    _certificate = checked(CERTIFICATE, "certificate_arn")
    _sources = checked(_some, "source_cidrs")
    _ranges = checked(each(IPV4_CIDR), "source_cidrs")
    _replicas = checked(at_least(1, "replicas"), "replicas")

    @model_validator(mode="after")
    def _tls_or_not(self) -> Self:
        if (self.certificate_arn is not None) == bool(self.http_only):
            given = "both" if self.http_only else "neither"
            raise ValueError(
                f"got {given}; allowed is exactly one of certificate_arn and http_only; "
                "give the ARN of a certificate, or http_only true for requests without TLS"
            )
        return self


class AddonsExternalSecrets(Args):
    """What External Secrets may read."""

    secret_prefixes: Optional[Sequence[In[str]]] = ["platform/"]
    """Beginnings of the names of secrets that can be read, all others cannot; `platform/` by default. `rds!` is that of
    the passwords that RDS manages."""
    kms_key_arns: Optional[Sequence[In[str]]] = []
    """KMS keys that encrypt those secrets, as far as they are customer-managed; none by default."""

    _prefixes = checked(_some, "secret_prefixes")
    _each_prefix = checked(each(SECRET_PREFIX), "secret_prefixes")
    _keys = checked(each(KEY_ARN), "kms_key_arns")


class AddonsKueue(Args):
    """How Kueue admits jobs."""

    pods_ready_minutes: Optional[In[int]] = 15
    """Minutes that an admitted job has to start all its pods, at least 1; 15 by default, in which a node with GPUs and
    a large image is there. Then it goes back to the queue and tries the next flavor, again and again."""

    _minutes = checked(at_least(1, "minutes"), "pods_ready_minutes")


class AddonsKServe(Args):
    """How KServe names endpoints."""

    domain: In[str]
    """Domain of the endpoints, such as models.example.com: the host of one is `<name>-<namespace>.<domain>`."""
    runtimes: Optional[bool] = True
    """Whether KServe's runtimes (scikit-learn, XGBoost, LightGBM, MLServer, Triton, Hugging Face) are there for every
    namespace; on by default. Off is for images of one's own only."""

    _domain = checked(DOMAIN, "domain")


class AddonsKeda(Args):
    """What KEDA may do in AWS."""

    scaler_roles: Optional[Sequence[str]] = ["*-scaler-role-*"]
    """Names of the roles that KEDA's operator may take in order to read a queue, `*` for any part; by default those
    that training queues make. Each of them must trust KEDA's role too."""

    _some_roles = checked(_some, "scaler_roles")
    _names = checked(each(ROLE_NAME), "scaler_roles")


class AddonsArgo(Args):
    """How Argo Workflows works."""

    server: Optional[bool] = False
    """Whether Argo's server, with its pages and API, runs; off by default: kubectl shows workflows too, and nothing
    listens. It is reached by `kubectl port-forward` and asks for a token of Kubernetes'."""
    workflow_namespaces: Optional[Sequence[str]] = []
    """Namespaces, which exist, where the chart makes a service account `argo-workflow` that workflows can run as; none
    by default, since training queues make one of their own in each team's namespace."""
    artifact_bucket: Optional[In[str]] = None
    """Bucket that keeps artifacts and logs of workflows, under `workflows/`, with the rights of each workflow's own
    role; none by default."""

    _namespaces = checked(each(NAMESPACE_NAME), "workflow_namespaces")
    _bucket = checked(BUCKET_NAME, "artifact_bucket")


class AddonsPushgateway(Args):
    """How the Pushgateway keeps what was pushed."""

    disk_gib: Optional[In[int]] = 2
    """Size of its volume in GiB, at least 1; 2 by default, the chart's own: it keeps the last value of each metric."""

    _disk = checked(at_least(1, "GiB"), "disk_gib")


class AddonsGpu(Args):
    """Software of nodes with GPUs; it runs on nodes with the label `nvidia.com/gpu.present` only."""

    software: Optional[GpuSoftware] = GpuSoftware.DEVICE_PLUGIN
    """What makes GPUs known: the device plugin and the DCGM exporter by default. Pools with partitions (MIG) need
    the operator. Driver and container toolkit are in EKS's images for GPUs."""
    time_slices: Optional[Sequence[int]] = []
    """Slices of a GPU, 2 to 64, that pools share GPUs by: a configuration of the device plugin for each number; none by
    default."""
    efa: Optional[bool] = False
    """Whether a pool has Elastic Fabric Adapters, whose device plugin is then installed; not by default."""

    _slices = checked(_slices, "time_slices")

    @model_validator(mode="after")
    def _sliced_by_something(self) -> Self:
        if self.software is GpuSoftware.NONE and self.time_slices:
            listed = ", ".join(map(str, self.time_slices))
            raise ValueError(
                f"time_slices {listed} and software none: nothing would slice a GPU; "
                "allowed are device-plugin and operator; change software, or take time_slices out"
            )
        return self


class AddonsSettings(Args):
    """What a person decides of the controllers of a cluster."""

    without: Optional[Sequence[Addon]] = []
    """What is not installed, because nobody needs it or somebody else installs it; nothing by default. What needs it
    takes it for installed already."""
    eks_versions: Optional[AddonsEksVersions] = None
    """Versions of EKS's own add-ons. Required unless ebs-csi and metrics-server are both switched off."""
    replicas: Optional[int] = REPLICAS
    """Replicas of each controller that elects a leader, at least 1; 2 by default, and then a disruption budget keeps
    one. 1 is cheaper, and stands still for a minute when a node goes. Karpenter always has 2."""
    image_registry: Optional[In[str]] = None
    """Registry that every image comes from, at the path that it has in its own: the output `images` lists what must be
    there. By default each comes from its own. Nodes without a way to the internet need it; what EKS installs comes from
    EKS's registries."""
    chart_registry: Optional[In[str]] = None
    """Registry that every chart comes from, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/charts, by the chart's
    name and version: the output `installed` lists them. By default each comes from its publisher. The machine that
    runs `pulumi up` pulls charts, so set it where that machine does not reach the publishers; it signs in with
    `helm registry login`."""
    chart_digests: Optional[Mapping[str, str]] = {}
    """Digests of charts by the chart's name, such as `sha256:` and 64 hexadecimal digits; none by default, and then the
    version alone selects a chart. `helm pull` and `helm push` print the digest of a chart in a registry, which is the
    only one that Helm checks."""
    service_monitors: Optional[bool] = True
    """Whether controllers have ServiceMonitors, by which Prometheus finds them; on by default. Off where nothing has
    installed the CRDs."""
    karpenter: Optional[AddonsKarpenter] = AddonsKarpenter()
    """How Karpenter works."""
    gateway: Optional[AddonsGateway] = None
    """The Gateway through which requests come. Required unless it is switched off."""
    external_secrets: Optional[AddonsExternalSecrets] = AddonsExternalSecrets()
    """What External Secrets may read."""
    kueue: Optional[AddonsKueue] = AddonsKueue()
    """How Kueue admits jobs."""
    kserve: Optional[AddonsKServe] = None
    """How KServe names endpoints. Required unless it is switched off."""
    keda: Optional[AddonsKeda] = AddonsKeda()
    """What KEDA may do in AWS."""
    argo: Optional[AddonsArgo] = AddonsArgo()
    """How Argo Workflows works."""
    pushgateway: Optional[AddonsPushgateway] = AddonsPushgateway()
    """How the Pushgateway keeps what was pushed."""
    gpu: Optional[AddonsGpu] = AddonsGpu()
    """Software of nodes with GPUs."""
    trainer: Optional[bool] = False
    """Whether Kubeflow Trainer, and JobSet with it, is installed; not by default, since only TrainJobs need it."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what every role made here can ever do; none by default."""

    _without = checked(distinct, "without")
    _replicas = checked(at_least(1, "replicas"), "replicas")
    _registries = checked(REGISTRY, "image_registry", "chart_registry")
    _charts = checked(_charts, "chart_digests")
    _digests = checked(each_value(DIGEST), "chart_digests")

    @model_validator(mode="after")
    def _digests_that_helm_checks(self) -> Self:
        unchecked = [chart for chart in self.chart_digests or {} if not MATRIX[chart].repository.startswith(OCI)]
        if unchecked and self.chart_registry is None:
            raise ValueError(
                f"chart_digests: got {', '.join(unchecked)} without chart_registry; must be charts in a registry, "
                "because Helm checks no other digests. Set chart_registry, or remove these digests."
            )
        return self

    @model_validator(mode="after")
    def _versions_of_eks(self) -> Self:
        wanted = [addon.value for addon in (Addon.EBS_CSI, Addon.METRICS_SERVER) if self.has(addon)]
        if wanted and self.eks_versions is None:
            raise ValueError(
                f"eks_versions is missing for {', '.join(wanted)}; give the versions that aws eks "
                "describe-addon-versions lists, or name them in without"
            )
        return self

    @model_validator(mode="after")
    def _settings_of_what_is_on(self) -> Self:
        for addon, field in ((Addon.GATEWAY, "gateway"), (Addon.KSERVE, "kserve")):
            if self.has(addon) and getattr(self, field) is None:
                raise ValueError(f"{field} is missing; give its settings, or name {addon.value} in without")
        return self

    def has(self, addon: Addon) -> bool:
        """Whether an add-on is installed."""
        return addon not in (self.without or ())


class AddonsArgs(AddonsSettings):
    """What the add-ons need to know."""

    cluster_name: In[str]
    """Name of the EKS cluster."""
    vpc_id: In[str]
    """Id of the cluster's VPC, where the AWS Load Balancer Controller makes load balancers."""
    volume_key_arn: In[str]
    """KMS key that encrypts volumes of the default StorageClass; its policy lets EC2 use it for the account's roles."""
    interruption_queue_name: Optional[In[str]] = None
    """Name of the SQS queue from which Karpenter learns of interruptions. Required unless Karpenter is switched off."""

    _vpc = checked(matching(r"vpc-[0-9a-f]+", "the id of a VPC, such as vpc-0123456789abcdef0"), "vpc_id")
    _key = checked(KEY_ARN, "volume_key_arn")

    @model_validator(mode="after")
    def _interruptions(self) -> Self:
        if self.has(Addon.KARPENTER) and self.interruption_queue_name is None:
            raise ValueError(
                "interruption_queue_name is missing: Karpenter would not hear of interruptions; give the cluster's "
                "queue, or name karpenter in without"
            )
        return self
