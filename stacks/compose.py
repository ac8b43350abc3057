"""How the components make up one environment: only composition, no decisions."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from config import EnvironmentConfig
from mlplatform import Cluster, ClusterArgs, FeatureStore, FeatureStoreArgs, Network, NetworkArgs

Outputs = Mapping[str, pulumi.Output[object]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What everything else stands on."""

    aws: aws.Provider
    network: Network
    cluster: Cluster


def compose(config: EnvironmentConfig) -> None:
    """Creates an environment and exports what people and other stacks need of it."""
    ground = compose_ground(config)
    features = compose_data(config, ground)
    exports = {
        "vpc_id": ground.network.vpc_id,
        "cluster_name": ground.cluster.cluster_name,
        "kubeconfig": ground.cluster.kubeconfig,
        "feature_bucket": features.bucket_name,
        "feature_tables": features.table_names,
        "feature_store_yaml": features.feature_store_yaml,
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
        NetworkArgs.of(config.network, cluster_name=config.cluster.name),
        pulumi.ResourceOptions(providers=[provider]),
    )
    cluster = Cluster(
        "cluster",
        ClusterArgs.of(
            config.cluster,
            control_plane_subnet_ids=network.intra_subnet_ids,
            node_subnet_ids=network.private_subnet_ids,
        ),
        # Nodes join by routes and endpoints, which no id of a subnet waits for.
        pulumi.ResourceOptions(providers=[provider], depends_on=[network]),
    )
    return Ground(aws=provider, network=network, cluster=cluster)


def compose_data(config: EnvironmentConfig, ground: Ground) -> FeatureStore:
    """Where data lives; it outlives the cluster, which only its Pod Identity associations name."""
    return FeatureStore(
        "features",
        FeatureStoreArgs.of(config.features, cluster_name=ground.cluster.cluster_name, table_tags=config.tags),
        pulumi.ResourceOptions(providers=[ground.aws]),
    )
