"""What a training pipeline refuses, each in one line that says what to do."""

import re
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components import with_values
from examples import kubernetes
from examples.training_pipeline import BASE, DISTRIBUTED, KUBEFLOW, MPI, PACKAGE, SMALLEST
from mlplatform.core.args import InvalidArgs
from mlplatform.training_pipeline import TrainingPipeline, TrainingPipelineArgs
from mlplatform.training_pipeline.distributed import LONGEST_NAME
from recorded import Refused, record

IMAGE = (
    "allowed is an image by its digest, which no push changes, such as "
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud@sha256:<64 hexadecimal digits>"
)
SPACE = "steps.search.space"
BAD: dict[str, tuple[Mapping[str, Any], str]] = {
    "a team that is no namespace": (
        {"team": "Risk"},
        (
            ".team: Kubernetes name 'Risk' is not accepted; allowed: lower-case letters, digits and -, a letter or "
            "digit at both ends; fix: change the characters"
        ),
    ),
    "a model in a folder": (
        {"model": "risk/fraud"},
        (
            ".model: got 'risk/fraud'; allowed is the name of a registered model, a folder of its own: letters, "
            "digits, - and _, at most 63, such as fraud-scorer"
        ),
    ),
    "data with a space": (
        {"data_uri": "my data"},
        ".data_uri: got 'my data'; allowed is an address without spaces and braces, such as s3://lake/fraud/",
    ),
    "no data": (
        {"data_uri": None, "feature_bucket_name": None, "feature_key_arn": None},
        (
            ": neither data_uri nor a feature bucket with reads: there would be nothing to train on; set data_uri, or "
            "feature_bucket_name, feature_key_arn and reads"
        ),
    ),
    "a folder that begins with a slash": (
        {"reads": ["/offline"]},
        (
            ".reads: got '/offline'; allowed is a folder of the bucket, with / at its end and not at its beginning, "
            "such as labels/fraud/"
        ),
    ),
    "jobs by tag": (
        {"runtime_image": "example.com/mlplatform:1"},
        f".runtime_image: got 'example.com/mlplatform:1'; {IMAGE}",
    ),
    "steps by tag": ({"steps.image": "example.com/fraud:1"}, f".steps.image: got 'example.com/fraud:1'; {IMAGE}"),
    "a step by tag": (
        {"steps.features.image": "example.com/fraud:1"},
        f".steps.features.image: got 'example.com/fraud:1'; {IMAGE}",
    ),
    "no command": (
        {"steps.command": []},
        ".steps.command: got none; allowed are one or more words; name the program, such as [python, -m, fraud]",
    ),
    "no command for a step": (
        {"steps.train.command": []},
        ".steps.train.command: got none; allowed are one or more words; name the program, such as [python, -m, fraud]",
    ),
    "a variable of the pipeline's": (
        {"steps.train.environment": {"MODEL": "x"}},
        ".steps.train.environment: got 'MODEL', which the pipeline sets; allowed are other names; take it out",
    ),
    "a variable with a dash": (
        {"steps.train.environment": {"LOG-LEVEL": "x"}},
        ".steps.train.environment: got 'LOG-LEVEL'; allowed are letters, digits and _, such as LOG_LEVEL; correct it",
    ),
    "a password in an address": (
        {"steps.code.repository": "https://me:secret@github.com/example/fraud"},
        (
            ".steps.code.repository: got 'https://me:secret@github.com/example/fraud'; allowed is the address of a "
            "repository without a password, such as https://github.com/example/fraud"
        ),
    ),
    "a branch": (
        {"steps.code.commit": "main"},
        (
            ".steps.code.commit: got 'main'; allowed is the hash of a commit, such as "
            "3f786850e387550fdab836ed7e6dc881de23001b"
        ),
    ),
    "no goal": (
        {"steps.objective": {"metric": "accuracy"}},
        ".steps.objective.goal: missing; set it: Where better is",
    ),
    "another goal": (
        {"steps.objective.goal": "up"},
        ".steps.objective.goal: got 'up'; allowed are 'maximize', 'minimize'",
    ),
    "bounds of nothing": (
        {"steps.objective.constraints": {"latency_ms": {}}},
        (
            ".steps.objective.constraints.latency_ms: got neither min nor max; allowed are one or both; set one, or "
            "leave the metric out"
        ),
    ),
    "bounds the wrong way round": (
        {"steps.objective.constraints": {"latency_ms": {"min": 2, "max": 1}}},
        ".steps.objective.constraints.latency_ms: min 2.0 is more than max 1.0; swap them",
    ),
    "a metric of no name": (
        {"steps.objective.metric": ""},
        ".steps.objective.metric: got ''; allowed is the name of a metric of metrics.json, such as accuracy",
    ),
    "to be worse": (
        {"steps.objective.min_improvement": -1},
        ".steps.objective.min_improvement: got -1.0; allowed are numbers of 0 or more, in the metric's own unit",
    ),
    "a parameter of two kinds": (
        {f"{SPACE}.depth": {"choice": [1], "int": {"low": 1, "high": 2}}},
        (f".{SPACE}.depth: got choice and int; allowed is exactly one of choice, int and float; take the others out"),
    ),
    "a parameter of none": (
        {f"{SPACE}.depth": {}},
        f".{SPACE}.depth: got none; allowed is exactly one of choice, int and float; set one",
    ),
    "a parameter's name": (
        {f"{SPACE}": {"learning rate": {"choice": [1]}}},
        (f".{SPACE}: got 'learning rate'; allowed is letters, digits, _, . and -, at most 63, such as learning_rate"),
    ),
    "no choice": (
        {f"{SPACE}.model.choice": []},
        f".{SPACE}.model.choice: got none; allowed are one or more; name the values",
    ),
    "a choice twice": (
        {f"{SPACE}.model.choice": ["a", "b", "a"]},
        f".{SPACE}.model.choice: got 'a' more than once; allowed is once each; take the others out",
    ),
    "a choice that is a list": (
        {f"{SPACE}.model.choice": [[1]]},
        (f".{SPACE}.model.choice: got [1]; allowed are text, numbers, true and false; give a name that stands for it"),
    ),
    "a choice with quotes": (
        {f"{SPACE}.model.choice": ['"a"']},
        (
            f".{SPACE}.model.choice: got '\"a\"'; allowed is text without quotes, backslashes, braces, %, $ and "
            "line ends, which mean something to Argo or Kubernetes; give a name that stands for it"
        ),
    ),
    "a range the wrong way round": (
        {f"{SPACE}.depth.int": {"low": 5, "high": 2}},
        (f".{SPACE}.depth.int: low 5 and high 2; allowed is a low below high; swap them, or give a choice of one"),
    ),
    "half a layer": (
        {f"{SPACE}.depth.int.low": 2.5},
        f".{SPACE}.depth.int.low: got 2.5; allowed is a whole number",
    ),
    "no step": (
        {f"{SPACE}.depth.int.step": 0},
        f".{SPACE}.depth.int.step: got 0; allowed are whole numbers of 1 or more; leave it out for 1",
    ),
    "a step and a logarithm": (
        {f"{SPACE}.depth.int": {"low": 1, "high": 9, "step": 2, "log": True}},
        f".{SPACE}.depth.int: step 2 and log: Optuna takes one of them; take the other out",
    ),
    "the logarithm of none": (
        {f"{SPACE}.depth.int": {"low": 0, "high": 9, "log": True}},
        (f".{SPACE}.depth.int: low 0 and log: a logarithm needs values above 0; raise low to 1, or take log out"),
    ),
    "the logarithm of zero": (
        {f"{SPACE}.rate.float": {"low": 0, "high": 1, "log": True}},
        (
            f".{SPACE}.rate.float: low 0.0 and log: a logarithm needs values above 0; raise low, such as to 1e-6, or "
            "take log out"
        ),
    ),
    "no end": (
        {f"{SPACE}.rate.float.high": float("inf")},
        f".{SPACE}.rate.float.high: got inf; allowed are -1e15 to 1e15; express it in a larger unit",
    ),
    "no trials": ({"steps.search.trials": 0}, ".steps.search.trials: got 0; allowed are 1 to 1000 trials"),
    "more at once than in all": (
        {"steps.search.trials": 2},
        ".steps.search: parallelism 4 is more than trials 2; lower it to 2 or less",
    ),
    "too deep for Argo": (
        {"steps.search.trials": 200, "steps.search.parallelism": 2},
        (
            ".steps.search: trials 200 by 2 are 100 rounds; allowed are 90, as deep as Argo goes; raise parallelism to "
            "3 or more"
        ),
    ),
    "no patience": (
        {"steps.search.patience_rounds": 0},
        ".steps.search.patience_rounds: got 0; allowed are 1 rounds or more",
    ),
    "no time": (
        {"steps.train.timeout_minutes": 0},
        ".steps.train.timeout_minutes: got 0; allowed are 1 to 10080 minutes",
    ),
    "endless repeats": ({"steps.train.retries": 11}, ".steps.train.retries: got 11; allowed are 0 to 10 retries"),
    "memory in words": (
        {"steps.jobs.memory": "much"},
        ".steps.jobs.memory: got 'much'; allowed is a quantity of Kubernetes, such as 500m, 2 or 16Gi",
    ),
    "an unknown pool": (
        {"steps.prepare.pool": "large"},
        ": steps.prepare.pool 'large' is unknown; known are more, steps, training; name one of them",
    ),
    "a pool of no queue": (
        {"steps.jobs.pool": "services"},
        (
            ": steps.jobs.pool 'services' is for services, of which no queue has quota; allowed are more, steps, "
            "training; name one of them"
        ),
    ),
    "GPUs of nowhere": (
        {"steps.prepare.gpus": 1},
        (
            ": steps.prepare.gpus 1 and no pool: without the labels and tolerations of a GPU pool no pod would start; "
            "set pool to one with GPUs"
        ),
    ),
    "GPUs of a pool without": (
        {"steps.train.pool": "steps"},
        (
            ": steps.train.gpus 1 and pool 'steps', which has none: without the labels and tolerations of a GPU pool "
            "no pod would start; set pool to one with GPUs"
        ),
    ),
    "more GPUs than there are": (
        {"steps.train.gpus": 8},
        ": steps.train.gpus 8, and pool 'training' has 4 in all; lower it, or raise the pool's limit",
    ),
    "more nodes' GPUs than there are": (
        {"steps.train.gpus": 2, "steps.train.distributed": {**DISTRIBUTED, "nodes": 4}},
        (
            ": steps.train.gpus 2 on 4 nodes are 8, and pool 'training' has 4 in all; lower them, or raise the pool's "
            "limit"
        ),
    ),
    "nodes without number": (
        {"steps.train.distributed": {"runtime": "mpi"}},
        (
            ".steps.train.distributed.nodes: missing; set it: Nodes, 1 to 512, each with the CPU, memory, disk and "
            "GPUs of the step"
        ),
    ),
    "no node": (
        {"steps.train.distributed": {**MPI, "nodes": 0}},
        ".steps.train.distributed.nodes: got 0; allowed are 1 to 512 nodes",
    ),
    "root": (
        {"steps.train.distributed": {**MPI, "user": 0}},
        ".steps.train.distributed.user: got 0; allowed are 1 to 2147483647 as a user id, since 0 is root",
    ),
    "processes of torchrun": (
        {"steps.train.distributed": {**DISTRIBUTED, "processes": 2}},
        (
            ".steps.train: distributed.processes and runtime pytorch: only mpi has it; take it out, or set runtime to "
            "mpi"
        ),
    ),
    "a schedule in words": (
        {"schedule.cron": "@daily"},
        (
            ".schedule.cron: got '@daily'; allowed is a time of cron in five fields, minute and hour first, such as "
            "30 1 * * mon-fri"
        ),
    ),
    "a schedule that is never late": (
        {"schedule": {"cron": "0 4 * * 1"}},
        (
            ".schedule.stale_hours: missing; set it: Hours since the beginning of the last run that ended well after "
            "which that is an alert, 1 to 744"
        ),
    ),
    "a run of a month": ({"max_hours": 700}, ".max_hours: got 700; allowed are 1 to 168 hours"),
    "nothing kept": ({"keep_days": 1}, ".keep_days: got 1; allowed are 2 days or more"),
    "kept and destroyed": (
        {"force_destroy": True},
        (
            ": deletion_protection true and force_destroy true: what is protected cannot be destroyed; set one of them "
            "to false"
        ),
    ),
    "an ARN for a name": (
        {"worker_role_name": "arn:aws:iam::123456789012:role/x"},
        (
            ".worker_role_name: got 'arn:aws:iam::123456789012:role/x'; allowed is the name of an IAM role, not its "
            "ARN, such as queue-worker-fraud-role-1a2b3c4"
        ),
    ),
    "a role for a policy": (
        {"drift.settle_policy_arn": "arn:aws:iam::123456789012:role/x"},
        (
            ".drift.settle_policy_arn: got 'arn:aws:iam::123456789012:role/x'; allowed is the ARN of a managed policy, "
            "such as arn:aws:iam::111122223333:policy/settle"
        ),
    ),
    "an endpoint that is no folder": (
        {"drift.endpoint": "fraud/eu"},
        (
            ".drift.endpoint: endpoint 'fraud/eu' is no folder; allowed: letters, digits, . _ and -; fix: change the "
            "characters"
        ),
    ),
    "a bucket without its key": (
        {"feature_key_arn": None},
        ": feature_bucket_name without feature_key_arn: needed for feature_bucket_name; set them",
    ),
    "a key without its bucket": (
        {"feature_bucket_name": None},
        ": feature_key_arn without feature_bucket_name: needed for feature_key_arn; set them",
    ),
    "no champion": (
        {"model_bucket_name": None, "model_key_arn": None},
        ": steps without model_bucket_name, model_key_arn: needed for steps; set them",
    ),
    "neither kind": (
        {"steps": None},
        ": got none of steps, kubeflow; allowed is exactly one; set one",
    ),
    "both kinds": (
        {"kubeflow": KUBEFLOW["kubeflow"]},
        ": got steps and kubeflow of steps, kubeflow; allowed is exactly one; take the other out",
    ),
}


