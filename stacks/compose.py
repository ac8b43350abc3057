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
    ServingEndpoint,
    ServingEndpointArgs,
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
    queue, registry, endpoints = compose_workloads(config, ground, data, platform)
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
        "training_queue_url": queue.queue_url,
        "training_quotas": queue.quotas,
        "tracking_uri": registry.tracking_uri,
        "endpoints": pulumi.Output.from_input({name: of.address for name, of in endpoints.items()}),
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
            nat_gateways={zone: network.nat_gateway_ids[zone] for zone in config.network.nat_zones},
        ),
        ground.options(
            *addons.namespaces.values(),
            *_controllers(addons, Addon.PROMETHEUS_OPERATOR_CRDS, Addon.EXTERNAL_SECRETS, Addon.EBS_CSI),
            *pools.values(),
        ),
    )
    return Platform(addons, pools, monitoring)


def compose_workloads(
    config: EnvironmentConfig, ground: Ground, data: Data, platform: Platform
) -> tuple[TrainingQueue, ModelRegistry, Mapping[str, ServingEndpoint]]:
    """What teams use: the queue that trains models, the registry that keeps them, and the endpoints that serve them."""
    queue = TrainingQueue(
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
    registry = ModelRegistry(
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
    endpoints = {
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
                capacity=platform.capacity,
            ),
            ground.options(*platform.ready(Addon.PROMETHEUS_OPERATOR_CRDS, Addon.GATEWAY, Addon.KSERVE, Addon.KEDA)),
        )
        for name, settings in config.endpoints.items()
    }
    return queue, registry, endpoints
