"""DriftMonitor, on its recorded graph, and what it refuses."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import with_values
from examples import kubernetes
from examples.drift_monitor import BASE, IMAGE, KEYS, SMALLEST, TEMPLATE
from mlplatform.contracts.drift import CONFIG, REQUEST_CONFIG, TABLE_KEY, TABLE_TTL
from mlplatform.core.args import InvalidArgs
from mlplatform.drift_monitor import DriftMetric, DriftMonitor, DriftMonitorArgs, DriftTraining
from mlplatform.drift_monitor.args import MONTH_HOURS
from mlplatform.drift_monitor.job import COMMAND
from mlplatform.runtime.dispatch.message import Kind
from mlplatform.runtime.drift.settings import Metric, Settings
from mlplatform.runtime.request.gate import Limits
from mlplatform.runtime.request.message import Settings as Wish
from mlplatform.runtime.request.store import KEPT_SECONDS
from promises import covers
from recorded import Recorded, Refused, record
from schemas import problems

COMPONENT = "mlplatform:index:DriftMonitor"
CRON_JOB = "kubernetes:batch/v1:CronJob"
NAMESPACE, ACCOUNT = "kubernetes:core/v1:Namespace", "kubernetes:core/v1:ServiceAccount"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
RULES = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
TABLE, KEY_TYPE = "aws:dynamodb/table:Table", "aws:kms/key:Key"
POLICY, ASSOCIATION = "aws:iam/policy:Policy", "aws:eks/podIdentityAssociation:PodIdentityAssociation"
LABELS = {"mlplatform.dev/component": "x", "app.kubernetes.io/managed-by": "mlplatform"}
OWN = {"matchLabels": {"mlplatform.dev/component": "x"}}
VIA = "us-east-1.amazonaws.com"
SENDS = {"kms:ViaService": [f"sqs.{VIA}"]}


def graph_of(args: Mapping[str, Any]) -> Recorded:
    return graph_later(lambda: args)


def graph_later(args: Callable[[], Mapping[str, Any]]) -> Recorded:
    """The graph of arguments with outputs, which can be made in a program only."""
    return record(lambda: DriftMonitor("x", DriftMonitorArgs.of(args()), kubernetes("x")))


def changed(values: Mapping[str, Any], base: Mapping[str, Any] = BASE) -> Recorded:
    return graph_of(with_values(base, values))


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


def with_outputs(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**BASE, **values}


def spec(graph: Recorded) -> Any:
    return graph.inputs(CRON_JOB)["spec"]


def pod(graph: Recorded) -> Any:
    return spec(graph)["jobTemplate"]["spec"]["template"]["spec"]


def environment(graph: Recorded) -> dict[str, str]:
    (container,) = pod(graph)["containers"]
    return {variable["name"]: variable["value"] for variable in container["env"]}


def statements(graph: Recorded, name: str) -> dict[str, Any]:
    return {found["Sid"]: found for found in graph.statements(POLICY, name)}


@covers("drift-monitor.cron-job", field="DriftMonitorArgs.schedule", ends_in="kubernetes:batch/v1:CronJob.spec")
def test_a_job_looks_every_day(smallest: Recorded) -> None:
    given = smallest.inputs(CRON_JOB)
    assert given["metadata"] == {"name": "x-monitor", "namespace": "x", "labels": LABELS}
    assert {key: value for key, value in given["spec"].items() if key != "jobTemplate"} == {
        "schedule": "30 1 * * *",
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
    }
    job = given["spec"]["jobTemplate"]["spec"]
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (2, 3600)
    assert job["template"]["metadata"] == {"labels": {"mlplatform.dev/component": "x"}}


@covers("drift-monitor.pod", field="DriftMonitorArgs.image", ends_in="kubernetes:batch/v1:CronJob.spec")
def test_its_pod_is_restricted_and_its_image_fixed(smallest: Recorded) -> None:
    given = dict(pod(smallest))
    (container,) = given.pop("containers")
    assert given == {
        "serviceAccountName": "x-monitor",
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }
    assert container["image"] == IMAGE
    assert container["command"] == list(COMMAND) == ["python", "-m", "mlplatform.runtime", "drift"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert container["resources"] == {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}


def test_the_job_reads_what_it_is_told(smallest: Recorded) -> None:
    given = environment(smallest)
    assert set(given) == {"AWS_DEFAULT_REGION", CONFIG}
    assert Settings.model_validate_json(given[CONFIG]) == Settings.model_validate(
        {
            "endpoint": "fraud",
            "bucket": "features-1a2b3c4",
            "reference": {"bucket": "features-1a2b3c4", "prefix": "reference/${model_version}/"},
            "reports": {"bucket": "features-1a2b3c4", "prefix": "drift/fraud/"},
            "pushgateway_url": "http://prometheus-pushgateway.monitoring:9091",
            "window_hours": 24,
            "min_rows": 500,
            "max_rows": 20_000,
            "max_invalid_percent": 1,
            "significance": 0.01,
            "threshold": 0.1,
            "ignored": [],
        }
    )


def test_the_job_reads_every_setting(full: Recorded) -> None:
    settings = Settings.model_validate_json(environment(full)[CONFIG])
    assert settings.thresholds == {"amount": 0.2, "prediction": 0.05}
    assert settings.ignored == ["request_time"]
    assert settings.reference.model_dump() == {
        "bucket": "training-1a2b3c4",
        "prefix": "reference/${model_version}/",
    }
    assert settings.quality is not None
    assert settings.quality.model_dump() == {
        "metric": Metric.ACCURACY,
        "threshold": 0.9,
        "labels": {"bucket": "features-1a2b3c4", "prefix": "labels/fraud/"},
        "window_hours": 168,
        "min_rows": 100,
    }


def test_the_job_reads_how_to_ask(full: Recorded) -> None:
    wish = Wish.model_validate_json(environment(full)[REQUEST_CONFIG])
    assert wish.limits == Limits(cooldown_hours=24, longest_hours=24, daily=1, monthly=8)
    assert wish.model_dump(mode="json", include={"table", "queue_url", "topic_arn", "team", "kind", "priority"}) == {
        "table": full.one(TABLE)["outputs"]["name"],
        "queue_url": "https://sqs.us-east-1.amazonaws.com/123456789012/queue-intake-1a2b3c4.fifo",
        "topic_arn": "arn:aws:sns:us-east-1:123456789012:ml",
        "team": "risk",
        "kind": "Workflow",
        "priority": "high",
    }
    assert wish.spec == TEMPLATE


@covers(
    "drift-monitor.request",
    field="DriftMonitorArgs.retraining.pipeline",
    ends_in="kubernetes:batch/v1:CronJob.spec",
)
def test_the_job_asks_a_pipeline_by_its_name() -> None:
    graph = changed({"retraining.spec": None, "retraining.pipeline": "fraud-training"})
    wish = Wish.model_validate_json(environment(graph)[REQUEST_CONFIG])
    assert wish.kind == "Workflow"
    assert wish.spec == {
        "workflowTemplateRef": {"name": "fraud-training"},
        "arguments": {
            "parameters": [
                {"name": "request-id", "value": "${request.id}"},
                {"name": "requested-by", "value": "${request.endpoint}: ${request.reason}"},
            ]
        },
    }


def test_choices_are_those_of_the_job() -> None:
    assert list(DriftMetric) == list(Metric)
    assert list(DriftTraining) == list(Kind)


def test_numbers_of_other_resources_are_read_too() -> None:
    def args() -> dict[str, Any]:
        hours = pulumi.Output.from_input(48.0)
        return with_outputs({"window_hours": hours, "retraining": {**BASE["retraining"], "cooldown_hours": hours}})

    graph = graph_later(args)
    assert Settings.model_validate_json(environment(graph)[CONFIG]).window_hours == 48
    assert Wish.model_validate_json(environment(graph)[REQUEST_CONFIG]).cooldown_hours == 48


def test_state_outlives_every_cooldown_and_month() -> None:
    assert KEPT_SECONDS >= 2 * 31 * 86_400
    assert KEPT_SECONDS > MONTH_HOURS * 3600


@covers(
    "drift-monitor.table",
    field="DriftMonitorArgs.kms_key_arn, DriftMonitorArgs.deletion_protection",
    ends_in="aws:dynamodb/table:Table.serverSideEncryption",
)
def test_the_table_is_encrypted_recoverable_protected_and_forgets(full: Recorded) -> None:
    full.has(
        TABLE,
        {
            "attributes": [{"name": TABLE_KEY, "type": "S"}],
            "hashKey": TABLE_KEY,
            "billingMode": "PAY_PER_REQUEST",
            "pointInTimeRecovery": {"enabled": True},
            "serverSideEncryption": {"enabled": True, "kmsKeyArn": full.one(KEY_TYPE)["outputs"]["arn"]},
            "ttl": {"enabled": True, "attributeName": TABLE_TTL},
            "deletionProtectionEnabled": True,
        },
        protect=True,
    )
    assert full.inputs(KEY_TYPE)["enableKeyRotation"] is True
    sids = {found["Sid"] for found in full.statements(KEY_TYPE)}
    assert {"AccountByIamPolicies", "DynamoDb"} <= sids


def test_a_key_given_is_used_and_none_made() -> None:
    graph = changed({"kms_key_arn": KEYS[4], "deletion_protection": False})
    assert graph.count(KEY_TYPE) == 0
    table = graph.one(TABLE)
    assert table["inputs"]["serverSideEncryption"]["kmsKeyArn"] == KEYS[4]
    assert (table["inputs"]["deletionProtectionEnabled"], table.get("protect")) in {(False, None), (False, False)}


def test_without_retraining_there_is_no_table(smallest: Recorded) -> None:
    assert (smallest.count(TABLE), smallest.count(KEY_TYPE)) == (0, 0)
    outputs = smallest.one(COMPONENT)["outputs"]
    assert [outputs.get(name) for name in ("table_name", "table_arn", "settle_policy_arn")] == [None] * 3
    assert [node["name"] for node in smallest.all(POLICY)] == ["x-monitor-data"]


@covers("drift-monitor.role", field="DriftMonitorArgs.endpoint", ends_in="aws:iam/policy:Policy.policy")
def test_the_role_reads_its_endpoints_data_only(full: Recorded) -> None:
    features, training = "arn:aws:s3:::features-1a2b3c4", "arn:aws:s3:::training-1a2b3c4"
    assert statements(full, "x-monitor-data") == {
        "ReferenceList": {
            "Sid": "ReferenceList",
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": [training],
            "Condition": {"StringLike": {"s3:prefix": ["reference/*"]}},
        },
        "ReferenceGet": {
            "Sid": "ReferenceGet",
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": [f"{training}/reference/*"],
        },
        "DataList": {
            "Sid": "DataList",
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": [features],
            "Condition": {"StringLike": {"s3:prefix": ["requests/fraud/*", "labels/fraud/*"]}},
        },
        "DataGet": {
            "Sid": "DataGet",
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": [f"{features}/requests/fraud/*", f"{features}/labels/fraud/*"],
        },
        "Report": {
            "Sid": "Report",
            "Effect": "Allow",
            "Action": ["s3:PutObject"],
            "Resource": [f"{features}/drift/fraud/*"],
        },
        "Read": {
            "Sid": "Read",
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": [KEYS[0], KEYS[1]],
            "Condition": {"StringEquals": {"kms:ViaService": [f"s3.{VIA}"]}},
        },
        "Write": {
            "Sid": "Write",
            "Effect": "Allow",
            "Action": ["kms:GenerateDataKey"],
            "Resource": [KEYS[0]],
            "Condition": {"StringEquals": {"kms:ViaService": [f"s3.{VIA}"]}},
        },
    }
    full.has(ASSOCIATION, {"clusterName": "ml-dev", "namespace": "x", "serviceAccount": "x-monitor"})
    assert full.inputs(ACCOUNT)["metadata"]["name"] == "x-monitor"


@covers("drift-monitor.topic", field="DriftMonitorArgs.topic_arn", ends_in="aws:iam/policy:Policy.policy")
def test_the_role_holds_its_own_state_sends_and_tells(full: Recorded) -> None:
    table = full.one(TABLE)["outputs"]["arn"]
    key = full.one(KEY_TYPE)["outputs"]["arn"]
    state = {
        "Sid": "State",
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem", "dynamodb:PutItem"],
        "Resource": [table],
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["fraud"]}},
    }
    found = statements(full, "x-monitor-requests")
    assert found["State"] == state
    assert found["TableKey"]["Resource"] == [key]
    assert found["TableKey"]["Condition"] == {"StringEquals": {"kms:ViaService": [f"dynamodb.{VIA}"]}}
    assert (found["Send"]["Action"], found["Send"]["Resource"]) == (["sqs:SendMessage"], [BASE["queue"]["arn"]])
    assert (found["QueueKey"]["Resource"], found["QueueKey"]["Condition"]) == ([KEYS[2]], {"StringEquals": SENDS})
    assert (found["Tell"]["Action"], found["Tell"]["Resource"]) == (["sns:Publish"], [BASE["topic_arn"]])
    assert found["TopicKey"]["Resource"] == [KEYS[3]]
    assert set(found) == {"State", "TableKey", "Send", "QueueKey", "Tell", "TopicKey"}
    settle = statements(full, "x-settle")
    assert set(settle) == {"State", "Key"}
    assert settle["State"] == state


def test_without_a_bucket_of_its_own_the_reference_is_in_the_features(smallest: Recorded) -> None:
    found = statements(smallest, "x-monitor-data")
    assert set(found) == {"DataList", "DataGet", "Report", "Read", "Write"}
    assert found["DataGet"]["Resource"] == [
        "arn:aws:s3:::features-1a2b3c4/requests/fraud/*",
        "arn:aws:s3:::features-1a2b3c4/reference/*",
    ]


@covers(
    "drift-monitor.network",
    field="DriftMonitorArgs.vpc_cidr, DriftMonitorArgs.pushgateway_namespace",
    ends_in="kubernetes:networking.k8s.io/v1:NetworkPolicy.spec",
)
def test_the_pod_reaches_aws_and_the_pushgateway_and_nobody_reaches_it(full: Recorded) -> None:
    given = full.inputs(NETWORK_POLICY, "x-egress")["spec"]
    assert (given["podSelector"], given["policyTypes"]) == (OWN, ["Egress"])
    # DNS and Pod Identity are in every egress policy.
    assert given["egress"][2:] == [
        {"to": [{"ipBlock": {"cidr": "10.20.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 443}]},
        {
            "to": [
                {
                    "ipBlock": {
                        "cidr": "0.0.0.0/0",
                        "except": [
                            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
                            "169.254.0.0/16",
                        ],
                    }
                }
            ],
            "ports": [{"protocol": "TCP", "port": 443}],
        },
        {
            "to": [
                {
                    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus-pushgateway"}},
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
                }
            ],
            "ports": [{"protocol": "TCP", "port": 9091}],
        },
    ]
    assert full.inputs(NETWORK_POLICY, "x-ingress")["spec"] == {"podSelector": OWN, "policyTypes": ["Ingress"]}


@covers(
    "drift-monitor.namespace",
    field="DriftMonitorArgs.namespace",
    ends_in="kubernetes:core/v1:Namespace.metadata",
)
def test_it_has_a_namespace_of_its_own_or_one_given(full: Recorded) -> None:
    # The label lets its pods push.
    assert full.inputs(NAMESPACE)["metadata"] == {
        "name": "x",
        "labels": {
            **LABELS,
            "pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/warn": "restricted",
        },
    }
    given = changed({"namespace": "monitors"})
    assert given.count(NAMESPACE) == 0
    placed = [*given.all(CRON_JOB), *given.all(NETWORK_POLICY), *given.all(ACCOUNT), *given.all(RULES)]
    assert {node["inputs"]["metadata"]["namespace"] for node in placed} == {"monitors"}
    given.has(ASSOCIATION, {"namespace": "monitors"})


@covers(
    "drift-monitor.alerts",
    field="DriftMonitorArgs.stale_hours",
    ends_in="kubernetes:monitoring.coreos.com/v1:PrometheusRule.spec",
)
def test_its_alerts_are_of_its_endpoint(full: Recorded) -> None:
    (group,) = full.inputs(RULES)["spec"]["groups"]
    assert (group["name"], group["labels"]) == ("drift-fraud", {"endpoint": "fraud"})
    assert [rule["alert"] for rule in group["rules"]] == [
        *("DriftFound", "ModelQualityLow", "DriftDataBad", "RetrainingBudgetSpent"),
        *("DriftCheckStale", "DriftCheckMissing"),
    ]
    for rule in group["rules"]:
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example.com/runbooks/{rule['alert']}.md"


def test_the_job_starts_when_all_it_needs_is_there(full: Recorded) -> None:
    waits = {urn.rsplit("::", 1)[-1] for urn in full.one(CRON_JOB)["dependencies"]}
    assert {"x-egress", "x-ingress", "x-monitor"} <= waits


def test_objects_are_what_their_definitions_allow(full: Recorded, reference: Callable[[str], Path]) -> None:
    checked = [*full.all(CRON_JOB), *full.all(RULES), *full.all(NETWORK_POLICY), *full.all(NAMESPACE)]
    assert len(checked) == 5
    for node in checked:
        assert problems(node["inputs"], reference("crds")) == [], node["name"]


def test_outputs_say_where_things_are(full: Recorded) -> None:
    outputs = full.one(COMPONENT)["outputs"]
    assert (outputs["namespace"], outputs["cron_job_name"]) == ("x", "x-monitor")
    assert outputs["reports_uri"] == "s3://features-1a2b3c4/drift/fraud/"


PLAIN = ("endpoint", "reference_prefix", "runbooks_url")
"""Texts that decide what is made."""


def test_everything_wired_may_come_later() -> None:
    def args() -> dict[str, Any]:
        later = pulumi.Output.from_input
        texts = {key: later(value) for key, value in BASE.items() if isinstance(value, str) and key not in PLAIN}
        queue = {key: later(value) for key, value in BASE["queue"].items()}
        return with_outputs({**texts, "queue": queue, "retraining": {**BASE["retraining"], "spec": later(TEMPLATE)}})

    graph = graph_later(args)
    assert environment(graph) == environment(graph_of(BASE))
    assert statements(graph, "x-monitor-data") == statements(graph_of(BASE), "x-monitor-data")


# What is refused.


FOLDER = (
    "a folder of the bucket, with / at its end and not at its beginning, and with ${model_version} below a folder, "
    "such as reference/${model_version}/"
)
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an endpoint that is no folder": (
        {"endpoint": "fraud/eu"},
        ".endpoint: endpoint 'fraud/eu' is no folder; allowed: letters, digits, . _ and -; fix: change the characters",
    ),
    "image by tag": (
        {"image": "registry.example.com/mlplatform:latest"},
        (
            ".image: got 'registry.example.com/mlplatform:latest'; allowed is an image by its digest, which no push "
            "changes, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud@sha256:<64 hexadecimal digits>"
        ),
    ),
    "a schedule in words": (
        {"schedule": "@daily"},
        (
            ".schedule: got '@daily'; allowed is a time of cron in five fields, minute and hour first, such as "
            "30 1 * * mon-fri"
        ),
    ),
    "a reference outside of a folder": (
        {"reference_prefix": "/reference"},
        f".reference_prefix: got '/reference'; allowed is {FOLDER}",
    ),
    "a reference with a wildcard": (
        {"reference_prefix": "*/"},
        f".reference_prefix: got '*/'; allowed is {FOLDER}",
    ),
    "a reference that may be anywhere": (
        {"reference_prefix": "${model_version}/"},
        f".reference_prefix: got '${{model_version}}/'; allowed is {FOLDER}",
    ),
    "labels by version": (
        {"quality.labels_prefix": "labels/${model_version}/"},
        (
            ".quality.labels_prefix: got 'labels/${model_version}/'; allowed is a folder of the bucket, with / at its "
            "end and not at its beginning, such as labels/fraud/"
        ),
    ),
    "no window": ({"window_hours": 0}, ".window_hours: got 0; allowed are 1 to 168 hours"),
    "a threshold in percent": (
        {"threshold": 10},
        ".threshold: got 10.0; allowed are numbers between 0 and 1, such as 0.1",
    ),
    "a feature's threshold in percent": (
        {"thresholds": {"amount": 10}},
        ".thresholds: got 10.0 of amount; allowed are numbers between 0 and 1, such as 0.1",
    ),
    "certainty": ({"significance": 0}, ".significance: got 0.0; allowed are numbers between 0 and 1, such as 0.1"),
    "a handful of rows": ({"min_rows": 5}, ".min_rows: got 5; allowed are 20 rows or more"),
    "a small sample": ({"max_rows": 100}, ".max_rows: got 100; allowed are 1000 rows or more"),
    "more than all rows": (
        {"max_invalid_percent": 101},
        ".max_invalid_percent: got 101.0; allowed are 0 to 100 percent",
    ),
    "ignored twice": (
        {"ignored_features": ["a", "a"]},
        ".ignored_features: got a more than once; allowed is once each; take the others out",
    ),
    "ignored and judged": (
        {"ignored_features": ["amount"]},
        ": amount is in thresholds and in ignored_features; allowed is one of them; take it out of the other",
    ),
    "another metric": (
        {"quality.metric": "auc"},
        ".quality.metric: got 'auc'; allowed are 'accuracy', 'mean_absolute_error'",
    ),
    "no threshold of quality": (
        {"quality": {"metric": "accuracy"}},
        ".quality.threshold: missing; set it: Where it is too bad: accuracy below it, or an error above it",
    ),
    "a quarter of labels": (
        {"quality.window_hours": 3000},
        ".quality.window_hours: got 3000; allowed are 1 to 2160 hours",
    ),
    "no labels": ({"quality.min_rows": 0}, ".quality.min_rows: got 0; allowed are 1 rows or more"),
    "no cooldown": (
        {"retraining.cooldown_hours": 0},
        ".retraining.cooldown_hours: got 0; allowed are 1 to 720 hours",
    ),
    "a training without end": (
        {"retraining.max_hours": 721},
        ".retraining.max_hours: got 721; allowed are 1 to 720 hours",
    ),
    "no budget": ({"retraining.daily_budget": 0}, ".retraining.daily_budget: got 0; allowed are 1 requests or more"),
    "more a day than a month": (
        {"retraining.daily_budget": 9},
        ".retraining: daily_budget 9 is more than monthly_budget 8; lower it, or raise the other",
    ),
    "neither pipeline nor spec": (
        {"retraining.spec": None},
        ".retraining: got neither; allowed is exactly one of pipeline and spec",
    ),
    "pipeline and spec": (
        {"retraining.pipeline": "fraud-training"},
        ".retraining: got pipeline and spec; allowed is exactly one of pipeline and spec",
    ),
    "a pipeline that is a Job": (
        {"retraining.spec": None, "retraining.pipeline": "fraud-training", "retraining.kind": "Job"},
        ".retraining: pipeline and kind Job: a pipeline runs as a Workflow; take kind out",
    ),
    "another kind of training": (
        {"retraining.kind": "Pod"},
        ".retraining.kind: got 'Pod'; allowed are 'Job', 'Workflow', 'TrainJob'",
    ),
    "a placeholder of no value": (
        {"retraining.spec": {"a": ["${request.windw}"]}},
        (
            ".retraining.spec: got ${request.windw}; allowed are ${request.id}, ${request.endpoint}, "
            "${request.window_start}, ${request.window_end}, ${request.reason}, ${request.report}; correct it"
        ),
    ),
    "a template too long": (
        {"retraining.spec": {"a": "x" * 100_000}},
        ".retraining.spec: got 100009 characters as JSON; allowed are 100000; name a WorkflowTemplate instead",
    ),
    "a team in capitals": (
        {"retraining.team": "Risk"},
        ".retraining.team: got 'Risk'; allowed is a DNS label of at most 63 characters, such as feature-reader",
    ),
    "a queue that is no FIFO": (
        {"queue.arn": "arn:aws:sqs:us-east-1:123456789012:jobs"},
        (
            ".queue.arn: got 'arn:aws:sqs:us-east-1:123456789012:jobs'; allowed is the ARN of a FIFO queue, such as "
            "arn:aws:sqs:eu-west-1:111122223333:jobs.fifo"
        ),
    ),
    "a queue's name": (
        {"queue.url": "jobs.fifo"},
        (
            ".queue.url: got 'jobs.fifo'; allowed is the URL of a FIFO queue, such as "
            "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs.fifo"
        ),
    ),
    "never stale": ({"stale_hours": 0}, ".stale_hours: got 0; allowed are 1 to 336 hours"),
    "the URL of a bucket": (
        {"bucket_name": "s3://features"},
        ".bucket_name: got 's3://features'; allowed is the name of a bucket, not its ARN or URL, such as access-logs",
    ),
    "a Pushgateway without scheme": (
        {"pushgateway_url": "push:9091"},
        (
            ".pushgateway_url: got 'push:9091'; allowed is a URL without a last slash, such as "
            "https://wiki.example.com/runbooks"
        ),
    ),
    "memory in words": (
        {"memory": "much"},
        ".memory: got 'much'; allowed is a quantity of Kubernetes, such as 500m, 2 or 16Gi",
    ),
    "a field of another": (
        {"cooldown_hours": 24},
        (
            ".cooldown_hours: unknown field; known are bucket_key_arn, bucket_name, cluster_name, cpu, "
            "deletion_protection, endpoint, ignored_features, image, kms_key_arn, max_invalid_percent, max_rows, "
            "memory, min_rows, namespace, permissions_boundary_arn, pushgateway_namespace, pushgateway_url, quality, "
            "queue, reference_bucket_name, reference_key_arn, reference_prefix, retraining, runbooks_url, s3_cidrs, "
            "schedule, significance, stale_hours, threshold, thresholds, topic_arn, topic_key_arn, vpc_cidr, "
            "window_hours; did you "
            "mean 'window_hours'?"
        ),
    ),
}


@pytest.mark.parametrize(("values", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_in_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        DriftMonitorArgs.of(with_values(BASE, values))
    assert str(refused.value) == f"DriftMonitorArgs{message}"


ALONE = {
    "retraining without a queue": ({"retraining": BASE["retraining"]}, "retraining is set and queue is not"),
    "a queue without retraining": ({"queue": BASE["queue"]}, "queue is set and retraining is not"),
    "a topic without retraining": ({"topic_arn": BASE["topic_arn"]}, "topic_arn is set and retraining is not"),
    "a bucket without its key": (
        {"reference_bucket_name": "training"},
        "reference_bucket_name is set and reference_key_arn is not",
    ),
    "a key without its bucket": (
        {"reference_key_arn": KEYS[1]},
        "reference_key_arn is set and reference_bucket_name is not",
    ),
    "a key without its topic": ({"topic_key_arn": KEYS[3]}, "topic_key_arn is set and topic_arn is not"),
}


@pytest.mark.parametrize(("values", "message"), ALONE.values(), ids=ALONE)
def test_what_belongs_together_is_given_together(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        DriftMonitorArgs.of(with_values(SMALLEST, values))
    assert str(refused.value) == f"DriftMonitorArgs: {message}; set both or none"


def test_a_name_that_is_too_long_for_a_cron_job_is_refused() -> None:
    with pytest.raises(InvalidArgs) as refused:
        DriftMonitor("x" * 50, DriftMonitorArgs.of(SMALLEST))
    name = "x" * 50
    assert str(refused.value) == (
        f"DriftMonitor '{name}': CronJob '{name}-monitor' has 58 characters; allowed: 52; fix: take away 6"
    )


def test_a_name_that_kubernetes_refuses_is_refused() -> None:
    with pytest.raises(InvalidArgs) as refused:
        DriftMonitor("Drift", DriftMonitorArgs.of(SMALLEST))
    assert str(refused.value) == (
        "DriftMonitor 'Drift': Kubernetes name 'Drift' is not accepted; allowed: lower-case letters, digits and -, a "
        "letter or digit at both ends; fix: change the characters"
    )


def test_without_a_kubernetes_provider_it_is_refused() -> None:
    with pytest.raises(Refused, match="x: no Kubernetes provider; allowed is an explicit one"):
        record(lambda: DriftMonitor("x", DriftMonitorArgs.of(SMALLEST)))


def test_bad_outputs_are_refused_when_they_resolve() -> None:
    message = "DriftMonitorArgs.threshold: got 10.0; allowed are numbers between 0 and 1"
    with pytest.raises(Refused, match=re.escape(message)):
        graph_later(lambda: with_outputs({"threshold": pulumi.Output.from_input(10.0)}))
