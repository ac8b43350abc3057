"""TrainingPipeline, on its recorded graph: the Workflow that it makes, who runs it, and where it keeps things."""

import ast
import copy
import inspect
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hera.workflows import models

import mlplatform.training_pipeline as public
from components import with_values
from examples import kubernetes
from examples.training_pipeline import BASE, DISTRIBUTED, IMAGE, KEYS, KUBEFLOW, MPI, PACKAGE, POLICY, RUNTIME, SMALLEST
from mlplatform.contracts import kubeflow
from mlplatform.contracts import pipeline as contract
from mlplatform.core.args import Args
from mlplatform.runtime.kubeflow.settings import Settings as Submission
from mlplatform.runtime.pipeline import register, select, trials
from mlplatform.runtime.pipeline.settings import Settings
from mlplatform.training_pipeline import TrainingPipeline, TrainingPipelineArgs
from mlplatform.training_pipeline.building import SERVICE_ACCOUNT
from mlplatform.training_pipeline.distributed import FAILED, SUCCEEDED
from mlplatform.training_queue.kueue import LOCAL_QUEUE
from mlplatform.training_queue.teams import WORKER
from promises import covers
from recorded import ROOT, Recorded, absent, record
from schemas import problems
from workflows import faults

COMPONENT = "mlplatform:index:TrainingPipeline"
TEMPLATE = "kubernetes:argoproj.io/v1alpha1:WorkflowTemplate"
CRON = "kubernetes:argoproj.io/v1alpha1:CronWorkflow"
RULES = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
RUNTIME_TYPE = "kubernetes:trainer.kubeflow.org/v1alpha1:TrainingRuntime"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
POLICY_TYPE, ATTACHMENT = "aws:iam/policy:Policy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
BUCKET, KEY_TYPE = "aws:s3/bucket:Bucket", "aws:kms/key:Key"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LABELS = {"mlplatform.dev/component": "x", "app.kubernetes.io/managed-by": "mlplatform"}
ADMISSION = {"kueue.x-k8s.io/queue-name": "default", "kueue.x-k8s.io/priority-class": "normal"}
OWN = ("prepare", "features", "train", "evaluate")
JOBS = ("trials", "select", "register")


def graph_of(args: Mapping[str, Any]) -> Recorded:
    return graph_later(lambda: args)


def graph_later(args: Callable[[], Mapping[str, Any]]) -> Recorded:
    """The graph of arguments with outputs, which can be made in a program only."""
    return record(lambda: TrainingPipeline("x", TrainingPipelineArgs.of(args()), kubernetes("x")))


def changed(values: Mapping[str, Any], base: Mapping[str, Any] = BASE) -> Recorded:
    return graph_of(with_values(base, values))


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def torch() -> Recorded:
    return changed({"steps.train.distributed": DISTRIBUTED})


@pytest.fixture(scope="module")
def mpi() -> Recorded:
    return changed({"steps.train.distributed": MPI})


@pytest.fixture(scope="module")
def submitting() -> Recorded:
    return graph_of({**KUBEFLOW, **{key: BASE[key] for key in ("schedule", "drift")}})


def spec(graph: Recorded) -> Any:
    return graph.inputs(TEMPLATE)["spec"]


def template(graph: Recorded, name: str) -> Any:
    (found,) = [item for item in spec(graph)["templates"] if item["name"] == name]
    return found


def environment(graph: Recorded, name: str) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in template(graph, name)["container"]["env"]}


def statements(graph: Recorded) -> dict[str, Any]:
    return {found["Sid"]: found for found in graph.statements(POLICY_TYPE)}


def plan(graph: Recorded, name: str) -> list[Any]:
    """The steps of a template, which come one after the other."""
    groups = template(graph, name)["steps"]
    assert all(len(group) == 1 for group in groups)
    return [step for group in groups for step in group]


@covers(
    "training-pipeline.template",
    field="TrainingPipelineArgs.team",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.metadata",
)
def test_the_template_has_the_pipelines_name_in_the_teams_namespace(full: Recorded) -> None:
    assert full.inputs(TEMPLATE)["metadata"] == {"name": "x", "namespace": "risk", "labels": LABELS}
    assert spec(full)["workflowMetadata"] == {"labels": {"mlplatform.dev/component": "x"}}
    assert spec(full)["serviceAccountName"] == SERVICE_ACCOUNT == WORKER


