"""A pipeline of Kubeflow: one step that submits its package, and waits for the end of the run there."""

from typing import Any, Final

import pulumi

from mlplatform.contracts import kubeflow
from mlplatform.contracts import pipeline as contract
from mlplatform.training_pipeline.args import SPARE_MINUTES, PipelineKubeflow
from mlplatform.training_pipeline.building import Pipeline, argo, job, pod, resources, retries
from mlplatform.training_pipeline.containers import JOB_CPU, JOB_RETRIES
from mlplatform.training_pipeline.step_args import REGION

ROLE: Final = "package"
"""Role of the ConfigMap with the package among the pipeline's objects."""
FILE: Final = "pipeline.yaml"
"""Its key in the ConfigMap."""
FOLDER: Final = "/package"
TOKEN_FOLDER: Final = "/kubeflow"  # noqa: S105 - a path
TOKEN_SECONDS: Final = 7200
"""Seconds that a token is good for; the kubelet renews it in time."""
MEMORY, DISK = "512Mi", "256Mi"


def template(pipeline: Pipeline, given: PipelineKubeflow) -> dict[str, Any]:
    """The template `main`: the job `submit`, which finds its run again when its pod begins anew."""
    flags = (
        f"--{name}={argo('workflow.parameters', name)}"
        for name in (contract.REQUESTED_BY, contract.REQUEST_ID, contract.DATA_URI)
    )
    environment = {
        contract.RUN: argo("workflow.name"),
        REGION: pipeline.place.region,
        kubeflow.CONFIG: pulumi.Output.json_dumps(configuration(pipeline, given), sort_keys=True),
        kubeflow.PACKAGE: f"{FOLDER}/{FILE}",
        **({kubeflow.TOKEN: f"{TOKEN_FOLDER}/token"} if given.token else {}),
    }
    container = job(pipeline, ("submit", *flags), environment)
    folders = {"package": FOLDER, **({"kubeflow": TOKEN_FOLDER} if given.token else {})}
    read = [{"name": name, "mountPath": path, "readOnly": True} for name, path in folders.items()]
    parts = pod(pipeline, None)
    return {
        "name": "main",
        "activeDeadlineSeconds": ((given.timeout_minutes or 0) + SPARE_MINUTES) * 60,
        "retryStrategy": retries(JOB_RETRIES),
        "container": {
            **container,
            "envFrom": [{"secretRef": {"name": pipeline.args.registry_secret}}],
            "resources": resources(JOB_CPU, MEMORY, DISK),
            "volumeMounts": [*container["volumeMounts"], *read],
        },
        **parts,
        "volumes": [*parts["volumes"], *_volumes(pipeline, given)],
    }


def _volumes(pipeline: Pipeline, given: PipelineKubeflow) -> list[dict[str, Any]]:
    package = {"name": "package", "configMap": {"name": f"{pipeline.name}-{ROLE}"}}
    if not given.token:
        return [package]
    token = {"path": "token", "audience": kubeflow.AUDIENCE, "expirationSeconds": TOKEN_SECONDS}
    return [package, {"name": "kubeflow", "projected": {"sources": [{"serviceAccountToken": token}]}}]


def configuration(pipeline: Pipeline, given: PipelineKubeflow) -> dict[str, Any]:
    """Where the job submits what: `KUBEFLOW_CONFIG`."""
    return {
        "endpoint": given.endpoint,
        "experiment": pipeline.experiment,
        "parameters": dict(given.parameters or {}),
        "timeout_minutes": given.timeout_minutes,
        "model": pipeline.args.model,
        **({"namespace": given.namespace} if given.namespace is not None else {}),
    }
