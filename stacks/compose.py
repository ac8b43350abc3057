"""How the components make up one environment: only composition, no decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pulumi
import pulumi_aws as aws

from config import PROJECT, EnvironmentConfig
from mlplatform import (
    Addon,
    Addons,
    AddonsArgs,
    Args,
    Capacity,
    Cluster,
    ClusterArgs,
    DriftMonitor,
    DriftMonitorArgs,
    FeatureStore,
    FeatureStoreArgs,
    GpuNodePool,
    GpuNodePoolArgs,
    InvalidArgs,
    ModelRegistry,
    ModelRegistryArgs,
    ModelStore,
    MonitoringStack,
    MonitoringStackArgs,
    Network,
    NetworkArgs,
    PipelineDrift,
    RegistryAccount,
    ServingEndpoint,
    ServingEndpointArgs,
    TrainingPipeline,
    TrainingPipelineArgs,
    TrainingQueue,
    TrainingQueueArgs,
)

A = TypeVar("A", bound=Args)


@dataclass(frozen=True, slots=True)
class Ground:
    """What everything else stands on."""

    aws: aws.Provider
    network: Network
    cluster: Cluster

    def options(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a component with objects in the cluster, which waits for others."""
        return pulumi.ResourceOptions(providers=[self.aws, self.cluster.kubernetes], depends_on=list(after))


@dataclass(frozen=True, slots=True)
class Data:
    """What outlives the cluster."""

    features: FeatureStore
    models: ModelStore


@dataclass(frozen=True, slots=True)
class Platform:
    """What the cluster's workloads run on, and what watches them."""

    addons: Addons
    pools: Mapping[str, GpuNodePool]
    monitoring: MonitoringStack

    @property
    def capacity(self) -> Sequence[Capacity]:
        """What all pools can hold, tier by tier."""
        return [tier for pool in self.pools.values() for tier in pool.capacity]

    def ready(self, *addons: Addon) -> Sequence[pulumi.Resource]:
        """What objects of these add-ons wait for, and are gone before: their controllers, and nodes."""
        return [*_controllers(self.addons, *addons), *self.pools.values()]


@dataclass(frozen=True, slots=True)
class Workloads:
    """What teams use."""

    queue: TrainingQueue
    registry: ModelRegistry
    endpoints: Mapping[str, ServingEndpoint]
    monitors: Mapping[str, DriftMonitor]
    pipelines: Mapping[str, TrainingPipeline]


def _controllers(addons: Addons, *wanted: Addon) -> Sequence[pulumi.Resource]:
    """The controllers of these add-ons, as far as they are installed here and not by somebody else."""
    return [addons.controllers[addon] for addon in wanted if addon in addons.controllers]


def _wired(args: type[A], field: str, settings: Args, **wired: object) -> A:
    """The arguments made of what a stack file says under `field` and of what other components give.

    What is refused then is named by its place in the stack file, as everything else in it.
    """
    try:
        return args.of(settings, **wired)
    except InvalidArgs as refused:
        lines = str(refused).splitlines()
        raise InvalidArgs("\n".join(line.replace(args.__name__, f"{PROJECT}:{field}", 1) for line in lines)) from None


def compose(config: EnvironmentConfig) -> None:
    """Creates an environment and exports what people and other stacks need of it."""
    ground = compose_ground(config)
    data = compose_data(config, ground)
    platform = compose_platform(config, ground, data)
    workloads = compose_workloads(config, ground, data, platform)
    exports = {
        "vpc_id": ground.network.vpc_id,
        "cluster_name": ground.cluster.cluster_name,
        "kubeconfig": ground.cluster.kubeconfig,
        "feature_bucket": data.features.bucket_name,
        "feature_tables": data.features.table_names,
        "feature_store_yaml": data.features.feature_store_yaml,
        "model_bucket": data.models.bucket_name,
        "alarm_topic": platform.monitoring.topic_arn,
        "service_quotas": pulumi.Output.from_input({name: of.service_quotas for name, of in platform.pools.items()}),
        "training_queue_url": workloads.queue.queue_url,
        "training_quotas": workloads.queue.quotas,
        "tracking_uri": workloads.registry.tracking_uri,
        "endpoints": pulumi.Output.from_input({name: of.address for name, of in workloads.endpoints.items()}),
    }
    for name, value in exports.items():
        pulumi.export(name, value)


def compose_ground(config: EnvironmentConfig) -> Ground:
    """The AWS provider, the network and the cluster."""
    provider = aws.Provider(
        "aws",
        region=config.region,
        allowed_account_ids=[config.account_id],
        default_tags={"tags": config.tags},
    )
    network = Network(
        "network",
        _wired(NetworkArgs, "network", config.network, cluster_name=config.cluster.name),
        pulumi.ResourceOptions(providers=[provider]),
    )
    cluster = Cluster(
        "cluster",
        _wired(
            ClusterArgs,
            "cluster",
            config.cluster,
            control_plane_subnet_ids=network.intra_subnet_ids,
            node_subnet_ids=network.private_subnet_ids,
        ),
        # Nodes join by routes and endpoints, which no id of a subnet waits for.
        pulumi.ResourceOptions(providers=[provider], depends_on=[network]),
    )
    return Ground(aws=provider, network=network, cluster=cluster)


