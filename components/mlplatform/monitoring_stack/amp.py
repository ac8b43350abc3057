"""Amazon Managed Service for Prometheus: the workspace, who writes to it, and how."""

from dataclasses import dataclass
from typing import Self, TypeAlias

import pulumi
import pulumi_aws as aws

from mlplatform.core.args import applied
from mlplatform.core.build import Build
from mlplatform.facts.aws.iam import Statement, dns_suffix, document, region_of
from mlplatform.monitoring_stack.args import ManagedPrometheus, MonitoringStackArgs

_Build: TypeAlias = Build[MonitoringStackArgs]

QUEUE = {"maxSamplesPerSend": 1000, "maxShards": 200, "capacity": 2500}
"""Queue of the remote write (Amazon Managed Service for Prometheus User Guide, Set up metrics ingestion from a new
Prometheus server using Helm)."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, own or existing."""

    arn: pulumi.Output[str]
    """ARN."""

    @classmethod
    def of(cls, build: _Build, given: ManagedPrometheus, key_arn: pulumi.Output[str]) -> Self:
        """The workspace that was given, or a new one.

        It has no log: what it would log is failures of rules and receivers of its own, and here both are in the
        cluster.
        """
        if given.workspace_arn is not None:
            return cls(pulumi.Output.from_input(given.workspace_arn))
        made = aws.amp.Workspace(f"{build.name}-metrics", alias=build.name, kms_key_arn=key_arn, opts=build.kept)
        aws.amp.WorkspaceConfiguration(
            f"{build.name}-metrics",
            workspace_id=made.id,
            retention_period_in_days=given.retention_days,
            opts=build.inside,
        )
        return cls(made.arn)

    @property
    def endpoint(self) -> pulumi.Output[str]:
        """URL with a last slash, below which its Prometheus API lies."""
        return applied(self.arn, endpoint_of)

    @property
    def write_policy(self) -> pulumi.Output[str]:
        """IAM policy of who writes."""
        return pulumi.Output.json_dumps(document(Statement("Write", ("aps:RemoteWrite",), (self.arn,))))

    @property
    def remote_write(self) -> dict[str, object]:
        """Prometheus' remote write to it, signed with what Pod Identity gives."""
        return {
            "url": pulumi.Output.concat(self.endpoint, "api/v1/remote_write"),
            "sigv4": {"region": applied(self.arn, region_of)},
            "queueConfig": QUEUE,
        }


def endpoint_of(arn: str) -> str:
    """The endpoint of a workspace (AWS General Reference, Amazon Managed Service for Prometheus endpoints)."""
    region = region_of(arn)
    return f"https://aps-workspaces.{region}.{dns_suffix(region)}/workspaces/{arn.rpartition('/')[2]}/"
