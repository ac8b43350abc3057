"""What one environment is made of: the closed model of a stack file's configuration."""

import json
import re
from typing import ClassVar, Self

import pulumi
from pulumi.runtime.config import CONFIG
from pydantic import model_validator

from mlplatform import Args, ClusterSettings, FeatureStoreSettings, NatMode, NetworkSettings, checked, matching

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
            (not self.features.deletion_protection, "features.deletion_protection is false: set true"),
        ]

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
    return EnvironmentConfig.of({key.partition(":")[2]: _value(CONFIG.get()[key]) for key in keys})


def _value(text: str) -> object:
    """An object or list, which Pulumi hands over as JSON, or the text itself."""
    return json.loads(text) if re.match(r"[\[{]", text) else text
