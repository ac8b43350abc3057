"""Kubernetes objects of a component: fixed names, common labels, and the caller's provider or an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Optional, Self, TypeVar

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.contracts.labels import COMPONENT, MANAGED_BY
from mlplatform.core.args import InvalidArgs
from mlplatform.core.naming import Kind, check
from mlplatform.facts.kubernetes.pods import RESTRICTED_NAMESPACE

T = TypeVar("T")
NAMESPACE_NAME = partial(check, Kind.KUBERNETES)
"""Rule for the name of a namespace or another object that a person chooses."""
NOT_AWAITED: Final[Mapping[str, str]] = MappingProxyType({"pulumi.com/skipAwait": "true"})
"""Annotation of an object that `pulumi up` creates without waiting for its pods."""


def known(made: pulumi.Resource, value: T) -> pulumi.Output[T]:
    """A fixed value of a resource, known in every preview, for what must be created after the resource.

    The resource's own output is unknown as long as its provider is not configured: in the first preview of a cluster,
    all of them are, and policies could judge nothing that is named by one.
    """
    return made.urn.apply(lambda _: value)


@dataclass(frozen=True, slots=True)
class Objects:
    """Maker of the Kubernetes objects of one component.

    `metadata.name` is fixed, since controllers match by it: `<component>-<role>` unless given, at most 63 characters.
    """

    name: str
    """Logical name of the component."""
    inside: pulumi.ResourceOptions
    """Options of a child."""

    @classmethod
    def of(cls, component: pulumi.ComponentResource, name: str) -> Self:
        """The maker for a component that has registered itself.

        InvalidArgs where it was given no Kubernetes provider: without one, objects would land in whatever cluster the
        deployer's kubeconfig names.
        """
        if component.get_provider("kubernetes:core/v1:Namespace") is None:
            raise InvalidArgs(
                f"{name}: no Kubernetes provider; allowed is an explicit one; "
                "give ResourceOptions(providers=[..., cluster.kubernetes])"
            )
        return cls(name, pulumi.ResourceOptions(parent=component))

    def after(self, *resources: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a child that must wait for others."""
        return pulumi.ResourceOptions.merge(self.inside, pulumi.ResourceOptions(depends_on=list(resources)))

    def metadata(
        self,
        role: str,
        *,
        name: Optional[str] = None,
        namespace: pulumi.Input[str] | None = None,
        labels: Mapping[str, Any] | None = None,
        annotations: Mapping[str, Any] | None = None,
    ) -> k8s.meta.v1.ObjectMetaArgs:
        """Metadata with the fixed name and the common labels; ValueError for a name of more than 63 characters."""
        common = {COMPONENT: self.name, MANAGED_BY[0]: MANAGED_BY[1]}
        return k8s.meta.v1.ObjectMetaArgs(
            name=check(Kind.KUBERNETES, name or self._logical(role)),
            namespace=namespace,
            labels={**common, **(labels or {})},
            annotations=annotations,
        )

    def namespace(
        self, role: str, *, name: Optional[str] = None, labels: Mapping[str, Any] | None = None
    ) -> k8s.core.v1.Namespace:
        """A namespace under the restricted Pod Security Standard."""
        metadata = self.metadata(role, name=name, labels={**RESTRICTED_NAMESPACE, **(labels or {})})
        return k8s.core.v1.Namespace(self._logical(role), metadata=metadata, opts=self.inside)

    def namespace_name(
        self, role: str, *, name: Optional[str] = None, labels: Mapping[str, Any] | None = None
    ) -> pulumi.Output[str]:
        """Makes a namespace, and returns its name for the objects in it, which wait for it."""
        return known(self.namespace(role, name=name, labels=labels), name or self._logical(role))

    def network_policy(
        self, role: str, spec: Any, *, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> k8s.networking.v1.NetworkPolicy:
        """A network policy with a spec in the API's own spelling, as `facts.kubernetes.egress` gives it."""
        metadata = self.metadata(role, namespace=namespace)
        return k8s.networking.v1.NetworkPolicy(
            self._logical(role), metadata=metadata, spec=spec, opts=opts or self.inside
        )

    def custom(  # noqa: PLR0913 - the parts of an object
        self,
        role: str,
        api_version: str,
        kind: str,
        spec: Any,
        *,
        metadata: k8s.meta.v1.ObjectMetaArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> k8s.apiextensions.CustomResource:
        """An object of a kind that a CRD defines; its name is that of the component and role unless metadata say so."""
        return k8s.apiextensions.CustomResource(
            self._logical(role),
            api_version=api_version,
            kind=kind,
            metadata=metadata or self.metadata(role),
            spec=spec,
            opts=opts or self.inside,
        )

    def _logical(self, role: str) -> str:
        return f"{self.name}-{role}"
