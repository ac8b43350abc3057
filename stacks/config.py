"""What one environment is made of: the closed model of a stack file's configuration."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Optional, Self

import pulumi
from pulumi.runtime.config import CONFIG
from pydantic import model_validator

from mlplatform import (
    REGISTRY_PORT,
    Addon,
    AddonsGpu,
    AddonsKarpenter,
    AddonsSettings,
    Args,
    ClusterSettings,
    DriftMonitorSettings,
    FeatureStoreSettings,
    GpuNodePoolSettings,
    GpuSoftware,
    In,
    ModelRegistrySettings,
    ModelStoreArgs,
    MonitoringStackSettings,
    NatMode,
    NetworkSettings,
    Purpose,
    QueueDestination,
    RegistryAccess,
    RegistryClient,
    ServingEndpointSettings,
    ServingGateway,
    TrainingPipelineSettings,
    TrainingQueueSettings,
    checked,
    matching,
    with_terraform_outputs,
)

PROJECT = "mlplatform"
"""The project's name, which is the namespace of its configuration."""

PRODUCTION_ZONES = 3
"""Zones that a production environment spans: with two, the loss of one halves the capacity that a quorum needs."""


class EnvironmentConfig(Args):
    """One environment; every field is a key `mlplatform:<field>` of `stacks/Pulumi.<stack>.yaml`."""

    _path_root: ClassVar[str] = f"{PROJECT}:"

    account_id: str
    """Twelve-digit AWS account of the environment, quoted; the provider refuses to work in any other."""
    region: str
    """AWS region, such as eu-west-1."""
    production: bool
    """Whether users depend on it; true requires three zones, no shared NAT, a private endpoint and protection."""
    owner: str
    """Team that answers for the environment; every resource carries it as the tag `owner`."""
    cost_centre: str
    """Cost centre that pays, quoted; every resource carries it as the tag `cost-centre`."""
    network: NetworkSettings
    """The VPC, or the existing one that is adopted."""
    cluster: ClusterSettings
    """The EKS cluster, or the existing one that is adopted."""
    features: FeatureStoreSettings
    """Offline and online storage of features."""
    models: ModelStoreArgs = ModelStoreArgs()
    """Where promoted models lie."""
    registry: ModelRegistrySettings
    """Experiments, runs and versions of models."""
    addons: AddonsSettings
    """The cluster's controllers and the software of its GPUs."""
    pools: Mapping[str, GpuNodePoolSettings]
    """Node pools, by name; one at least is for services, since controllers run there."""
    queue: TrainingQueueSettings
    """Who trains, and how jobs come in. Its quotas are those of the pools for training and notebooks."""
    endpoints: Mapping[str, ServingEndpointSettings]
    """Serving endpoints, by name."""
    pipelines: Mapping[str, TrainingPipelineSettings] = {}
    """Training pipelines, by name; none by default."""
    drift_monitors: Mapping[str, DriftMonitorSettings] = {}
    """What watches endpoints for drift, by name; none by default."""
    monitoring: MonitoringStackSettings
    """Prometheus, alerts and alarms."""

    _account = checked(matching(r"\d{12}", "an AWS account id of twelve digits, quoted"), "account_id")
    _region = checked(matching(r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region, such as eu-west-1"), "region")

    @model_validator(mode="after")
    def _zones_lie_in_the_region(self) -> Self:
        foreign = [zone for zone in self.network.zones or [] if not zone.startswith(self.region)]
        if foreign:
            raise ValueError(
                f"network.zones has {', '.join(foreign)} and region is {self.region}; "
                f"allowed are zones of that region, such as {self.region}a"
            )
        return self

    @model_validator(mode="after")
    def _controllers_have_nodes(self) -> Self:
        if not any(pool.purpose is Purpose.SERVICES for pool in self.pools.values()):
            raise ValueError(
                f"pools are {', '.join(self.pools) or 'none'}, and none is for services: controllers would find no "
                "node; add one with purpose services"
            )
        return self

    @model_validator(mode="after")
    def _controllers_that_others_build_on(self) -> Self:
        needed = (Addon.EBS_CSI, Addon.EXTERNAL_SECRETS, Addon.KEDA)
        missing = [addon.value for addon in needed if not self.addons.has(addon)]
        if missing:
            raise ValueError(
                f"addons.without names {', '.join(missing)}: queue and monitoring take storage class, secret store and "
                "KEDA's role from the add-ons; leave them in, or compose the components in a program of your own"
            )
        return self

    @model_validator(mode="after")
    def _images_come_from_somewhere(self) -> Self:
        closed = self.network.existing is None and self.network.nat is NatMode.NONE
        pulling = [name for name in ("addons", "monitoring") if getattr(self, name).image_registry is None]
        if closed and pulling:
            raise ValueError(
                f"network.nat is none and {' and '.join(pulling)} without image_registry: no image could be pulled "
                "from public registries; set image_registry to a mirror, or nat to single"
            )
        return self

    @model_validator(mode="after")
    def _partitions_have_their_manager(self) -> Self:
        parted = [name for name, pool in self.pools.items() if pool.sharing and pool.sharing.mig_profile]
        if parted and self.gpu.software is not GpuSoftware.OPERATOR:
            raise ValueError(
                f"pools.{parted[0]}.sharing.mig_profile and addons.gpu.software {self.gpu.software}: nothing would "
                "part its GPUs; allowed is operator, which brings the MIG manager; set it, or share by time_slices"
            )
        return self

    @model_validator(mode="after")
    def _teams_exist(self) -> Self:
        asked = {f"pipelines.{name}.team": of.team for name, of in self.pipelines.items()}
        retrained = {name: of.retraining for name, of in self.drift_monitors.items() if of.retraining}
        asked |= {f"drift_monitors.{name}.retraining.team": of.team for name, of in retrained.items()}
        for where, team in asked.items():
            if team not in self.queue.teams:
                known = ", ".join(self.queue.teams)
                raise ValueError(f"{where} {team!r} is no team of the queue; allowed are {known}; name one of them")
        return self

    @model_validator(mode="after")
    def _distributed_training_has_its_controller(self) -> Self:
        if not self.addons.trainer:
            for name in self.distributed:
                raise ValueError(
                    f"pipelines.{name}.steps.train.distributed and addons.trainer false: nothing would run its "
                    "TrainJobs; set addons.trainer, or take distributed out"
                )
        return self

    @model_validator(mode="after")
    def _monitors_have_requests(self) -> Self:
        for name, monitor in self.drift_monitors.items():
            logging = [known for known, of in self.endpoints.items() if of.request_log]
            if monitor.endpoint not in logging:
                raise ValueError(
                    f"drift_monitors.{name}.endpoint {monitor.endpoint!r} has no request_log; allowed are "
                    f"{', '.join(logging) or 'none'}; name one of them, or set request_log of that endpoint"
                )
        return self

    @model_validator(mode="after")
    def _requests_have_pipelines(self) -> Self:
        asked: dict[str, str] = {}
        for name, monitor in self.drift_monitors.items():
            wanted = monitor.retraining and monitor.retraining.pipeline
            if monitor.retraining is None or not isinstance(wanted, str):
                continue
            where, team = f"drift_monitors.{name}.retraining.pipeline {wanted!r}", monitor.retraining.team
            known = [known for known, of in self.pipelines.items() if of.team == team]
            if wanted not in known:
                raise ValueError(
                    f"{where} is not one of team {team}; allowed are {', '.join(known) or 'none'}; name one of them"
                )
            if wanted in asked:
                raise ValueError(
                    f"{where} is also that of {asked[wanted]}; allowed is one monitor a pipeline, to which it reports "
                    "its end; give each a pipeline of its own"
                )
            asked[wanted] = name
        return self

    @model_validator(mode="after")
    def _production_withstands(self) -> Self:
        if self.production:
            wrong = [text for broken, text in self._production_rules() if broken]
            if wrong:
                raise ValueError(f"production is true, and {'; '.join(wrong)}")
        return self

    def _production_rules(self) -> list[tuple[bool, str]]:
        zones, network, own = len(self.network.zones or []), self.network, self.network.existing is None
        return [
            (own and zones < PRODUCTION_ZONES, f"network.zones are {zones}: name {PRODUCTION_ZONES}"),
            (own and network.nat is NatMode.SINGLE, "network.nat is single: set per_zone, or none with endpoints"),
            (own and not network.deletion_protection, "network.deletion_protection is false: set true"),
            (bool(self.cluster.public_access_cidrs), "cluster.public_access_cidrs is set: leave it out"),
            (not self.cluster.deletion_protection, "cluster.deletion_protection is false: set true"),
            (
                self.registry.server is not None and not self.registry.deletion_protection,
                "registry.deletion_protection is false: set true",
            ),
            *(
                (not getattr(self, part).deletion_protection, f"{part}.deletion_protection is false: set true")
                for part in ("features", "models", "queue", "monitoring")
            ),
            *(
                (not of.deletion_protection, f"{part}.{name}.deletion_protection is false: set true")
                for part in ("pipelines", "drift_monitors")
                for name, of in getattr(self, part).items()
            ),
        ]

    @property
    def domain(self) -> Optional[In[str]]:
        """Domain of the endpoints on Kubernetes."""
        return self.addons.kserve.domain if self.addons.kserve else None

    @property
    def gateway(self) -> ServingGateway:
        """The Gateway through which requests to endpoints come."""
        given = self.addons.gateway
        return ServingGateway(tls=given is not None and given.certificate_arn is not None)

    @property
    def destinations(self) -> list[QueueDestination]:
        """What pods of teams reach: an own model registry too."""
        own = self.registry_namespace
        registry = [QueueDestination(namespace=own, ports=[REGISTRY_PORT])] if own else []
        return [*(self.queue.destinations or []), *registry]

    @property
    def registry_clients(self) -> dict[str, RegistryClient]:
        """Who uses the model registry: every team, since training registers versions, and every rollout."""
        teams = {team: RegistryClient(access=RegistryAccess.WRITER) for team in self.queue.teams}
        # Endpoints come after the registry, since what they serve is promoted out of it.
        later = RegistryClient(access=RegistryAccess.WRITER, credentials=False)
        return {**teams, **dict.fromkeys(self.gated_namespaces, later)}

    @property
    def registry_namespace(self) -> Optional[str]:
        """Namespace of an own model registry."""
        return self.registry.namespace if self.registry.server else None

    @property
    def gated_namespaces(self) -> list[str]:
        """Namespaces of the endpoints that have a rollout."""
        return sorted(of.namespace or name for name, of in self.endpoints.items() if of.rollout)

    @property
    def runtime_image(self) -> In[str]:
        """Image of all jobs inside the platform: that of the queue's."""
        return self.queue.dispatcher.image

    @property
    def distributed(self) -> list[str]:
        """Names of the pipelines whose trials run on several nodes."""
        steps = {name: of.steps for name, of in self.pipelines.items()}
        return [name for name, of in steps.items() if of and of.train and of.train.distributed]

    def monitor_of(self, pipeline: str) -> Optional[str]:
        """Name of the drift monitor that asks a pipeline for retraining."""
        asking = (
            name for name, of in self.drift_monitors.items() if of.retraining and of.retraining.pipeline == pipeline
        )
        return next(asking, None)

    @property
    def gpu(self) -> AddonsGpu:
        """Software of GPUs, with what the pools share them by, and with EFA where a pool has it."""
        given = self.addons.gpu or AddonsGpu()
        shares = {pool.sharing.time_slices for pool in self.pools.values() if pool.sharing and pool.sharing.time_slices}
        adapters = any(pool.efa for pool in self.pools.values())
        return AddonsGpu.of(
            given, time_slices=sorted(shares | set(given.time_slices or ())), efa=bool(given.efa or adapters)
        )

    @property
    def karpenter(self) -> AddonsKarpenter:
        """How Karpenter works: with NodeOverlays where a pool shares GPUs, alone where the VPC has no way out."""
        given = self.addons.karpenter or AddonsKarpenter()
        shared = any(pool.sharing is not None and pool.karpenter is not None for pool in self.pools.values())
        closed = self.network.existing is None and self.network.nat is NatMode.NONE
        return AddonsKarpenter.of(
            given,
            node_overlays=bool(given.node_overlays or shared),
            isolated_vpc=bool(given.isolated_vpc or closed),
        )

    @property
    def tags(self) -> dict[str, str]:
        """Tags that every AWS resource of the environment carries."""
        return {
            "cost-centre": self.cost_centre,
            "environment": pulumi.get_stack(),
            "managed-by": "pulumi",
            "owner": self.owner,
            "project": PROJECT,
        }


def load() -> EnvironmentConfig:
    """The running stack's environment; raises InvalidArgs with a line for each bad, missing or unknown key."""
    # pulumi.Config reads one key at a time, and would never see one that is misspelt.
    keys = [key for key in CONFIG.get() if key.startswith(f"{PROJECT}:")]
    given = {key.partition(":")[2]: _value(CONFIG.get()[key]) for key in keys}
    return EnvironmentConfig.of(with_terraform_outputs(given, Path(__file__).parent, f"{PROJECT}:"))


def _value(text: str) -> object:
    """An object or list, which Pulumi hands over as JSON, or the text itself."""
    return json.loads(text) if re.match(r"[\[{]", text) else text