def compose_data(config: EnvironmentConfig, ground: Ground) -> Data:
    """Where data live; they outlive the cluster, which only their Pod Identity associations name."""
    options = pulumi.ResourceOptions(providers=[ground.aws])
    features = _wired(
        FeatureStoreArgs, "features", config.features, cluster_name=ground.cluster.cluster_name, table_tags=config.tags
    )
    return Data(
        features=FeatureStore("features", features, options),
        models=ModelStore("models", config.models, options),
    )


def compose_platform(config: EnvironmentConfig, ground: Ground, data: Data) -> Platform:
    """Controllers, nodes and monitoring."""
    network, cluster = ground.network, ground.cluster
    addons = Addons(
        "addons",
        _wired(
            AddonsArgs,
            "addons",
            config.addons,
            gpu=config.gpu,
            karpenter=config.karpenter,
            cluster_name=cluster.cluster_name,
            vpc_id=network.vpc_id,
            volume_key_arn=cluster.ebs_key_arn,
            interruption_queue_name=cluster.interruption_queue_name,
        ),
        ground.options(),
    )
    pools = {
        name: GpuNodePool(
            name,
            _wired(
                GpuNodePoolArgs,
                f"pools.{name}",
                settings,
                cluster_name=cluster.cluster_name,
                vpc_id=network.vpc_id,
                subnet_ids=network.private_subnet_ids,
                security_group_ids=[cluster.security_group_id],
                ebs_key_arn=cluster.ebs_key_arn,
                node_role_name=cluster.node_role_name,
                node_role_arn=cluster.node_role_arn,
                node_overlays=config.karpenter.node_overlays,
                tags=config.tags,
            ),
            # Other controllers run on these nodes, and so cannot be waited for.
            ground.options(*_controllers(addons, Addon.KARPENTER)),
        )
        for name, settings in config.pools.items()
    }
    monitoring = MonitoringStack(
        "monitoring",
        _wired(
            MonitoringStackArgs,
            "monitoring",
            config.monitoring,
            cluster_name=cluster.cluster_name,
            storage_class=addons.storage_class,
            secret_store=addons.secret_store,
            create_namespace=False,
            interruption_queue_name=cluster.interruption_queue_name,
            feature_tables={view: data.features.table_names[view] for view in config.features.feature_views},
            gated_namespaces=config.gated_namespaces,
            nat_gateways={zone: network.nat_gateway_ids[zone] for zone in config.network.nat_zones},
        ),
        ground.options(
            *addons.namespaces.values(),
            *_controllers(addons, Addon.PROMETHEUS_OPERATOR_CRDS, Addon.EXTERNAL_SECRETS, Addon.EBS_CSI),
            *pools.values(),
        ),
    )
    return Platform(addons, pools, monitoring)


def compose_workloads(config: EnvironmentConfig, ground: Ground, data: Data, platform: Platform) -> Workloads:
    """What teams use: what trains models, keeps them, serves them, and watches what they serve."""
    queue = _queue(config, ground, platform)
    registry = _registry(config, ground, data, platform, queue)
    endpoints = _endpoints(config, ground, data, platform, registry)
    monitors = _monitors(config, ground, data, platform, queue)
    pipelines = _pipelines(config, ground, data, platform, queue, registry, monitors)
    return Workloads(queue, registry, endpoints, monitors, pipelines)


def _queue(config: EnvironmentConfig, ground: Ground, platform: Platform) -> TrainingQueue:
    return TrainingQueue(
        "training-queue",
        _wired(
            TrainingQueueArgs,
            "queue",
            config.queue,
            capacity=[tier for tier in platform.capacity if tier.queued],
            cluster_name=ground.cluster.cluster_name,
            keda_role_arn=platform.addons.keda_role_arn,
            destinations=config.destinations,
            vpc_cidr=ground.network.vpc_cidr,
            alarm_topic_arns=[platform.monitoring.topic_arn],
        ),
        ground.options(*platform.ready(Addon.KUEUE, Addon.KEDA, Addon.ARGO_WORKFLOWS)),
    )


def _registry(
    config: EnvironmentConfig, ground: Ground, data: Data, platform: Platform, queue: TrainingQueue
) -> ModelRegistry:
    return ModelRegistry(
        "registry",
        _wired(
            ModelRegistryArgs,
            "registry",
            config.registry,
            secret_store=platform.addons.secret_store,
            secrets_role_name=platform.addons.external_secrets_role_name,
            clients=config.registry_clients,
            cluster_name=ground.cluster.cluster_name,
            cluster_security_group_id=ground.cluster.security_group_id,
            vpc_id=ground.network.vpc_id,
            vpc_cidr=ground.network.vpc_cidr,
            subnet_ids=ground.network.intra_subnet_ids,
            model_bucket_name=data.models.bucket_name,
            model_key_arn=data.models.key_arn,
            capacity=platform.capacity,
        ),
        # Teams' namespaces are the queue's.
        ground.options(*platform.ready(Addon.PROMETHEUS_OPERATOR_CRDS, Addon.EXTERNAL_SECRETS), queue),
    )


