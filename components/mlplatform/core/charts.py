"""Where Helm charts come from: their publishers' repositories, or a registry of yours that holds copies.

Helm runs in the provider, so the machine that runs `pulumi up` pulls charts; the cluster never does.
"""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

OCI = "oci://"
"""Beginning of the address of a chart in a registry."""


@dataclass(frozen=True, slots=True)
class ChartSource:
    """Where Helm finds a chart."""

    chart: pulumi.Input[str]
    """Address of the chart in a registry, or its name in a repository."""
    repository: str | None
    """URL of the repository; None for a chart in a registry."""

    @property
    def repository_opts(self) -> k8s.helm.v3.RepositoryOptsArgs | None:
        """The repository as a release takes it."""
        return None if self.repository is None else k8s.helm.v3.RepositoryOptsArgs(repo=self.repository)


def chart_source(
    chart: str, repository: str, *, registry: pulumi.Input[str] | None = None, digest: str | None = None
) -> ChartSource:
    """Return where a chart of a publisher's repository is found, which is below `registry` if that is given.

    Helm compares a digest with what the registry holds. Repositories over HTTPS have no digests that Helm checks, so
    `digest` needs a chart in a registry.
    """
    if registry is None and not repository.startswith(OCI):
        return ChartSource(chart, repository)
    folder = repository if registry is None else pulumi.Output.concat(OCI, registry)
    return ChartSource(pulumi.Output.concat(folder, "/", chart, f"@{digest}" if digest else ""), None)