@covers(
    "training-pipeline.steps",
    field="TrainingPipelineArgs.steps",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_the_steps_are_in_their_order(full: Recorded) -> None:
    assert [step["name"] for step in plan(full, "main")] == [
        *("prepare", "features", "search", "select", "evaluate", "register")
    ]
    assert [step["name"] for step in plan(full, "search")] == ["suggest", "train", "again"]
    selected = [
        {"name": name, "value": f"{{{{steps.select.outputs.parameters.{name}}}}}"} for name in ("trial", "champion")
    ]
    by_name = {step["name"]: step.get("arguments", {}).get("parameters", []) for step in plan(full, "main")}
    assert by_name["search"] == [{"name": "round", "value": str(contract.FIRST_ROUND)}]
    assert by_name["evaluate"] == selected
    assert by_name["register"] == selected


@covers(
    "training-pipeline.fan-out",
    field="PipelineSteps.search",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_a_round_trains_its_trials_side_by_side_and_leads_to_the_next(full: Recorded) -> None:
    suggest, train, again = plan(full, "search")
    assert suggest == {
        "name": "suggest",
        "template": "trials",
        "arguments": {"parameters": [{"name": "round", "value": "{{inputs.parameters.round}}"}]},
    }
    assert train == {
        "name": "train",
        "template": "train",
        "arguments": {
            "parameters": [
                {"name": "trial", "value": "{{item.trial}}"},
                {"name": "parameters", "value": "{{item.parameters}}"},
            ]
        },
        "withParam": "{{steps.suggest.outputs.parameters.trials}}",
        "continueOn": {"failed": True, "error": True},
    }
    assert again == {
        "name": "again",
        "template": "search",
        "arguments": {"parameters": [{"name": "round", "value": "{{steps.suggest.outputs.parameters.next}}"}]},
        "when": "{{steps.suggest.outputs.parameters.more}} == true",
    }


KINDS: dict[str, Mapping[str, Any]] = {
    "full": BASE,
    "smallest": SMALLEST,
    "pytorch": with_values(BASE, {"steps.train.distributed": DISTRIBUTED}),
    "mpi": with_values(BASE, {"steps.train.distributed": MPI}),
    "kubeflow": {**KUBEFLOW, "drift": BASE["drift"]},
    "kubeflow with a token": with_values(KUBEFLOW, {"kubeflow.token": True}),
}


@pytest.mark.parametrize("args", KINDS.values(), ids=KINDS)
def test_all_that_a_template_names_is_there(args: Mapping[str, Any]) -> None:
    assert faults(spec(graph_of(args))) == []


BROKEN: dict[str, tuple[Callable[[Any], object], str]] = {
    "a step that is gone": (lambda by: by["main"]["steps"].pop(3), "select: nothing leads to it"),
    "a result that is gone": (
        lambda by: by["main"]["steps"].pop(3),
        "main.register: {{steps.select.outputs.parameters.trial}} is not known",
    ),
    "a template that is gone": (
        lambda by: by["search"]["steps"][1][0].update(template="other"),
        "search.train: no template other",
    ),
    "an output that is gone": (
        lambda by: by["trials"]["outputs"]["parameters"].pop(0),
        "search.train: {{steps.suggest.outputs.parameters.trials}} is not known",
    ),
    "an argument that is gone": (
        lambda by: by["train"]["inputs"]["parameters"].pop(0),
        "search.train: gives ['parameters', 'trial'], wanted are ['parameters']",
    ),
    "an artifact that is gone": (
        lambda by: by["features"]["inputs"]["artifacts"].pop(0),
        "features: {{inputs.artifacts.dataset.path}} is not known",
    ),
    "a volume that is gone": (lambda by: by["features"]["volumes"].pop(0), "features: no volume in"),
    "a mount that is gone": (
        lambda by: by["features"]["container"]["volumeMounts"].pop(1),
        "features: /pipeline/out/features is on no volume",
    ),
}


@pytest.mark.parametrize(("breaks", "fault"), BROKEN.values(), ids=BROKEN)
def test_what_is_missing_is_found(breaks: Callable[[Any], object], fault: str, full: Recorded) -> None:
    broken = copy.deepcopy(spec(full))
    breaks({item["name"]: item for item in broken["templates"]})
    assert fault in faults(broken)


@pytest.mark.parametrize("args", KINDS.values(), ids=KINDS)
def test_it_is_made_whatever_is_not_known_yet(args: Mapping[str, Any]) -> None:
    def program() -> None:
        TrainingPipeline("x", TrainingPipelineArgs.of(args), kubernetes("x"))

    known, strict = record(program), record(program, strict=True)
    assert [node["urn"] for node in strict.resources] == [node["urn"] for node in known.resources]


def unread(given: Any, read: Any, path: str = "") -> list[str]:
    """Where what a model has read differs from what it was given: a field that it does not know is lost."""
    if isinstance(given, dict) and isinstance(read, dict):
        keys = sorted(set(given) | set(read))
        return [line for key in keys for line in unread(given.get(key), read.get(key), f"{path}.{key}")]
    if isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        return [
            line
            for at, (one, other) in enumerate(zip(given, read, strict=True))
            for line in unread(one, other, f"{path}[{at}]")
        ]
    return [] if given == read or str(given) == str(read) else [f"{path}: {given!r} is read as {read!r}"]


@pytest.mark.parametrize("args", KINDS.values(), ids=KINDS)
def test_heras_models_know_every_field(args: Mapping[str, Any]) -> None:
    given = graph_of(args).inputs(TEMPLATE)
    read = models.WorkflowTemplate.model_validate(given).model_dump(by_alias=True, exclude_unset=True, mode="json")
    assert unread(given["spec"], read["spec"]) == []


def test_heras_model_knows_every_field_of_the_schedule(full: Recorded) -> None:
    given = full.inputs(CRON)
    read = models.CronWorkflow.model_validate(given).model_dump(by_alias=True, exclude_unset=True, mode="json")
    assert unread(given["spec"], read["spec"]) == []


@pytest.mark.parametrize("args", KINDS.values(), ids=KINDS)
def test_objects_are_what_their_definitions_allow(args: Mapping[str, Any], reference: Callable[[str], Path]) -> None:
    graph = graph_of(args)
    made = [node for node in graph.resources if node["type"].startswith("kubernetes:")]
    assert {node["type"] for node in made} >= {TEMPLATE, RULES}
    for node in made:
        assert problems(node["inputs"], reference("crds")) == [], node["name"]


@covers(
    "training-pipeline.space",
    field="PipelineSearch.space, PipelineSearch.seed",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
@covers(
    "training-pipeline.budget",
    field="PipelineSearch.trials, PipelineSearch.parallelism, PipelineSearch.patience_rounds, PipelineSearch.min_delta",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
@covers(
    "training-pipeline.objective",
    field="PipelineSteps.objective",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_the_jobs_read_what_is_searched(full: Recorded) -> None:
    configs = {environment(full, job)[contract.CONFIG] for job in JOBS}
    (config,) = configs
    settings = Settings.model_validate_json(config)
    assert settings.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "pipeline": "x",
        "bucket": full.one(BUCKET, "x-runs-bucket")["outputs"]["bucket"],
        "model": "fraud-scorer",
        "experiment": "x",
        "search": {
            "space": {
                "model": {"choice": ["forest", "linear"]},
                "depth": {"int": {"low": 2, "high": 12, "step": 1, "log": False}},
                "rate": {"float": {"low": 1e-4, "high": 0.5, "log": True}},
            },
            "trials": 20,
            "parallelism": 4,
            "seed": 0,
            "patience_rounds": 3,
            "min_delta": 0.0,
        },
        "objective": {
            "metric": "accuracy",
            "goal": "maximize",
            "constraints": {"latency_ms": {"min": 0.0, "max": 20.0}},
            "min_improvement": 0.0,
        },
        "reference_bucket": "features-1a2b3c4",
        "code": {
            "repository": "https://github.com/example/fraud",
            "commit": "3f786850e387550fdab836ed7e6dc881de23001b",
        },
        "image": IMAGE,
    }
    assert spec(full)["parallelism"] == 4


def test_a_pipeline_without_options_trains_once_by_the_images_own_parameters(smallest: Recorded) -> None:
    settings = Settings.model_validate_json(environment(smallest, "trials")[contract.CONFIG])
    assert (settings.search.points, settings.code.commit, settings.reference_bucket) == (1, None, None)


@covers(
    "training-pipeline.provenance",
    field="PipelineSteps.code",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_register_is_told_where_a_model_is_from(full: Recorded) -> None:
    assert template(full, "register")["container"]["args"] == [
        "register",
        "--trial={{inputs.parameters.trial}}",
        "--champion={{inputs.parameters.champion}}",
        "--requested-by={{workflow.parameters.requested-by}}",
        "--request-id={{workflow.parameters.request-id}}",
        "--data-uri={{workflow.parameters.data-uri}}",
    ]
    # The image that trained, where that is another one than that of the other steps.
    other = changed({"steps.train.image": f"{IMAGE[:-1]}9"})
    assert json.loads(environment(other, "register")[contract.CONFIG])["image"] == f"{IMAGE[:-1]}9"


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_a_program_of_the_runtime_with_files_for_what_it_leaves(job: str, full: Recorded) -> None:
    made = template(full, job)
    assert made["container"]["image"] == RUNTIME
    assert made["container"]["command"] == ["python", "-m", "mlplatform.runtime"]
    assert made["container"]["args"][0] == job
    left = contract.OUTPUTS[job]
    assert made["outputs"] == {
        "parameters": [{"name": name, "valueFrom": {"path": f"/pipeline/out/{name}"}} for name in left]
    }
    files = {contract.output_variable(name): f"{{{{outputs.parameters.{name}.path}}}}" for name in left}
    given = environment(full, job)
    assert given == {
        "RUN": "{{workflow.name}}",
        "AWS_DEFAULT_REGION": "us-east-1",
        contract.CONFIG: given[contract.CONFIG],
        **files,
    }


@pytest.mark.parametrize("job", [trials, select, register], ids=JOBS)
def test_a_job_takes_the_arguments_that_it_is_given(
    job: Any, full: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *words = template(full, job.__name__.rpartition(".")[2])["container"]["args"]
    filled = [re.sub(r"\{\{[^}]*\}\}", "0", word) for word in words]
    # Its environment is empty, which is what it stops at: the arguments were taken.
    assert (name in JOBS, job.main(filled, {})) == (True, 2)
    assert "misconfigured" in capsys.readouterr().out


@covers(
    "training-pipeline.registry",
    field="TrainingPipelineArgs.registry_secret",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_only_jobs_that_need_the_registry_have_its_account(full: Recorded) -> None:
    having = [item["name"] for item in spec(full)["templates"] if "envFrom" in item.get("container", {})]
    assert having == ["select", "register"]
    assert template(full, "register")["container"]["envFrom"] == [{"secretRef": {"name": "registry-credentials"}}]


@covers(
    "training-pipeline.image",
    field="PipelineSteps.image, PipelineSteps.command",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
@pytest.mark.parametrize("step", OWN)
def test_a_step_is_the_teams_image_with_its_name_and_its_paths(step: str, full: Recorded) -> None:
    made = template(full, step)
    assert (made["container"]["image"], made["container"]["command"]) == (IMAGE, ["python", "-m", "fraud"])
    assert made["container"]["args"] == [step]
    known = contract.STEPS[step]
    wanted = {
        "RUN": "{{workflow.name}}",
        "AWS_DEFAULT_REGION": "us-east-1",
        **{contract.ARTIFACTS[name].variable: f"{{{{inputs.artifacts.{name}.path}}}}" for name in known.inputs},
        **{contract.ARTIFACTS[name].variable: f"{{{{outputs.artifacts.{name}.path}}}}" for name in known.outputs},
    }
    own = {
        "prepare": {"DATA_URI": "{{workflow.parameters.data-uri}}"},
        "train": {"PARAMETERS": "{{inputs.parameters.parameters}}"},
        "evaluate": {"CHAMPION": "{{inputs.artifacts.champion.path}}"},
    }
    assert environment(full, step) == {**wanted, **own.get(step, {})}


@covers(
    "training-pipeline.artifacts",
    field="TrainingPipelineArgs.steps",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_artifacts_lie_in_the_runs_folder_as_they_are(full: Recorded) -> None:
    bucket = full.one(BUCKET, "x-runs-bucket")["outputs"]["bucket"]
    s3 = {"endpoint": "s3.us-east-1.amazonaws.com", "region": "us-east-1", "useSDKCreds": True}
    made = template(full, "train")
    (features,) = made["inputs"]["artifacts"]
    model, metrics = made["outputs"]["artifacts"]
    run = "runs/{{workflow.name}}"
    assert features == {
        "name": "features",
        "path": "/pipeline/in/features",
        "archive": {"none": {}},
        "s3": {"bucket": bucket, "key": f"{run}/features", **s3},
    }
    assert model["s3"]["key"] == f"{run}/trials/{{{{inputs.parameters.trial}}}}/model"
    assert (metrics["path"], metrics["s3"]["key"]) == (
        "/pipeline/out/metrics.json",
        f"{run}/trials/{{{{inputs.parameters.trial}}}}/metrics.json",
    )
    champion = template(full, "evaluate")["inputs"]["artifacts"][-1]
    assert champion == {
        "name": "champion",
        "path": "/pipeline/in/champion",
        "archive": {"none": {}},
        "optional": True,
        "s3": {"bucket": "models-1a2b3c4", "key": "fraud-scorer/{{inputs.parameters.champion}}", **s3},
    }


def test_what_a_step_leaves_is_what_the_next_ones_get(full: Recorded) -> None:
    left, got = {}, {}
    for name in OWN:
        for artifact in template(full, name)["outputs"]["artifacts"]:
            left[artifact["name"]] = artifact["s3"]["key"]
        got[name] = {
            artifact["name"]: artifact["s3"]["key"] for artifact in template(full, name)["inputs"]["artifacts"]
        }
    assert got["features"]["dataset"] == left["dataset"]
    assert got["train"]["features"] == got["evaluate"]["features"] == left["features"]
    assert got["evaluate"]["candidate"] == left["model"]


@covers(
    "training-pipeline.admission",
    field="TrainingPipelineArgs.queue_name, TrainingPipelineArgs.priority",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_every_pod_waits_in_the_queue_and_is_not_moved(full: Recorded) -> None:
    assert spec(full)["podMetadata"] == {
        "labels": {"mlplatform.dev/component": "x", **ADMISSION},
        "annotations": {"karpenter.sh/do-not-disrupt": "true"},
    }
    assert ADMISSION["kueue.x-k8s.io/queue-name"] == LOCAL_QUEUE
    # No template says anything else of its own pods.
    assert [item["name"] for item in spec(full)["templates"] if "metadata" in item] == []


@covers(
    "training-pipeline.pods",
    field="PipelineStep.read_only",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_pods_are_restricted_and_their_programs_have_no_token(full: Recorded) -> None:
    assert spec(full)["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    containers = [item["container"] for item in spec(full)["templates"] if "container" in item]
    assert len(containers) == 8
    for container in containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        hidden = {"name": "no-token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
        assert hidden in container["volumeMounts"]
    written = template(changed({"steps.train.read_only": False}), "train")["container"]["securityContext"]
    assert written["readOnlyRootFilesystem"] is False


@covers(
    "training-pipeline.retries",
    field="PipelineStep.retries",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_a_pod_that_was_taken_away_is_tried_again_apart_from_its_own_failures(full: Recorded) -> None:
    def of(graph: Recorded, name: str) -> Any:
        return template(graph, name)["retryStrategy"]

    assert of(full, "train") == {
        "limit": "12",
        "retryPolicy": "Always",
        "expression": 'asInt(retries) < 2 || lastRetry.message contains "pod deleted"',
        "backoff": {"duration": "30s", "factor": "2", "cap": "10m"},
    }
    once = changed({"steps.train.retries": 0})
    assert of(once, "train")["limit"] == "10"
    assert of(once, "train")["expression"].startswith("asInt(retries) < 0 ||")
    pods = [item for item in spec(full)["templates"] if "container" in item]
    assert all("retryStrategy" in item for item in pods)


@covers(
    "training-pipeline.timeouts",
    field="PipelineStep.timeout_minutes, TrainingPipelineArgs.max_hours",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_steps_and_runs_end(full: Recorded) -> None:
    assert spec(full)["activeDeadlineSeconds"] == 24 * 3600
    limits = {item["name"]: item["activeDeadlineSeconds"] for item in spec(full)["templates"] if "container" in item}
    assert limits == {
        **dict.fromkeys(OWN, 3600),
        **dict.fromkeys(JOBS, 1800),
        "settle": 600,
    }


@covers(
    "training-pipeline.clean-up",
    field="TrainingPipelineArgs.keep_days",
    ends_in="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration.rules",
)
def test_what_is_over_goes(full: Recorded) -> None:
    assert spec(full)["ttlStrategy"] == {"secondsAfterCompletion": 14 * 24 * 3600}
    assert spec(full)["podGC"] == {"strategy": "OnPodSuccess", "deleteDelayDuration": "6h"}
    rules = {rule["id"]: rule for rule in full.inputs(LIFECYCLE, "x-runs-lifecycle")["rules"]}
    assert rules["expire-runs/"] == {
        "id": "expire-runs/",
        "status": "Enabled",
        "filter": {"prefix": contract.RUNS},
        "expiration": {"days": 30},
    }
    assert rules["noncurrent"]["noncurrentVersionExpiration"] == {"noncurrentDays": 1}


def test_of_one_pipeline_one_run_is_at_work(full: Recorded) -> None:
    assert spec(full)["synchronization"] == {"mutexes": [{"name": "x"}]}


@covers(
    "training-pipeline.by-hand",
    field="TrainingPipelineArgs.data_uri",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_a_run_by_hand_needs_no_parameter(full: Recorded) -> None:
    assert spec(full)["arguments"] == {
        "parameters": [
            {"name": "request-id", "value": ""},
            {"name": "requested-by", "value": "by hand"},
            {"name": "data-uri", "value": "s3://lake-1a2b3c4/fraud/"},
        ]
    }


@covers(
    "training-pipeline.cron",
    field="TrainingPipelineArgs.schedule",
    ends_in="kubernetes:argoproj.io/v1alpha1:CronWorkflow.spec",
)
def test_a_schedule_begins_runs_of_the_same_template(full: Recorded) -> None:
    given = full.inputs(CRON)
    assert given["metadata"] == {"name": "x", "namespace": "risk", "labels": LABELS}
    assert given["spec"] == {
        "schedules": ["0 4 * * 1"],
        "timezone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "workflowSpec": {
            "workflowTemplateRef": {"name": "x"},
            "arguments": {"parameters": [{"name": "requested-by", "value": "schedule"}]},
        },
    }
    waits = {urn.rsplit("::", 1)[-1] for urn in full.one(CRON)["dependencies"]}
    assert "x-template" in waits


def test_without_a_schedule_no_run_begins_by_itself(smallest: Recorded) -> None:
    assert smallest.count(CRON) == 0
    assert "cron_workflow_name" not in smallest.one(COMPONENT)["outputs"]


@covers(
    "training-pipeline.message",
    field="TrainingPipelineArgs.drift",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_a_run_answers_a_request_and_settles_it_however_it_ends(full: Recorded, smallest: Recorded) -> None:
    asked = {part["name"] for part in contract.asked("x")["arguments"]["parameters"]}
    assert asked <= {part["name"] for part in spec(full)["arguments"]["parameters"]}
    assert contract.asked("x")["workflowTemplateRef"] == {"name": full.inputs(TEMPLATE)["metadata"]["name"]}
    assert spec(full)["onExit"] == "exit"
    assert plan(full, "exit") == [
        {"name": "settle", "template": "settle", "when": "'{{workflow.parameters.request-id}}' != ''"}
    ]
    assert template(full, "settle")["container"]["args"] == [
        *("request", "settle", "--table", "fraud-drift-state-1a2b3c4", "--endpoint", "fraud"),
        "--id={{workflow.parameters.request-id}}",
    ]
    full.has(ATTACHMENT, {"role": "queue-worker-risk-role-1a2b3c4", "policyArn": POLICY}, name="x-settle")
    assert "onExit" not in spec(smallest)
    assert {item["name"] for item in spec(smallest)["templates"]} & {"exit", "settle"} == set()


@covers("training-pipeline.role", field="TrainingPipelineArgs.worker_role_name", ends_in="aws:iam/policy:Policy.policy")
def test_the_teams_role_gets_what_runs_need_and_no_more(full: Recorded) -> None:
    runs, via = full.one(BUCKET, "x-runs-bucket")["outputs"]["arn"], ["s3.us-east-1.amazonaws.com"]
    key = full.one(KEY_TYPE)["outputs"]["arn"]
    through = {"StringEquals": {"kms:ViaService": via}}
    parts = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    models_arn, features_arn = "arn:aws:s3:::models-1a2b3c4", "arn:aws:s3:::features-1a2b3c4"
    assert statements(full) == {
        sid: {"Sid": sid, "Effect": "Allow", **parts_of}
        for sid, parts_of in {
            "List": {"Action": ["s3:ListBucket"], "Resource": [runs, models_arn]},
            "Runs": {"Action": ["s3:GetObject", "s3:PutObject", *parts], "Resource": [f"{runs}/runs/*"]},
            "Models": {"Action": ["s3:GetObject"], "Resource": [f"{models_arn}/fraud-scorer/*"]},
            "Read": {"Action": ["kms:Decrypt"], "Resource": [key, KEYS[0]], "Condition": through},
            "Write": {"Action": ["kms:GenerateDataKey"], "Resource": [key], "Condition": through},
            "Reference": {
                "Action": ["s3:PutObject", *parts],
                "Resource": [f"{features_arn}/reference/fraud-scorer/*"],
            },
            "Folders": {
                "Action": ["s3:ListBucket"],
                "Resource": [features_arn],
                "Condition": {"StringLike": {"s3:prefix": ["offline/*"]}},
            },
            "Features": {
                "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                "Resource": [f"{features_arn}/offline/*"],
            },
            "FeatureKey": {
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": [KEYS[1]],
                "Condition": through,
            },
        }.items()
    }
    policy = full.one(POLICY_TYPE)["outputs"]["arn"]
    full.has(ATTACHMENT, {"role": "queue-worker-risk-role-1a2b3c4", "policyArn": policy}, name="x-runs")


@covers("training-pipeline.role", field="TrainingPipelineArgs.reads", ends_in="aws:iam/policy:Policy.policy")
def test_the_first_folder_that_is_read_is_what_a_run_is_trained_on() -> None:
    graph = changed({"data_uri": None, "reads": ["offline/", "labels/fraud/"]})
    assert {"name": "data-uri", "value": "s3://features-1a2b3c4/offline/"} in spec(graph)["arguments"]["parameters"]
    assert statements(graph)["Features"]["Resource"] == [
        f"arn:aws:s3:::features-1a2b3c4/{folder}*" for folder in ("offline/", "labels/fraud/")
    ]
    assert {"Features", "Folders"} & set(statements(changed({"reads": []}))) == set()


def test_without_a_feature_bucket_nothing_is_written_there(smallest: Recorded) -> None:
    assert set(statements(smallest)) == {"List", "Runs", "Models", "Read", "Write"}


def test_a_run_begins_when_its_rights_are_there(full: Recorded) -> None:
    waits = {urn.rsplit("::", 1)[-1] for urn in full.one(TEMPLATE)["dependencies"]}
    assert {"x-runs", "x-settle"} <= waits


def test_the_bucket_and_its_key_are_protected_unless_told_otherwise(full: Recorded) -> None:
    full.has(BUCKET, {"forceDestroy": False}, name="x-runs-bucket", protect=True)
    full.has(KEY_TYPE, {"enableKeyRotation": True}, protect=True)
    given = changed({"kms_key_arn": KEYS[2], "deletion_protection": False, "force_destroy": True})
    assert given.count(KEY_TYPE) == 0
    assert given.one(COMPONENT)["outputs"]["key_arn"] == KEYS[2]
    given.has(BUCKET, {"forceDestroy": True}, name="x-runs-bucket", protect=absent)


def test_a_step_has_its_own_size_and_place(full: Recorded) -> None:
    train = template(full, "train")
    assert train["container"]["resources"] == {
        "requests": {"cpu": "1", "memory": "4Gi", "ephemeral-storage": "20Gi", "nvidia.com/gpu": "1"},
        "limits": {"memory": "4Gi", "ephemeral-storage": "20Gi", "nvidia.com/gpu": "1"},
    }
    assert train["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    (term,) = train["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "karpenter.sh/nodepool", "operator": "In", "values": ["training-spot"]}]
    assert {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}} in train["volumes"]
    assert train["container"]["volumeMounts"][-1] == {"name": "shm", "mountPath": "/dev/shm"}  # noqa: S108 - a volume
    prepare = template(full, "prepare")
    assert "affinity" not in prepare
    assert prepare["container"]["resources"]["limits"] == {"memory": "4Gi", "ephemeral-storage": "20Gi"}
    assert [volume["name"] for volume in prepare["volumes"]] == ["in", "out", "tmp", "no-token"]


# Several nodes.


def manifest(graph: Recorded) -> Any:
    text = template(graph, "train")["resource"]["manifest"]
    quoted = "{{=toJson(inputs.parameters.parameters)}}"
    assert text.count(quoted) == 1
    # As Argo makes it of parameters with quotes in them.
    return json.loads(text.replace(quoted, json.dumps(json.dumps({"model": "forest"}))))


@covers(
    "training-pipeline.pytorch",
    field="PipelineTraining.distributed",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_a_trial_on_several_nodes_is_one_train_job(torch: Recorded) -> None:
    made = template(torch, "train")
    assert set(made) == {"name", "inputs", "resource"}
    assert {key: made["resource"][key] for key in made["resource"] if key != "manifest"} == {
        "action": "create",
        "setOwnerReference": True,
        "successCondition": SUCCEEDED,
        "failureCondition": FAILED,
    }
    bucket = torch.one(BUCKET, "x-runs-bucket")["outputs"]["bucket"]
    run = f"s3://{bucket}/runs/{{{{workflow.name}}}}"
    trial = f"{run}/trials/{{{{inputs.parameters.trial}}}}"
    assert manifest(torch) == {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {
            "name": "{{workflow.name}}-{{inputs.parameters.trial}}",
            "namespace": "risk",
            "labels": {"mlplatform.dev/component": "x", **ADMISSION},
        },
        "spec": {
            "suspend": True,
            "activeDeadlineSeconds": 3600,
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": "x-train"},
            "trainer": {
                "numNodes": 2,
                "env": [
                    {"name": "RUN", "value": "{{workflow.name}}"},
                    {"name": "PARAMETERS", "value": '{"model": "forest"}'},
                    {"name": "FEATURES", "value": f"{run}/features"},
                    {"name": "MODEL", "value": f"{trial}/model"},
                    {"name": "METRICS", "value": f"{trial}/metrics.json"},
                ],
            },
        },
    }


@pytest.mark.parametrize("how", [DISTRIBUTED, MPI], ids=["pytorch", "mpi"])
def test_train_jobs_are_what_their_definition_allows(how: dict[str, Any], reference: Callable[[str], Path]) -> None:
    made = manifest(changed({"steps.train.distributed": how}))
    assert problems(made, reference("crds")) == []


@pytest.mark.parametrize("condition", [SUCCEEDED, FAILED])
def test_conditions_are_selectors_that_argo_can_parse(condition: str) -> None:
    # A key of a label is of these letters, which is all that Argo's path can have (argoproj/argo-workflows#2288).
    for requirement in condition.split(","):
        assert re.fullmatch(r"[A-Za-z0-9][-A-Za-z0-9_.]*[A-Za-z0-9] == [A-Za-z0-9]+", requirement)


def test_nodes_of_pytorch_run_the_command_each(torch: Recorded) -> None:
    given = torch.inputs(RUNTIME_TYPE)
    assert given["metadata"] == {"name": "x-train", "namespace": "risk", "labels": LABELS}
    assert given["spec"]["mlPolicy"] == {"numNodes": 2, "torch": {}}
    jobs = given["spec"]["template"]["spec"]
    assert jobs["failurePolicy"] == {"maxRestarts": 2}
    (node,) = jobs["replicatedJobs"]
    assert node["template"]["metadata"] == {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}}
    pod = node["template"]["spec"]["template"]
    assert pod["metadata"] == {
        "labels": {"mlplatform.dev/component": "x"},
        "annotations": {"karpenter.sh/do-not-disrupt": "true"},
    }
    (container,) = pod["spec"].pop("containers")
    assert (container["name"], container["image"]) == ("node", IMAGE)
    assert container["command"] + container["args"] == ["python", "-m", "fraud", "train"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["spec"]["serviceAccountName"] == WORKER
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["securityContext"]["runAsUser"] == 1000
    assert pod["spec"]["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


@covers(
    "training-pipeline.mpi",
    field="PipelineDistribution.runtime",
    ends_in="kubernetes:trainer.kubeflow.org/v1alpha1:TrainingRuntime.spec",
)
def test_a_launcher_of_mpi_reaches_the_nodes_by_ssh(mpi: Recorded) -> None:
    given = mpi.inputs(RUNTIME_TYPE)["spec"]
    assert given["mlPolicy"] == {
        "numNodes": 2,
        "mpi": {
            "numProcPerNode": 1,
            "mpiImplementation": "OpenMPI",
            "sshAuthMountPath": "/home/mpiuser/.ssh",
            "runLauncherAsNode": True,
        },
    }
    jobs = given["template"]["spec"]
    assert jobs["network"] == {"publishNotReadyAddresses": True}
    assert jobs["successPolicy"] == {"operator": "All", "targetReplicatedJobs": ["launcher"]}
    node, launcher = jobs["replicatedJobs"]
    assert launcher["dependsOn"] == [{"name": "node", "status": "Ready"}]
    assert "metadata" not in node["template"]
    assert "metadata" in launcher["template"]
    (serves,) = node["template"]["spec"]["template"]["spec"]["containers"]
    (launches,) = launcher["template"]["spec"]["template"]["spec"]["containers"]
    assert serves["command"] + serves["args"] == ["/usr/sbin/sshd", "-De", "-f", "/home/mpiuser/.sshd_config"]
    assert launches["command"] + launches["args"] == ["python", "-m", "fraud", "train"]
    assert serves["name"] == launches["name"] == "node"
    assert serves["securityContext"]["readOnlyRootFilesystem"] is False


def test_a_run_waits_for_its_runtime(torch: Recorded) -> None:
    waits = {urn.rsplit("::", 1)[-1] for urn in torch.one(TEMPLATE)["dependencies"]}
    assert "x-train" in waits


# Kubeflow Pipelines.


@covers(
    "training-pipeline.kubeflow",
    field="TrainingPipelineArgs.kubeflow",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec",
)
def test_a_package_is_submitted_by_the_same_requests_schedule_queue_and_registry(submitting: Recorded) -> None:
    made = template(submitting, "main")
    assert made["container"]["args"] == [
        "submit",
        "--requested-by={{workflow.parameters.requested-by}}",
        "--request-id={{workflow.parameters.request-id}}",
        "--data-uri={{workflow.parameters.data-uri}}",
    ]
    assert made["container"]["envFrom"] == [{"secretRef": {"name": "registry-credentials"}}]
    assert made["activeDeadlineSeconds"] == (1380 + 30) * 60
    given = environment(submitting, "main")
    assert (given[kubeflow.PACKAGE], given["RUN"]) == ("/package/pipeline.yaml", "{{workflow.name}}")
    assert Submission.model_validate_json(given[kubeflow.CONFIG]).model_dump() == {
        "endpoint": "http://ml-pipeline.kubeflow:8888",
        "experiment": "x",
        "namespace": None,
        "parameters": {},
        "timeout_minutes": 1380,
        "model": "fraud-scorer",
    }
    assert spec(submitting)["podMetadata"]["labels"] == {"mlplatform.dev/component": "x", **ADMISSION}
    assert spec(submitting)["onExit"] == "exit"
    assert submitting.count(CRON) == 1
    assert submitting.inputs(CONFIG_MAP)["data"] == {"pipeline.yaml": PACKAGE}
    assert {"name": "package", "configMap": {"name": "x-package"}} in made["volumes"]
    assert {"name": "package", "mountPath": "/package", "readOnly": True} in made["container"]["volumeMounts"]


def test_a_kubeflow_with_several_users_gets_a_token_for_itself_alone() -> None:
    graph = changed({"kubeflow.token": True, "kubeflow.namespace": "risk"}, KUBEFLOW)
    made = template(graph, "main")
    (token,) = [volume for volume in made["volumes"] if volume["name"] == "kubeflow"]
    assert token["projected"]["sources"] == [
        {"serviceAccountToken": {"path": "token", "audience": "pipelines.kubeflow.org", "expirationSeconds": 7200}}
    ]
    given = environment(graph, "main")
    assert given[kubeflow.TOKEN] == "/kubeflow/token"
    assert Submission.model_validate_json(given[kubeflow.CONFIG]).namespace == "risk"


def test_a_package_needs_nothing_of_aws(submitting: Recorded) -> None:
    assert (submitting.count(BUCKET), submitting.count(KEY_TYPE), submitting.count(POLICY_TYPE)) == (0, 0, 0)
    assert [node["name"] for node in submitting.all(ATTACHMENT)] == ["x-settle"]
    assert submitting.one(COMPONENT)["outputs"] == {
        "namespace": "risk",
        "workflow_template_name": "x",
        "cron_workflow_name": "x",
    }


# Outputs.


def test_outputs_say_where_things_are(full: Recorded) -> None:
    bucket = full.one(BUCKET, "x-runs-bucket")["outputs"]
    assert full.one(COMPONENT)["outputs"] == {
        "namespace": "risk",
        "workflow_template_name": "x",
        "cron_workflow_name": "x",
        "bucket_name": bucket["bucket"],
        "bucket_arn": bucket["arn"],
        "key_arn": full.one(KEY_TYPE)["outputs"]["arn"],
        "policy_arn": full.one(POLICY_TYPE)["outputs"]["arn"],
    }


PLAIN = ("team", "model", "runbooks_url")
"""Texts that decide what is made."""


def test_everything_wired_may_come_later() -> None:
    def args() -> dict[str, Any]:
        later = pulumi.Output.from_input
        texts = {key: later(value) for key, value in BASE.items() if isinstance(value, str) and key not in PLAIN}
        drift: Any = BASE["drift"]
        steps: Any = BASE["steps"]
        wired = {"table_name": later(drift["table_name"]), "settle_policy_arn": later(drift["settle_policy_arn"])}
        train = {**steps["train"], "timeout_minutes": later(60.0), "image": later(IMAGE)}
        return {**BASE, **texts, "drift": {**drift, **wired}, "steps": {**steps, "image": later(IMAGE), "train": train}}

    graph = graph_later(args)
    assert spec(graph) == spec(graph_of(BASE))
    assert statements(graph) == statements(graph_of(BASE))


def test_the_order_of_arguments_changes_nothing() -> None:
    def turned(of: Any) -> Any:
        return {key: turned(of[key]) for key in reversed(list(of))} if isinstance(of, dict) else of

    assert graph_of(turned(BASE)).raw == graph_of(BASE).raw


# Documentation.


DOCUMENTATION = (ROOT / "docs" / "pipelines.md").read_text()


def test_the_documentation_names_fields_that_there_are() -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENTATION, re.DOTALL)
    models_of = {name: cls for name, cls in vars(public).items() if inspect.isclass(cls) and issubclass(cls, Args)}
    calls = [
        call
        for block in blocks
        for call in ast.walk(ast.parse(block))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in models_of
    ]
    assert len(calls) > 8
    for call in calls:
        name = getattr(call.func, "id", "")
        assert {word.arg for word in call.keywords} <= set(models_of[name].model_fields), name


def test_the_documentation_names_every_variable_and_parameter_of_the_contract() -> None:
    artifacts = [*contract.ARTIFACTS.values(), contract.CHAMPION]
    names = [artifact.variable for artifact in artifacts]
    names += [contract.RUN, contract.PARAMETERS, contract.DATA_VARIABLE]
    names += [contract.REQUEST_ID, contract.REQUESTED_BY, contract.DATA_URI, *contract.STEPS, *contract.OUTPUTS]
    assert [name for name in names if f"`{name}`" not in DOCUMENTATION] == []