def _endpoints(
    config: EnvironmentConfig, ground: Ground, data: Data, platform: Platform, registry: ModelRegistry
) -> Mapping[str, ServingEndpoint]:
    account = RegistryAccount(
        tracking_uri=registry.tracking_uri,
        credentials_secret=config.registry.credentials_secret,
        secret_store=platform.addons.secret_store,
        existing=config.registry.existing is not None,
    )
    addons = (Addon.PROMETHEUS_OPERATOR_CRDS, Addon.GATEWAY, Addon.KSERVE, Addon.KEDA, Addon.ARGO_WORKFLOWS)
    return {
        name: ServingEndpoint(
            name,
            _wired(
                ServingEndpointArgs,
                f"endpoints.{name}",
                settings,
                model_bucket_name=data.models.bucket_name,
                model_key_arn=data.models.key_arn,
                feature_bucket_name=data.features.bucket_name,
                feature_key_arn=data.features.key_arn,
                alarm_topic_arns=[platform.monitoring.topic_arn],
                cluster_name=ground.cluster.cluster_name,
                vpc_cidr=ground.network.vpc_cidr,
                domain=config.domain,
                gateway=config.gateway,
                prometheus_url=platform.monitoring.prometheus_url,
                runbooks_url=config.monitoring.runbooks_url,
                runtime_image=config.runtime_image,
                registry=account,
                registry_namespace=config.registry_namespace,
                capacity=platform.capacity,
            ),
            ground.options(*platform.ready(*addons, Addon.EXTERNAL_SECRETS)),
        )
        for name, settings in config.endpoints.items()
    }


def _monitors(
    config: EnvironmentConfig, ground: Ground, data: Data, platform: Platform, queue: TrainingQueue
) -> Mapping[str, DriftMonitor]:
    asked = {"url": queue.queue_url, "arn": queue.queue_arn, "key_arn": queue.key_arn}
    topic = {"topic_arn": platform.monitoring.topic_arn, "topic_key_arn": platform.monitoring.key_arn}
    return {
        name: DriftMonitor(
            name,
            _wired(
                DriftMonitorArgs,
                f"drift_monitors.{name}",
                settings,
                image=config.runtime_image,
                bucket_name=data.features.bucket_name,
                bucket_key_arn=data.features.key_arn,
                cluster_name=ground.cluster.cluster_name,
                vpc_cidr=ground.network.vpc_cidr,
                runbooks_url=config.monitoring.runbooks_url,
                **({"queue": asked, **topic} if settings.retraining else {}),
            ),
            ground.options(*platform.ready(Addon.PROMETHEUS_OPERATOR_CRDS, Addon.PUSHGATEWAY)),
        )
        for name, settings in config.drift_monitors.items()
    }


def _pipelines(  # noqa: PLR0913, PLR0917 - what they stand on
    config: EnvironmentConfig,
    ground: Ground,
    data: Data,
    platform: Platform,
    queue: TrainingQueue,
    registry: ModelRegistry,
    monitors: Mapping[str, DriftMonitor],
) -> Mapping[str, TrainingPipeline]:
    trainer = [platform.addons.controllers["trainer"]] if config.addons.trainer else []
    return {
        name: TrainingPipeline(
            name,
            _wired(
                TrainingPipelineArgs,
                f"pipelines.{name}",
                settings,
                runtime_image=config.runtime_image,
                worker_role_name=queue.worker_role_names[settings.team],
                registry_secret=registry.credentials[settings.team],
                queue_name=queue.local_queues[settings.team],
                runbooks_url=config.monitoring.runbooks_url,
                model_bucket_name=data.models.bucket_name,
                model_key_arn=data.models.key_arn,
                feature_bucket_name=data.features.bucket_name,
                feature_key_arn=data.features.key_arn,
                drift=_asking(config, monitors, name),
                capacity=platform.capacity,
            ),
            ground.options(
                *platform.ready(Addon.ARGO_WORKFLOWS, Addon.PROMETHEUS_OPERATOR_CRDS), *trainer, queue, registry
            ),
        )
        for name, settings in config.pipelines.items()
    }


def _asking(config: EnvironmentConfig, monitors: Mapping[str, DriftMonitor], pipeline: str) -> PipelineDrift | None:
    """The drift monitor that asks a pipeline for retraining, to which it reports the end."""
    name = config.monitor_of(pipeline)
    if name is None:
        return None
    return PipelineDrift(
        endpoint=config.drift_monitors[name].endpoint,
        table_name=monitors[name].table_name,
        settle_policy_arn=monitors[name].settle_policy_arn,
    )
