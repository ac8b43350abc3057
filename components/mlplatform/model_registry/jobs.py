"""Jobs beside the server: the migration before it, the accounts every quarter of an hour, the collection at night."""

from collections.abc import Mapping
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from mlplatform.model_registry import mlflow
from mlplatform.model_registry.args import RegistryCollection
from mlplatform.model_registry.pods import JOB, JOB_RESOURCES, JOBS_ACCOUNT, Home, container, template, volumes
from mlplatform.model_registry.secrets import ACCOUNTS, CONNECTION

MIGRATION, COLLECTION = "migration", "collection"
ACCOUNTS_SCRIPT: Final = "accounts.py"
ACCOUNTS_SCHEDULE: Final = "*/15 * * * *"
DIGEST: Final = 12
"""Digits of the image's digest in the name of a migration."""
MIGRATION_SECONDS: Final = 7200
"""Seconds that a migration may take: MLflow warns that those of a large database are slow."""
JOB_SECONDS: Final = 3600
"""Seconds after which another job is ended, should it hang."""
DISK: Final = "1Gi"


def migration_name(name: str, image: str) -> str:
    """Name of the migration to an image: another image is another Job, which runs before its server."""
    return f"{name}-{MIGRATION}-{image.rpartition(':')[2][:DIGEST]}"


def migrate(home: Home, opts: pulumi.ResourceOptions) -> k8s.batch.v1.Job:
    """The migration of both schemas and the accounts, for which Pulumi waits."""
    volumes_ = ("tmp", "config", CONNECTION)
    steps = [
        _bounded(container(home, f"migrate-{schema}", arguments, volumes_))
        for schema, arguments in mlflow.MIGRATIONS.items()
    ]
    pod = {"initContainers": steps, **_pod(home, _accounts(home), ACCOUNTS)}
    spec: Any = {
        # A migration that failed half-way is looked at by a person before it is tried for long.
        "backoffLimit": 2,
        "activeDeadlineSeconds": MIGRATION_SECONDS,
        "template": template(home, JOB, MIGRATION, pod),
    }
    waiting = pulumi.CustomTimeouts(create=f"{MIGRATION_SECONDS}s", update=f"{MIGRATION_SECONDS}s")
    metadata = home.objects.metadata(
        MIGRATION, name=migration_name(home.objects.name, home.server.image), namespace=home.namespace
    )
    return k8s.batch.v1.Job(
        f"{home.objects.name}-{MIGRATION}",
        metadata=metadata,
        spec=spec,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(custom_timeouts=waiting)),
    )


def repeat(home: Home, tracking_uri: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
    """The accounts, whose passwords may have changed, and the collection of garbage."""
    _cron(home, ACCOUNTS, ACCOUNTS_SCHEDULE, _pod(home, _accounts(home), ACCOUNTS), opts)
    given = home.server.collection or RegistryCollection()
    age = pulumi.Output.format("{0}d", given.older_than_days)
    variables = {
        # Artifacts lie behind the server; without its address nothing but their names would be deleted.
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLFLOW_TRACKING_USERNAME": mlflow.ADMIN,
        "MLFLOW_TRACKING_PASSWORD": _from_secret(home, mlflow.PASSWORDS[mlflow.ADMIN]),
    }
    collect = container(home, COLLECTION, mlflow.collection_arguments(age), ("tmp", "config", CONNECTION), variables)
    _cron(home, COLLECTION, str(given.schedule), _pod(home, collect), opts)


def _accounts(home: Home) -> dict[str, Any]:
    command = ("python", f"{mlflow.CONFIG}/{ACCOUNTS_SCRIPT}", mlflow.ACCOUNTS, *mlflow.PASSWORDS)
    return container(home, ACCOUNTS, command, ("tmp", "config", CONNECTION, ACCOUNTS))


def _pod(home: Home, main: Mapping[str, Any], *more: str) -> dict[str, Any]:
    return {
        "serviceAccountName": JOBS_ACCOUNT,
        "restartPolicy": "Never",
        "containers": [_bounded(main)],
        "volumes": volumes(home, ("tmp", "config", CONNECTION, *more), disk=DISK),
    }


def _bounded(container_: Mapping[str, Any]) -> dict[str, Any]:
    return {**container_, "resources": {"requests": dict(JOB_RESOURCES), "limits": dict(JOB_RESOURCES)}}


def _from_secret(home: Home, key: str) -> dict[str, Any]:
    return {"secretKeyRef": {"name": home.secrets[ACCOUNTS], "key": key}}


def _cron(home: Home, part: str, schedule: str, pod: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
    job = {
        "backoffLimit": 1,
        "activeDeadlineSeconds": JOB_SECONDS,
        "template": template(home, JOB, part, pod),
    }
    spec: Any = {
        "schedule": schedule,
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 600,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"spec": job},
    }
    k8s.batch.v1.CronJob(
        f"{home.objects.name}-{part}",
        metadata=home.objects.metadata(part, namespace=home.namespace),
        spec=spec,
        opts=opts,
    )
