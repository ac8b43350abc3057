"""Templates of one pod: the team's steps, and the platform's jobs between them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import pulumi

from mlplatform.contracts import pipeline as contract
from mlplatform.facts.kubernetes.pods import container_security
from mlplatform.training_pipeline.building import (
    IN,
    OUT,
    Pipeline,
    argo,
    job,
    mounts,
    of_step,
    parameters,
    pod,
    resources,
    retries,
    seconds,
    variables,
)
from mlplatform.training_pipeline.step_args import REGION, PipelineJobs, PipelineStep, PipelineSteps

TRIAL: Final = "trial"
ROUND: Final = "round"
CHAMPION: Final = "champion"
INPUTS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "train": (TRIAL, "parameters"),
        "evaluate": (TRIAL, CHAMPION),
        "trials": (ROUND,),
        "select": (),
        "register": (TRIAL, CHAMPION),
    }
)
"""Parameters that a template gets."""
JOB_CPU: Final = "250m"
JOB_RETRIES: Final = 2
_FLAGS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "trials": (f"--round={argo('inputs.parameters', ROUND)}",),
        "select": (),
        # Of the form --name=value, since a value may begin with a dash.
        "register": (
            *(f"--{name}={argo('inputs.parameters', name)}" for name in (TRIAL, CHAMPION)),
            *(
                f"--{name}={argo('workflow.parameters', name)}"
                for name in (contract.REQUESTED_BY, contract.REQUEST_ID, contract.DATA_URI)
            ),
        ),
    }
)
"""Arguments of the jobs."""
_WITH_REGISTRY: Final = ("select", "register")
RUN: Final = argo("workflow.name")


def user_step(pipeline: Pipeline, steps: PipelineSteps, name: str, given: PipelineStep) -> dict[str, Any]:
    """The template of one of the team's steps."""
    gpus = given.gpus or 0
    inputs, outputs = _artifacts(pipeline, name)
    return {
        "name": name,
        "inputs": {**_inputs(name), "artifacts": inputs},
        "outputs": {"artifacts": outputs},
        "activeDeadlineSeconds": seconds(given.timeout_minutes),
        "retryStrategy": retries(given.retries or 0),
        "container": {
            "image": steps.image if given.image is None else given.image,
            "command": list(steps.command if given.command is None else given.command),
            "args": [name],
            "env": variables({**_environment(pipeline, name, inputs, outputs), **(given.environment or {})}),
            "resources": of_step(pipeline, given),
            "securityContext": container_security(read_only=bool(given.read_only)),
            "volumeMounts": mounts(gpus=gpus),
        },
        **pod(pipeline, given.pool, gpus=gpus, shared_memory=given.shared_memory),
    }


def platform_job(pipeline: Pipeline, given: PipelineJobs, name: str, config: pulumi.Output[str]) -> dict[str, Any]:
    """The template of one of the platform's jobs, which is named like the job."""
    outputs = contract.OUTPUTS[name]
    files = {contract.output_variable(output): argo("outputs.parameters", output, "path") for output in outputs}
    container = {
        **job(
            pipeline,
            (name, *_FLAGS[name]),
            {contract.RUN: RUN, REGION: pipeline.place.region, contract.CONFIG: config, **files},
        ),
        "resources": resources(JOB_CPU, given.memory, given.disk),
    }
    if name in _WITH_REGISTRY:
        container["envFrom"] = [{"secretRef": {"name": pipeline.args.registry_secret}}]
    return {
        "name": name,
        "inputs": _inputs(name),
        "outputs": {"parameters": [{"name": output, "valueFrom": {"path": f"{OUT}/{output}"}} for output in outputs]},
        "activeDeadlineSeconds": seconds(given.timeout_minutes),
        "retryStrategy": retries(JOB_RETRIES),
        "container": container,
        **pod(pipeline, given.pool),
    }


def arguments(template: str, **values: str) -> dict[str, Any]:
    """What a template is given, which is all that it gets."""
    if set(values) != set(INPUTS[template]):
        raise ValueError(f"{template} gets {', '.join(INPUTS[template])}, not {', '.join(values)}")
    return parameters(values)


def _inputs(template: str) -> dict[str, Any]:
    return {"parameters": [{"name": name} for name in INPUTS.get(template, ())]}


def _artifacts(pipeline: Pipeline, step: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What a step gets and what it leaves, in this order."""
    known = contract.STEPS[step]
    inputs = [_artifact(pipeline, name, IN) for name in known.inputs]
    if step == "evaluate":
        inputs.append(_champion(pipeline))
    return inputs, [_artifact(pipeline, name, OUT) for name in known.outputs]


def _artifact(pipeline: Pipeline, name: str, folder: str) -> dict[str, Any]:
    suffix = "" if contract.ARTIFACTS[name].folder else ".json"
    return {
        "name": name,
        "path": f"{folder}/{name}{suffix}",
        **_location(pipeline, pipeline.bucket, contract.key(RUN, name, argo("inputs.parameters", TRIAL))),
    }


def _champion(pipeline: Pipeline) -> dict[str, Any]:
    version = argo("inputs.parameters", CHAMPION)
    key = contract.CHAMPION.key.format(model=pipeline.args.model, version=version)
    return {
        "name": CHAMPION,
        "path": f"{IN}/{CHAMPION}",
        # A model without a champion has no such folder.
        "optional": True,
        **_location(pipeline, pipeline.args.model_bucket_name, key),
    }


def _location(pipeline: Pipeline, bucket: pulumi.Input[str] | None, key: str) -> dict[str, Any]:
    """Files as they are, by the rights of the pod's role."""
    return {
        "archive": {"none": {}},
        "s3": {
            "bucket": bucket,
            "endpoint": pipeline.place.host("s3"),
            "region": pipeline.place.region,
            "key": key,
            "useSDKCreds": True,
        },
    }


def _environment(
    pipeline: Pipeline, step: str, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]]
) -> dict[str, object]:
    known = {**contract.ARTIFACTS, CHAMPION: contract.CHAMPION}
    paths = {
        known[artifact["name"]].variable: argo(f"{kind}.artifacts", artifact["name"], "path")
        for kind, artifacts in (("inputs", inputs), ("outputs", outputs))
        for artifact in artifacts
    }
    return {contract.RUN: RUN, REGION: pipeline.place.region, **_OWN.get(step, {}), **paths}


_OWN: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "prepare": {contract.DATA_VARIABLE: argo("workflow.parameters", contract.DATA_URI)},
        "train": {contract.PARAMETERS: argo("inputs.parameters.parameters")},
    }
)
"""What a step is told beside paths."""
