"""A component under construction: what each of its parts is built with."""

from dataclasses import dataclass
from typing import Generic, Optional, Protocol, Self, TypeVar

import pulumi

from mlplatform.core.place import Place


class Protectable(Protocol):
    """Arguments that say whether data are protected from deletion."""

    @property
    def deletion_protection(self) -> Optional[bool]:
        """Whether they are."""


A = TypeVar("A", bound=Protectable)


@dataclass(frozen=True, slots=True)
class Build(Generic[A]):
    """One component under construction."""

    name: str
    """Logical name of the component; those of its children begin with it."""
    args: A
    """What it was asked to be."""
    place: Place
    """Account, region and partition."""
    inside: pulumi.ResourceOptions
    """Options of a child."""

    @classmethod
    def of(cls, component: pulumi.ComponentResource, name: str, args: A) -> Self:
        """The construction of a component, after it has registered itself."""
        return cls(name, args, Place.of(component), pulumi.ResourceOptions(parent=component))

    @property
    def kept(self) -> pulumi.ResourceOptions:
        """Options of a child that holds data, or without which data cannot be read."""
        if not self.args.deletion_protection:
            return self.inside
        return pulumi.ResourceOptions.merge(self.inside, pulumi.ResourceOptions(protect=True, retain_on_delete=True))

    def after(self, *resources: pulumi.Resource, kept: bool = False) -> pulumi.ResourceOptions:
        """Options of a child that must wait for others."""
        options = self.kept if kept else self.inside
        return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=list(resources)))