@pytest.mark.parametrize(("values", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_in_one_line(values: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        TrainingPipelineArgs.of(with_values(BASE, values))
    assert str(refused.value) == f"TrainingPipelineArgs{message}"


BAD_PACKAGES: dict[str, tuple[Mapping[str, Any], str]] = {
    "no address": (
        {"kubeflow.endpoint": "ml-pipeline:8888"},
        (
            ".kubeflow.endpoint: got 'ml-pipeline:8888'; allowed is a URL without a last slash, such as "
            "https://wiki.example.com/runbooks"
        ),
    ),
    "no package": (
        {"kubeflow.package": "{}"},
        (
            ".kubeflow.package: got no compiled pipeline: pipelineInfo, root, deploymentSpec, schemaVersion is "
            "missing; give what kfp 2 compiles"
        ),
    ),
    "another version": (
        {"kubeflow.package": PACKAGE.replace("2.1.0", "2.0.0")},
        (".kubeflow.package: schemaVersion: got '2.0.0'; allowed is 2.1.0, with TFX by use_pipeline_spec_2_1=True"),
    ),
    "a parameter that is not declared": (
        {"kubeflow.parameters": {"width": 1}},
        (".kubeflow: parameters.width: the package declares no such parameter; it declares depth, requested_by"),
    ),
    "a parameter of another type": (
        {"kubeflow.parameters": {"depth": "deep"}},
        ".kubeflow: parameters.depth: got 'deep'; the package wants a whole number",
    ),
    "no time": (
        {"kubeflow.timeout_minutes": 1411},
        (
            ": kubeflow.timeout_minutes 1411 and max_hours 24: the step would end first, and the run at Kubeflow go "
            "on; allowed are 1410 minutes or less; lower it, or raise max_hours"
        ),
    ),
    "no time at all": (
        {"kubeflow.timeout_minutes": 0},
        ".kubeflow.timeout_minutes: got 0; allowed are 1 to 10080 minutes",
    ),
}


@pytest.mark.parametrize(("values", "message"), BAD_PACKAGES.values(), ids=BAD_PACKAGES)
def test_bad_packages_are_refused_in_one_line(values: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        TrainingPipelineArgs.of(with_values(KUBEFLOW, values))
    assert str(refused.value) == f"TrainingPipelineArgs{message}"


def refusal(name: str, args: Mapping[str, Any]) -> str:
    with pytest.raises(InvalidArgs) as refused:
        TrainingPipeline(name, TrainingPipelineArgs.of(args))
    return str(refused.value)


def test_a_name_that_is_too_long_is_refused() -> None:
    name = "x" * 45
    assert refusal(name, SMALLEST) == (
        f"TrainingPipeline '{name}': S3 bucket '{name}-runs-logs-bucket' has 62 characters; allowed: 55 before "
        "Pulumi's suffix of 8; fix: take away 7"
    )


def test_a_name_that_is_too_long_for_a_schedule_is_refused() -> None:
    scheduled = {**KUBEFLOW, "schedule": {"cron": "0 4 * * 1", "stale_hours": 200}}
    name = "x" * 53
    assert refusal(name, scheduled) == (
        f"TrainingPipeline '{name}': 53 characters; allowed: 52, for CronWorkflow; fix: take away 1"
    )
    assert record(lambda: TrainingPipeline(name[1:], TrainingPipelineArgs.of(scheduled), kubernetes("x"))).count(
        "kubernetes:argoproj.io/v1alpha1:CronWorkflow"
    )


def test_a_name_that_is_too_long_for_train_jobs_is_refused() -> None:
    name = "x" * (LONGEST_NAME + 1)
    assert refusal(name, with_values(BASE, {"steps.train.distributed": MPI})) == (
        f"TrainingPipeline '{name}': 30 characters; allowed: 29, for its TrainJobs; fix: take away 1"
    )
    # Of a run that the schedule began, the pod of the launcher of the last trial.
    assert len(f"{name[1:]}-1764115200-999-launcher-0-0-abcde") == 63


def test_a_name_that_kubernetes_refuses_is_refused() -> None:
    assert refusal("Fraud", SMALLEST) == (
        "TrainingPipeline 'Fraud': Kubernetes name 'Fraud-package' is not accepted; allowed: lower-case letters, "
        "digits and -, a letter or digit at both ends; fix: change the characters"
    )


def test_without_a_kubernetes_provider_it_is_refused() -> None:
    with pytest.raises(Refused, match="x: no Kubernetes provider; allowed is an explicit one"):
        record(lambda: TrainingPipeline("x", TrainingPipelineArgs.of(SMALLEST)))


def test_bad_outputs_are_refused_when_they_resolve() -> None:
    def program() -> None:
        args = {**SMALLEST, "keep_days": pulumi.Output.from_input(1)}
        TrainingPipeline("x", TrainingPipelineArgs.of(args), kubernetes("x"))

    with pytest.raises(Refused, match=re.escape("TrainingPipelineArgs.keep_days: got 1; allowed are 2 days or more")):
        record(program)
