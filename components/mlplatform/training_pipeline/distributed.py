"""Training on several nodes: a TrainingRuntime of the pipeline's own, and a TrainJob of it for each trial.

The runtime is the pipeline's own, so that its pods have what the namespace demands, whatever Kubeflow Trainer's own
runtimes have (kubeflow/trainer, manifests/base/runtimes: those of PyTorch and of Open MPI are its pattern).
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import pulumi

from mlplatform.contracts import pipeline as contract
from mlplatform.contracts.labels import COMPONENT, KARPENTER_DO_NOT_DISRUPT
from mlplatform.core.capacity import placement
from mlplatform.facts.kubernetes.pods import container_security, pod_security
from mlplatform.training_pipeline.building import SERVICE_ACCOUNT, Pipeline, argo, of_step, seconds, variables
from mlplatform.training_pipeline.containers import RUN, TRIAL
from mlplatform.training_pipeline.step_args import (
    REGION,
    PipelineDistribution,
    PipelineRuntime,
    PipelineSteps,
    PipelineTraining,
)

GROUP: Final = "trainer.kubeflow.org"
API: Final = f"{GROUP}/v1alpha1"
ROLE: Final = "train"
"""Role of the runtime among the pipeline's objects."""
ANCESTOR: Final = f"{GROUP}/trainjob-ancestor-step"
"""Label of the job that a TrainJob's `trainer` is put into (kubeflow/trainer, pkg/constants)."""
NODE: Final = "node"
"""The nodes' job, and the container that Trainer looks for in it and in the launcher's."""
SSH_PORT: Final = 2222
SUCCEEDED: Final = "status.conditions.1.type == Complete"
FAILED: Final = "status.conditions.0.type == Failed,status.conditions.1.type == Failed"
"""When a TrainJob is done. Argo parses these as selectors of labels, which have no way to search a list
(argoproj/argo-workflows#2288), so they go by place: what Kueue holds is Suspended first, and what ends it is second.
Of the conditions of failure any one is enough."""
LONGEST_NAME: Final = 63 - len("-launcher-0-0-abcde") - len("-999") - len("-1234567890")
"""Longest name of such a pipeline: a run that a schedule begins has its time added, its TrainJobs have their trial, and
their pods what JobSet adds, whose webhook wants those within 63."""
_LATER: Final = "@parameters@"


def runtime(pipeline: Pipeline, steps: PipelineSteps, given: PipelineTraining, how: PipelineDistribution) -> Any:
    """The spec of the TrainingRuntime."""
    kinds = {PipelineRuntime.PYTORCH: _pytorch, PipelineRuntime.MPI: _mpi}
    policy, jobs = kinds[how.runtime](pipeline, steps, given, how)
    # What fails is begun anew as a whole: a rank that comes back alone finds nobody.
    jobs["failurePolicy"] = {"maxRestarts": given.retries}
    return {"mlPolicy": {"numNodes": how.nodes, **policy}, "template": {"spec": jobs}}


def template(pipeline: Pipeline, given: PipelineTraining, how: PipelineDistribution) -> dict[str, Any]:
    """The template `train`: makes the TrainJob of a trial and waits for its end.

    It is not tried again: its TrainJob would be there already, and goes on without it.
    """
    return {
        "name": "train",
        "inputs": {"parameters": [{"name": TRIAL}, {"name": "parameters"}]},
        "resource": {
            "action": "create",
            "setOwnerReference": True,
            "successCondition": SUCCEEDED,
            "failureCondition": FAILED,
            "manifest": _manifest(pipeline, given, how),
        },
    }


def _manifest(pipeline: Pipeline, given: PipelineTraining, how: PipelineDistribution) -> pulumi.Output[str]:
    text = pulumi.Output.json_dumps(_train_job(pipeline, given, how), sort_keys=True)
    # As JSON within JSON, which only an expression of Argo's quotes.
    quoted = "{{=toJson(inputs.parameters.parameters)}}"
    return text.apply(lambda manifest: manifest.replace(json.dumps(_LATER), quoted))


def _train_job(pipeline: Pipeline, given: PipelineTraining, how: PipelineDistribution) -> dict[str, Any]:
    args = pipeline.args
    return {
        "apiVersion": API,
        "kind": "TrainJob",
        "metadata": {
            "name": f"{RUN}-{argo('inputs.parameters', TRIAL)}",
            "namespace": args.team,
            "labels": {COMPONENT: pipeline.name, **pipeline.admission},
        },
        "spec": {
            # Until Kueue lets it go.
            "suspend": True,
            "activeDeadlineSeconds": seconds(given.timeout_minutes),
            "runtimeRef": {"apiGroup": GROUP, "kind": "TrainingRuntime", "name": f"{pipeline.name}-{ROLE}"},
            "trainer": {"numNodes": how.nodes, "env": variables(_environment(pipeline))},
        },
    }


