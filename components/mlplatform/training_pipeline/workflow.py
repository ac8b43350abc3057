"""The WorkflowTemplate: in which order a run does what, and what holds for all of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi

from mlplatform.contracts import pipeline as contract
from mlplatform.contracts.labels import COMPONENT, KARPENTER_DO_NOT_DISRUPT
from mlplatform.facts.kubernetes.pods import pod_security
from mlplatform.training_pipeline import alerts, distributed, submission
from mlplatform.training_pipeline.args import PipelineDrift
from mlplatform.training_pipeline.building import (
    SERVICE_ACCOUNT,
    Pipeline,
    argo,
    job,
    parameters,
    pod,
    resources,
    retries,
    seconds,
)
from mlplatform.training_pipeline.containers import INPUTS, JOB_CPU, JOB_RETRIES, ROUND, arguments
from mlplatform.training_pipeline.containers import platform_job as container_of_job
from mlplatform.training_pipeline.containers import user_step as container_of_step
from mlplatform.training_pipeline.search_args import PipelineSearch
from mlplatform.training_pipeline.step_args import REGION, PipelineJobs, PipelineSteps

API: Final = "argoproj.io/v1alpha1"
MAIN, SEARCH, EXIT, SETTLE = "main", "search", "exit", "settle"
BY_HAND: Final = "by hand"
"""Who asked for a run that says nothing of it."""
KEPT_SECONDS: Final = 14 * 24 * 3600
"""How long a finished run stays to look at: as long as SQS can keep a message, so that none that comes again runs
again."""
LOGS: Final = "6h"
"""How long a pod that ended well stays, for its log."""
SETTLE_MEMORY, SETTLE_DISK, SETTLE_MINUTES = "256Mi", "256Mi", 10


def spec(pipeline: Pipeline) -> dict[str, Any]:
    """The spec of the WorkflowTemplate."""
    args = pipeline.args
    steps, of_kubeflow, drift = args.steps, args.kubeflow, args.drift
    templates = (_own(pipeline, steps) if steps else []) + (
        [submission.template(pipeline, of_kubeflow)] if of_kubeflow else []
    )
    return {
        "entrypoint": MAIN,
        "arguments": parameters(
            {contract.REQUEST_ID: "", contract.REQUESTED_BY: BY_HAND, contract.DATA_URI: pipeline.data_uri}
        ),
        "workflowMetadata": {"labels": {COMPONENT: pipeline.name}},
        "serviceAccountName": SERVICE_ACCOUNT,
        "podMetadata": {
            "labels": {COMPONENT: pipeline.name, **pipeline.admission},
            "annotations": {KARPENTER_DO_NOT_DISRUPT: "true"},
        },
        "securityContext": pod_security(),
        "activeDeadlineSeconds": pulumi.Output.from_input(args.max_hours).apply(lambda hours: int(hours or 0) * 3600),
        "ttlStrategy": {"secondsAfterCompletion": KEPT_SECONDS},
        # Those that failed stay as long as the run.
        "podGC": {"strategy": "OnPodSuccess", "deleteDelayDuration": LOGS},
        "parallelism": ((steps.search or PipelineSearch()).parallelism if steps else 1),
        # A second run waits: held against the same champion, the later of two challengers would displace the other.
        "synchronization": {"mutexes": [{"name": pipeline.name}]},
        "metrics": {"prometheus": alerts.metrics(args.team, pipeline.name)},
        **({"onExit": EXIT} if drift else {}),
        "templates": [*templates, *(_exit(pipeline, drift) if drift else ())],
    }


def _own(pipeline: Pipeline, steps: PipelineSteps) -> list[dict[str, Any]]:
    """The templates of a pipeline of the team's own image."""
    config = pulumi.Output.json_dumps(configuration(pipeline, steps), sort_keys=True)
    jobs = steps.jobs or PipelineJobs()
    training = steps.train
    how = training.distributed if training else None
    containers = {name: container_of_step(pipeline, steps, name, step) for name, step in steps.named.items()}
    if training and how:
        containers["train"] = distributed.template(pipeline, training, how)
    return [
        _main(),
        _search(),
        *containers.values(),
        *(container_of_job(pipeline, jobs, name, config) for name in contract.OUTPUTS),
    ]


def _main() -> dict[str, Any]:
    trial, champion = (argo("steps.select.outputs.parameters", output) for output in contract.OUTPUTS["select"])
    return {
        "name": MAIN,
        "steps": _in_turn(
            _step("prepare"),
            _step("features"),
            _step(SEARCH, parameters({ROUND: str(contract.FIRST_ROUND)})),
            _step("select"),
            _step(
                "evaluate",
                arguments("evaluate", trial=trial, champion=champion),
            ),
            _step("register", arguments("register", trial=trial, champion=champion)),
        ),
    }


def _search() -> dict[str, Any]:
    """One round of trials, and then the next, as long as there is more."""
    left = {output: argo("steps.suggest.outputs.parameters", output) for output in contract.OUTPUTS["trials"]}
    suggest = _step("suggest", arguments("trials", round=argo("inputs.parameters", ROUND)), template="trials")
    train = {
        **_step("train", arguments("train", trial=argo("item.trial"), parameters=argo("item.parameters"))),
        "withParam": left["trials"],
        # A trial that comes to nothing is a result too.
        "continueOn": {"failed": True, "error": True},
    }
    again = {
        **_step("again", parameters({ROUND: left["next"]}), template=SEARCH),
        "when": f"{left['more']} == true",
    }
    return {
        "name": SEARCH,
        "inputs": {"parameters": [{"name": name} for name in INPUTS["trials"]]},
        "steps": _in_turn(suggest, train, again),
    }


def _exit(pipeline: Pipeline, drift: PipelineDrift) -> Sequence[dict[str, Any]]:
    """Reports the end of a run, however it ended, where a drift monitor asked for it."""
    request = argo("workflow.parameters", contract.REQUEST_ID)
    ends = {**_step(SETTLE), "when": f"'{request}' != ''"}
    words = ("request", SETTLE, "--table", drift.table_name, "--endpoint", drift.endpoint, f"--id={request}")
    settle = {
        "name": SETTLE,
        "activeDeadlineSeconds": seconds(SETTLE_MINUTES),
        "retryStrategy": retries(JOB_RETRIES),
        "container": {
            **job(pipeline, words, {REGION: pipeline.place.region}),
            "resources": resources(JOB_CPU, SETTLE_MEMORY, SETTLE_DISK),
        },
        **pod(pipeline, None),
    }
    return {"name": EXIT, "steps": _in_turn(ends)}, settle


def _in_turn(*steps: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [[step] for step in steps]


def _step(name: str, given: Mapping[str, Any] | None = None, *, template: str = "") -> dict[str, Any]:
    return {"name": name, "template": template or name, **({"arguments": given} if given else {})}


def configuration(pipeline: Pipeline, steps: PipelineSteps) -> dict[str, Any]:
    """What the platform's jobs know of the pipeline: `PIPELINE_CONFIG`."""
    train, search, objective = steps.train, steps.search or PipelineSearch(), steps.objective
    return {
        "pipeline": pipeline.name,
        "bucket": pipeline.bucket,
        "model": pipeline.args.model,
        "experiment": pipeline.experiment,
        "search": search.model_dump(exclude_none=True),
        "objective": {**objective.model_dump(exclude_none=True), "goal": objective.goal.value},
        "reference_bucket": pipeline.args.feature_bucket_name,
        "code": {"repository": steps.code.repository, "commit": steps.code.commit},
        "image": steps.image if train is None or train.image is None else train.image,
    }
