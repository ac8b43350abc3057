"""Where add-ons are installed: namespaces and charts, each after what it needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.addons import values
from mlplatform.addons.args import Addon, AddonsArgs
from mlplatform.addons.given import Given
from mlplatform.addons.matrix import MATRIX, CrdSource, Image
from mlplatform.addons.values import MONITORING
from mlplatform.core.charts import ChartSource, chart_source
from mlplatform.core.objects import Objects
from mlplatform.core.place import Place
from mlplatform.facts.kubernetes.pods import RESTRICTED_NAMESPACE
from mlplatform.workload_role import WorkloadRole

TIMEOUT_SECONDS: Final = 1200
"""How long Helm waits for a release. Most controllers run on nodes that Karpenter launches, and the first of them come
when its first NodePool does, which somebody makes as soon as Karpenter is ready: minutes for the NodePool, minutes for
nodes and images. Helm's own five minutes would end in a rollback."""
PRIVILEGED: Final[Mapping[str, str]] = MappingProxyType(
    {"gpu-software": "device plugins and the exporter mount the kubelet's folders, and the latter is SYS_ADMIN"}
)
"""Namespaces that admit every pod, and why; all others are under the restricted Pod Security Standard."""
EXISTING: Final = "kube-system"
"""Namespace that every cluster has."""


@dataclass(frozen=True, slots=True)
class Site:
    """The construction of the add-ons of one component."""

    name: str
    """Logical name of the component."""
    args: AddonsArgs
    """The component's arguments."""
    place: Place
    """Account, region and partition."""
    objects: Objects
    """Maker of its Kubernetes objects."""
    given: Given
    """What values are made of."""
    namespaces: dict[str, k8s.core.v1.Namespace] = field(default_factory=dict)
    """Namespaces made so far, by name."""
    ready: dict[str, pulumi.Resource] = field(default_factory=dict)
    """What to wait for in order to use an add-on, by its name."""
    roles: dict[str, WorkloadRole] = field(default_factory=dict)
    """Roles that others need to know, by a short name."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions installed so far, by row."""
    images: set[Image] = field(default_factory=set)
    """Images installed so far."""

    @classmethod
    def of(cls, component: pulumi.ComponentResource, name: str, args: AddonsArgs) -> Self:
        """The construction of a component that has registered itself."""
        objects = Objects.of(component, name)
        place = Place.of(component)
        return cls(name, args, place, objects, Given(name, args, place.region))

    def after(self, *addons: Addon) -> list[pulumi.Resource]:
        """What to wait for of add-ons, as far as they are installed here."""
        return [self.ready[addon.value] for addon in addons if addon.value in self.ready]

    def namespace(self, name: str, *after: pulumi.Resource) -> list[pulumi.Resource]:
        """What to wait for in order to use a namespace, which is made once; `after` goes later than it, too."""
        if name == EXISTING:
            return []
        if name not in self.namespaces:
            labels = dict.fromkeys(RESTRICTED_NAMESPACE, "privileged") if name in PRIVILEGED else RESTRICTED_NAMESPACE
            role = f"namespace-{name}"
            self.namespaces[name] = k8s.core.v1.Namespace(
                f"{self.name}-{role}",
                metadata=self.objects.metadata(role, name=name, labels=labels),
                opts=self.objects.after(*after),
            )
        return [self.namespaces[name]]

    def release(self, row: str, *after: pulumi.Resource) -> pulumi.Resource:
        """The release of a chart, with the values that `values` has for it."""
        chart, source = MATRIX[row], self._source(row)
        needed = [*self.namespace(chart.namespace), *self._pods(chart.crds), *after]
        return k8s.helm.v3.Release(
            f"{self.name}-{row}",
            # Fixed: charts name objects and service accounts after it, by which roles are found.
            name=row,
            chart=source.chart,
            version=chart.version,
            repository_opts=source.repository_opts,
            namespace=chart.namespace,
            values=values.of(row, self.given),
            skip_crds=chart.crds is CrdSource.OTHER_ROW,
            # A release that does not come up is taken back, and the error says why, instead of a half of it.
            atomic=True,
            timeout=TIMEOUT_SECONDS,
            opts=self.objects.after(*needed),
        )

    def _pods(self, crds: CrdSource) -> list[pulumi.Resource]:
        """What pods wait for: Karpenter, which brings their nodes, and the CRDs of their ServiceMonitors."""
        if crds is CrdSource.OWN_CHART:
            return []
        return self.after(Addon.KARPENTER, Addon.PROMETHEUS_OPERATOR_CRDS)

    def rendered(self, row: str) -> pulumi.Resource:
        """The objects of a chart that is too large for a release; Pulumi creates, updates and deletes each of them."""
        return k8s.helm.v4.Chart(
            f"{self.name}-{row}",
            chart=self._source(row).chart,
            version=MATRIX[row].version,
            values=values.of(row, self.given),
            opts=self.objects.inside,
        )

    def _source(self, row: str) -> ChartSource:
        """Where a chart is found; it counts as installed from here on."""
        chart, args = MATRIX[row], self.args
        self.versions[row] = chart.version
        self.images.update(chart.images)
        digest = (args.chart_digests or {}).get(row)
        return chart_source(row, chart.repository, registry=args.chart_registry, digest=digest)

    @property
    def monitoring(self) -> list[pulumi.Resource]:
        """What to wait for in order to make monitors in the namespace of Prometheus."""
        return [*self.namespace(MONITORING), *self.after(Addon.PROMETHEUS_OPERATOR_CRDS)]