def _environment(pipeline: Pipeline) -> dict[str, object]:
    step = contract.STEPS["train"]
    trial = argo("inputs.parameters", TRIAL)
    addresses = {
        contract.ARTIFACTS[name].variable: pulumi.Output.concat(
            "s3://", pipeline.bucket or "", "/", contract.key(RUN, name, trial)
        )
        for name in (*step.inputs, *step.outputs)
    }
    return {contract.RUN: RUN, contract.PARAMETERS: _LATER, **addresses}


def _pytorch(
    pipeline: Pipeline, steps: PipelineSteps, given: PipelineTraining, how: PipelineDistribution
) -> tuple[dict[str, Any], dict[str, Any]]:
    node = {**_container(pipeline, steps, given), **_command(steps, given)}
    return {"torch": {}}, {"replicatedJobs": [_job(NODE, _pod(pipeline, given, how, node), trainer=True)]}


def _mpi(
    pipeline: Pipeline, steps: PipelineSteps, given: PipelineTraining, how: PipelineDistribution
) -> tuple[dict[str, Any], dict[str, Any]]:
    common = _container(pipeline, steps, given)
    # It writes where it keeps its process's number.
    common["securityContext"] = container_security(read_only=False)
    configuration = pulumi.Output.format("{0}/.sshd_config", how.home)
    server = {
        **common,
        "command": ["/usr/sbin/sshd"],
        "args": ["-De", "-f", configuration],
        "readinessProbe": {"tcpSocket": {"port": SSH_PORT}, "initialDelaySeconds": 5},
    }
    launcher = {**common, **_command(steps, given)}
    policy = {
        "numProcPerNode": how.processes,
        "mpiImplementation": "OpenMPI",
        "sshAuthMountPath": pulumi.Output.format("{0}/.ssh", how.home),
        "runLauncherAsNode": True,
    }
    jobs = {
        "network": {"publishNotReadyAddresses": True},
        "successPolicy": {"operator": "All", "targetReplicatedJobs": ["launcher"]},
        "replicatedJobs": [
            _job(NODE, _pod(pipeline, given, how, server), trainer=False),
            {
                **_job("launcher", _pod(pipeline, given, how, launcher), trainer=True),
                "dependsOn": [{"name": NODE, "status": "Ready"}],
            },
        ],
    }
    return {"mpi": policy}, jobs


def _job(name: str, pod: Mapping[str, Any], *, trainer: bool) -> dict[str, Any]:
    labels = {"metadata": {"labels": {ANCESTOR: "trainer"}}} if trainer else {}
    return {"name": name, "template": {**labels, "spec": {"backoffLimit": 0, "template": dict(pod)}}}


def _pod(
    pipeline: Pipeline, given: PipelineTraining, how: PipelineDistribution, container: Mapping[str, Any]
) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    if given.gpus:
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": given.shared_memory}})
    user = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), how.user)
    return {
        "metadata": {
            "labels": {COMPONENT: pipeline.name},
            "annotations": {KARPENTER_DO_NOT_DISRUPT: "true"},
        },
        "spec": {
            "serviceAccountName": SERVICE_ACCOUNT,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "securityContext": {**pod_security(), **user},
            "containers": [dict(container)],
            "volumes": volumes,
            **placement(pipeline.args.tiers(given.pool)),
        },
    }


def _container(pipeline: Pipeline, steps: PipelineSteps, given: PipelineTraining) -> dict[str, Any]:
    volumes = {"tmp": "/tmp", **({"shm": "/dev/shm"} if given.gpus else {})}  # noqa: S108 - volumes of the pod's own
    return {
        "name": NODE,
        "image": steps.image if given.image is None else given.image,
        "env": variables({REGION: pipeline.place.region, **(given.environment or {})}),
        "resources": of_step(pipeline, given),
        "securityContext": container_security(read_only=bool(given.read_only)),
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in volumes.items()],
    }


def _command(steps: PipelineSteps, given: PipelineTraining) -> dict[str, Any]:
    return {"command": list(steps.command if given.command is None else given.command), "args": ["train"]}
