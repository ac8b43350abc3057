"""Rollouts of an endpoint, on its recorded graph: what Pulumi leaves alone, the Workflow, its identity, its alert."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hera.workflows.models as argo
import pytest

from components import with_values
from examples.serving_endpoint import CONTAINER, KINDS, KSERVE, MODELS_KEY, REGISTRY, ROLLED, ROLLOUT, RUNTIME
from mlplatform.contracts.metrics import METRICS, ROLLOUTS
from mlplatform.contracts.rollout import CONFIG, OWNED, RUNS
from mlplatform.runtime.promote.run import _parser
from mlplatform.runtime.promote.settings import Settings
from mlplatform.serving_endpoint.alerts import rollout_failed
from promises import covers
from promql import metrics
from recorded import Recorded
from schemas import problems
from serving import (
    ASSOCIATION,
    COMPONENT,
    DEPLOYMENT,
    HPA,
    INFERENCE_SERVICE,
    NAMESPACE,
    NETWORK_POLICY,
    POLICY,
    ROUTE,
    RULES,
    SERVICE,
    SERVICE_ACCOUNT,
    SMALLEST,
    SMALLEST_KSERVE,
    found,
    graph_of,
    outputs,
)

TEMPLATE = "kubernetes:argoproj.io/v1alpha1:WorkflowTemplate"
SCHEDULE = "kubernetes:argoproj.io/v1alpha1:CronWorkflow"
RIGHTS = "kubernetes:rbac.authorization.k8s.io/v1:Role"
BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
SECRET = "kubernetes:external-secrets.io/v1:ExternalSecret"
INLINE = "aws:iam/rolePolicy:RolePolicy"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:x"
ON_KUBERNETES = ("container", "kserve")


@pytest.fixture(scope="module", params=ROLLED)
def rolled(request: pytest.FixtureRequest) -> Recorded:
    """An endpoint of each kind with rollouts."""
    return graph_of(ROLLED[request.param])


def changed(kind: str = "container", **settings: Any) -> Recorded:
    """An endpoint whose rollouts have settings of their own."""
    return graph_of(with_values(ROLLED[kind], {f"rollout.{path}": value for path, value in settings.items()}))


def spec(graph: Recorded) -> dict[str, Any]:
    """The Workflow's own part."""
    return dict(graph.inputs(TEMPLATE)["spec"])


def templates(graph: Recorded) -> dict[str, dict[str, Any]]:
    return {template["name"]: template for template in spec(graph)["templates"]}


def config(graph: Recorded) -> dict[str, Any]:
    (text,) = {
        variable["value"]
        for template in spec(graph)["templates"]
        for variable in template.get("container", {}).get("env", ())
        if variable["name"] == CONFIG
    }
    return dict(json.loads(text))


def run(graph: Recorded, mode: str, *, fails: str = "") -> list[str]:
    """Names of the steps that a Workflow runs, as Argo would, where one of them may fail."""
    made = templates(graph)
    values = {"{{steps.plan.outputs.parameters.mode}}": mode}
    ran: list[str] = []

    def walk(name: str) -> bool:
        steps = [step for group in made[name]["steps"] for step in group]
        return all(one(step) for step in steps if holds(step.get("when", ""), values))

    def one(step: Mapping[str, Any]) -> bool:
        if "steps" in made[step["template"]]:
            return walk(step["template"])
        ran.append(step["name"])
        return step["name"] != fails

    values["{{workflow.status}}"] = "Succeeded" if walk(spec(graph)["entrypoint"]) else "Failed"
    walk(spec(graph)["onExit"])
    return ran


def holds(condition: str, values: Mapping[str, str]) -> bool:
    """Whether a condition holds in which words are compared."""
    for name, value in values.items():
        condition = condition.replace(name, value)
    left, operator, right = condition.split() if condition else ("", "==", "")
    return (left == right) == (operator == "==")


# --- what Pulumi leaves alone


ROLES = {
    "inference-service": INFERENCE_SERVICE,
    "route": ROUTE,
    "stable": DEPLOYMENT,
    "canary": DEPLOYMENT,
    "alias": "aws:lambda/alias:Alias",
    "function": "aws:lambda/function:Function",
}
NAMES = {"alias": "x-live"}


@covers(
    "serving-endpoint.rollout",
    field="ServingEndpointArgs.rollout",
    ends_in="kubernetes:apps/v1:Deployment.options.ignore_changes",
)
@pytest.mark.parametrize("kind", sorted(ROLLED))
def test_pulumi_leaves_alone_what_a_rollout_moves_and_nothing_else(kind: str) -> None:
    graph = graph_of(ROLLED[kind])
    ignored = {
        (node["type"], node["name"]): sorted(node["options"]["ignore_changes"])
        for node in graph.resources
        if "ignore_changes" in node["options"]
    }
    roles = {"container": ("route", "stable", "canary"), "kserve": ("route", "inference-service")}
    wanted = roles.get(kind, ("alias", "function"))
    assert ignored == {(ROLES[role], NAMES.get(role, f"x-{role}")): sorted(OWNED[role]) for role in wanted}
    without = graph_of(KINDS[kind])
    assert [node["name"] for node in without.resources if "ignore_changes" in node["options"]] == []


def test_an_image_is_nothing_that_a_rollout_moves() -> None:
    assert [path for paths in OWNED.values() for path in paths if "image" in path.lower()] == []


# Pulumi's Kubernetes provider leaves a field to another manager only where it can follow the path, which it parts at
# dots, and not into lists (pulumi-kubernetes, provider/pkg/await/await.go, handleSSAIgnoreFields). The route's weights
# are in lists, which are one field to the API server: there it has leave to win.
def test_paths_are_those_that_pulumis_provider_can_follow() -> None:
    for role, paths in OWNED.items():
        for path in paths:
            assert re.fullmatch(r"[A-Za-z_]+(\.[A-Za-z_]+)*", path) or role == "route", path
    for kind in ON_KUBERNETES:
        graph = graph_of(ROLLED[kind])
        assert graph.inputs(ROUTE)["metadata"]["annotations"] == {"pulumi.com/patchForce": "true"}


# The engine ends an update where the way to an ignored field is missing in the object as it was or as it shall be
# (pulumi sdk v3.272.0, resource.PropertyPath.Reset): so it must be there whatever else is given.
FIXED = {"min_replicas": 2, "max_replicas": 2}
VARIANTS: dict[str, dict[str, Any]] = {
    "smallest": SMALLEST,
    "full": {**CONTAINER, "canary": None},
    "smallest of KServe": {**SMALLEST_KSERVE, "scaling": FIXED},
    "full of KServe": {**KSERVE, "canary": None},
    "smallest function": {**ROLLED["serverless"], "request_log": None},
    "full function": ROLLED["serverless"],
}


@pytest.mark.parametrize("rollout", [None, ROLLOUT], ids=["without", "with"])
@pytest.mark.parametrize("args", VARIANTS.values(), ids=VARIANTS)
def test_the_way_to_every_field_of_a_rollout_is_always_there(args: dict[str, Any], rollout: Any) -> None:
    graph = graph_of({**args, "rollout": rollout, "registry": REGISTRY, "runtime_image": RUNTIME})
    checked = 0
    for role, type_ in ROLES.items():
        for node in graph.all(type_, NAMES.get(role, f"x-{role}")):
            assert {path: found(node["inputs"], path) for path in OWNED[role] if "." in path} == {
                path: True for path in OWNED[role] if "." in path
            }
            checked += 1
    assert checked >= 2


@pytest.mark.parametrize("kind", ON_KUBERNETES)
def test_turning_the_rollout_on_changes_nothing_of_what_serves(kind: str) -> None:
    def serving(graph: Recorded) -> dict[str, Any]:
        types = (ROUTE, SERVICE, DEPLOYMENT, INFERENCE_SERVICE, HPA, NETWORK_POLICY)
        made = (node for node in graph.resources if node["type"] in types and "rollout" not in node["name"])
        return {node["urn"]: {key: node["inputs"][key] for key in ("metadata", "spec")} for node in made}

    without, with_it = (serving(graph_of({**ROLLED[kind], "rollout": given})) for given in (None, ROLLOUT))
    for made in with_it.values():
        made["metadata"].get("annotations", {}).pop("pulumi.com/patchForce", None)
    for made in (*without.values(), *with_it.values()):
        if not made["metadata"].get("annotations"):
            made["metadata"].pop("annotations", None)
    canary = [urn for urn in with_it if urn.endswith("Deployment::x-canary")]
    assert {urn: made for urn, made in with_it.items() if urn not in canary} == without
    assert len(canary) == (kind == "container")


def test_a_rollout_finds_a_candidate_without_replicas() -> None:
    graph = graph_of(ROLLED["container"])
    graph.has(DEPLOYMENT, {"spec": {"replicas": 0}}, name="x-canary")
    assert graph.count(DEPLOYMENT) == 2
    assert graph_of(SMALLEST).count(DEPLOYMENT) == 1


# --- the Workflow


def test_every_object_validates(rolled: Recorded, reference: Callable[[str], Path]) -> None:
    crds = reference("crds")
    objects = [node for node in rolled.resources if node["type"].startswith("kubernetes:")]
    assert len(objects) >= 10
    assert {node["urn"]: problems(node["inputs"], crds) for node in objects} == {node["urn"]: [] for node in objects}


def test_argos_own_models_know_every_field(rolled: Recorded) -> None:
    given = {**spec(rolled), "onExit": spec(rolled)["onExit"]}
    argo.WorkflowSpec.model_validate(given)
    for template in given["templates"]:
        argo.Template.model_validate(template)
        assert set(template) <= names(argo.Template), template["name"]
    assert set(given) <= names(argo.WorkflowSpec)
    assert set(rolled.inputs(SCHEDULE)["spec"]) <= names(argo.CronWorkflowSpec)


def names(model: Any) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


STEPS = [
    *("plan", "copy", "start"),
    *(f"{verb}-{percent}" for percent in (5, 25, 50) for verb in ("weight", "wait", "gate")),
    "finish",
]


@covers(
    "serving-endpoint.rollout-steps",
    field="ServingEndpointArgs.rollout.weights, ServingEndpointArgs.rollout.wait_minutes",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec.templates",
)
def test_a_candidate_gets_more_requests_step_by_step(rolled: Recorded) -> None:
    assert run(rolled, "steps") == STEPS


def test_the_first_version_has_nothing_beside_it(rolled: Recorded) -> None:
    assert run(rolled, "first") == ["plan", "copy", "finish"]


def test_without_a_challenger_nothing_happens(rolled: Recorded) -> None:
    assert run(rolled, "none") == ["plan"]


@covers(
    "serving-endpoint.rollout-back",
    field="ServingEndpointArgs.rollout.gates",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec.onExit",
)
@pytest.mark.parametrize("step", STEPS)
def test_whatever_fails_is_taken_back(rolled: Recorded, step: str) -> None:
    ran = run(rolled, "steps", fails=step)
    assert ran == [*STEPS[: STEPS.index(step) + 1], "rollback"]


def test_weights_are_those_given() -> None:
    graph = changed(weights=[10], wait_minutes=30)
    assert run(graph, "steps") == ["plan", "copy", "start", "weight-10", "wait-10", "gate-10", "finish"]
    assert templates(graph)["wait"] == {"name": "wait", "suspend": {"duration": "30m"}}
    assert templates(graph)["gate"]["container"]["args"][-2:] == ["--window", "30"]


def commands(graph: Recorded) -> Iterator[tuple[str, list[str]]]:
    for name, template in templates(graph).items():
        if "container" in template:
            assert template["container"]["command"] == ["python", "-m", "mlplatform.runtime", "promote"]
            filled = [re.sub(r"\{\{.*?\}\}", "5", text) for text in template["container"]["args"]]
            yield name, filled


def test_the_job_knows_every_command(rolled: Recorded) -> None:
    made = dict(commands(rolled))
    assert set(made) == {"plan", "copy", "start", "weight", "gate", "finish", "rollback"}
    for name, arguments in made.items():
        assert arguments[0] == name
        _parser().parse_args(arguments)


def test_arguments_are_values_of_the_step_and_no_expressions(rolled: Recorded) -> None:
    text = json.dumps(spec(rolled))
    assert "{{=" not in text
    made = templates(rolled)
    assert made["weight"]["container"]["args"] == [
        *("weight", "--version", "{{inputs.parameters.version}}", "--percent", "{{inputs.parameters.percent}}")
    ]
    assert made["plan"]["container"]["args"] == ["plan", "--version", "{{workflow.parameters.version}}"]
    (weight,) = made["by-steps"]["steps"][2]
    assert weight["arguments"]["parameters"] == [
        {"name": "version", "value": "{{inputs.parameters.version}}"},
        {"name": "percent", "value": "5"},
    ]


def test_what_is_planned_goes_on_to_the_steps(rolled: Recorded) -> None:
    plan = templates(rolled)["plan"]
    environment = {variable["name"]: variable["value"] for variable in plan["container"]["env"]}
    assert environment["VERSION_FILE"] == "{{outputs.parameters.version.path}}"
    assert environment["MODE_FILE"] == "{{outputs.parameters.mode.path}}"
    assert plan["outputs"]["parameters"] == [
        {"name": "version", "valueFrom": {"path": "/tmp/version"}},  # noqa: S108 - in the container
        {"name": "mode", "valueFrom": {"path": "/tmp/mode"}},  # noqa: S108 - likewise
    ]
    for step in templates(rolled)["rollout"]["steps"][1]:
        assert step["arguments"]["parameters"] == [
            {"name": "version", "value": "{{steps.plan.outputs.parameters.version}}"}
        ]


def test_it_is_the_only_one_and_kept_to_look_at(rolled: Recorded) -> None:
    made = spec(rolled)
    assert made["synchronization"] == {"mutexes": [{"name": "x-rollout"}]}
    assert made["ttlStrategy"] == {"secondsAfterSuccess": 86_400, "secondsAfterFailure": 1_209_600}
    assert made["arguments"] == {"parameters": [{"name": "version", "value": ""}]}


def test_no_step_waits_for_ever(rolled: Recorded) -> None:
    timeouts = {
        name: template.get("timeout") for name, template in templates(rolled).items() if "container" in template
    }
    assert timeouts == {
        **dict.fromkeys(("plan", "weight"), "30m"),
        **dict.fromkeys(("copy", "start", "finish", "gate", "rollback"), "75m"),
    }


def test_steps_are_repeated_and_verdicts_are_not(rolled: Recorded) -> None:
    made = {name: template["retryStrategy"] for name, template in templates(rolled).items() if "container" in template}
    gate = made.pop("gate")
    assert (gate["retryPolicy"], gate["limit"]) == ("OnError", "10")
    assert {(each["retryPolicy"], each["limit"]) for each in made.values()} == {("Always", "3")}


@covers(
    "serving-endpoint.rollout-schedule",
    field="ServingEndpointArgs.rollout.schedule, ServingEndpointArgs.rollout.suspended",
    ends_in="kubernetes:argoproj.io/v1alpha1:CronWorkflow.spec.schedules",
)
def test_it_looks_for_a_challenger_by_schedule(rolled: Recorded) -> None:
    node = rolled.one(SCHEDULE)
    assert node["inputs"]["metadata"]["name"] == "x-rollout"
    assert node["inputs"]["spec"] == {
        "schedules": ["*/15 * * * *"],
        "timezone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 600,
        "suspend": False,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "workflowSpec": {"workflowTemplateRef": {"name": "x-rollout"}},
    }
    assert rolled.one(TEMPLATE)["urn"] in node["dependencies"]
    assert changed(suspended=True).inputs(SCHEDULE)["spec"]["suspend"] is True


def test_pods_are_restricted_and_no_replicas(rolled: Recorded) -> None:
    made = spec(rolled)
    # The labels of servers select them for their budget, their metrics and their Services.
    assert made["podMetadata"]["labels"] == {
        "mlplatform.dev/component": "x-rollout",
        "app.kubernetes.io/managed-by": "mlplatform",
    }
    assert made["podMetadata"]["annotations"] == {"karpenter.sh/do-not-disrupt": "true"}
    assert made["securityContext"]["runAsNonRoot"] is True
    for template in templates(rolled).values():
        if "container" in template:
            one = template["container"]
            assert one["image"] == RUNTIME
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert one["resources"]["limits"] == {"memory": "512Mi", "ephemeral-storage": "10Gi"}
            assert one["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - in the container


# --- what the job is told


def test_the_job_accepts_what_it_is_told(rolled: Recorded) -> None:
    told = Settings.model_validate(config(rolled))
    assert (told.endpoint, told.model, told.bucket, told.initial_version) == ("x", "fraud", "models", "17")
    assert (told.gates.min_requests, told.gates.patience_minutes, told.gates.max_error_percent) == (100, 60, 1.0)


def test_where_an_endpoint_of_deployments_is() -> None:
    assert config(graph_of(ROLLED["container"]))["container"] == {
        "namespace": "x",
        "route": "x",
        "services": {"stable": "x-stable", "canary": "x-canary"},
        "deployments": {"stable": "x-stable", "canary": "x-canary"},
        "replicas": 2,
    }


def test_where_an_endpoint_of_kserve_is() -> None:
    assert config(graph_of(ROLLED["kserve"]))["kserve"] == {
        "namespace": "x",
        "route": "x",
        "services": {"stable": "x-stable", "canary": "x-canary"},
        "deployments": {"stable": "x-predictor", "canary": "x-canary-predictor"},
        "replicas": 1,
        "service": "x",
        "stable_replicas": 2,
    }


def test_where_a_function_is() -> None:
    told = config(graph_of(ROLLED["serverless"]))
    assert told["serverless"] == {"function": "x", "alias": "live"}
    assert "queries" not in told["gates"]
    # Four fifths of its timeout, as its alarm has it.
    assert told["gates"]["max_p99_milliseconds"] == 24_000


@pytest.mark.parametrize(
    ("most", "weights", "replicas"), [(4, [5, 25, 50], 2), (3, [50], 2), (10, [5, 99], 10), (1, [5], 1)]
)
def test_a_candidate_has_the_replicas_that_its_greatest_weight_needs(
    most: int, weights: list[int], replicas: int
) -> None:
    scaling = {"min_replicas": 1, "max_replicas": most}
    graph = graph_of({**ROLLED["container"], "scaling": scaling, "rollout": {**ROLLOUT, "weights": weights}})
    assert config(graph)["container"]["replicas"] == replicas


@covers(
    "serving-endpoint.rollout-gates",
    field="ServingEndpointArgs.rollout.gates.max_error_percent, ServingEndpointArgs.rollout.gates.max_drifted_features",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec.templates",
)
def test_gates_are_of_the_candidates_own_requests() -> None:
    more = [{"name": "refused", "query": "sum(increase(refused[${window}]))", "max": 3}]
    gates = {"max_error_percent": 0.5, "max_drifted_features": 0, "more": more}
    told = config(graph_of({**ROLLED["container"], "rollout": {**ROLLOUT, "gates": gates}}))["gates"]
    canary = 'envoy_cluster_name="httproute/x/x/rule/0/backend/1"'
    assert told == {
        "min_requests": 100,
        "patience_minutes": 60,
        "max_error_percent": 0.5,
        "max_p99_milliseconds": 1000,
        "queries": {
            "requests": f"sum(increase(envoy_cluster_upstream_rq_xx{{{canary}}}[${{window}}]))",
            "errors": (
                f'sum(increase(envoy_cluster_upstream_rq_xx{{{canary},envoy_response_code_class="5"}}[${{window}}]))'
            ),
            "p99": (
                f"histogram_quantile(0.99, sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket{{{canary}}}"
                "[${window}])))"
            ),
        },
        "checks": [
            {
                "name": "drifted-features",
                "query": 'sum(mlplatform_drift_drifted{job="drift",endpoint="x"})',
                "max": 0,
            },
            *more,
        ],
    }


def test_queries_name_metrics_that_somebody_exports() -> None:
    told = config(changed(**{"gates.max_drifted_features": 0}))["gates"]
    queries = [*told["queries"].values(), *(check["query"] for check in told["checks"])]
    for query in queries:
        assert metrics(query.replace("${window}", "10m")) <= set(METRICS)


# --- identity


def statements(graph: Recorded, type_: str = POLICY) -> dict[str, dict[tuple[str, ...], Any]]:
    return {
        node["name"]: {
            tuple(statement["Action"]): statement["Resource"]
            for statement in json.loads(node["inputs"]["policy"])["Statement"]
        }
        for node in graph.all(type_)
    }


PROMOTION = {
    ("s3:ListBucket",): ["arn:aws:s3:::models"],
    ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"): ["arn:aws:s3:::models/fraud/*"],
    ("kms:Decrypt", "kms:GenerateDataKey"): [MODELS_KEY],
}


@covers(
    "serving-endpoint.rollout-rights",
    field="ServingEndpointArgs.model.name, ServingEndpointArgs.model_bucket_name",
    ends_in="aws:iam/policy:Policy.policy",
)
@pytest.mark.parametrize("kind", ON_KUBERNETES)
def test_servers_read_all_versions_of_the_model_and_only_the_rollout_adds_some(kind: str) -> None:
    made = statements(graph_of(ROLLED[kind]))
    made.pop("x-server-request-log")
    assert made == {
        "x-server-models": {
            ("s3:GetObject",): ["arn:aws:s3:::models/fraud/*"],
            ("s3:ListBucket",): ["arn:aws:s3:::models"],
            ("kms:Decrypt",): [MODELS_KEY],
        },
        "x-rollout-promotion": PROMOTION,
    }


def test_the_rollout_of_a_function_changes_it_alone() -> None:
    graph = graph_of(ROLLED["serverless"])
    key = graph.one("aws:kms/key:Key")["outputs"]["arn"]
    assert statements(graph) == {
        "x-rollout-promotion": PROMOTION,
        "x-rollout-function": {
            ("lambda:GetAlias", "lambda:GetFunctionConfiguration"): [FUNCTION_ARN, f"{FUNCTION_ARN}:*"],
            (
                *("lambda:ListVersionsByFunction", "lambda:PublishVersion", "lambda:UpdateAlias"),
                "lambda:UpdateFunctionConfiguration",
            ): [FUNCTION_ARN],
            ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"): [key],
            ("cloudwatch:GetMetricData",): ["*"],
        },
    }
    assert statements(graph, INLINE)["x-models"]["s3:GetObject",] == ["arn:aws:s3:::models/fraud/*"]


def test_names_of_other_models_are_not_listed(rolled: Recorded) -> None:
    (listed,) = [each for each in rolled.statements(POLICY, "x-rollout-promotion") if each["Sid"] == "List"]
    assert listed["Condition"] == {"StringLike": {"s3:prefix": "fraud/*"}}


def test_the_role_goes_to_the_steps_by_pod_identity(rolled: Recorded) -> None:
    association = rolled.inputs(ASSOCIATION, "x-rollout-association")
    assert (association["namespace"], association["serviceAccount"]) == ("x", "rollout")
    rolled.has(SERVICE_ACCOUNT, {"metadata": {"name": "rollout", "namespace": "x"}}, name="x-rollout")
    assert spec(rolled)["serviceAccountName"] == "rollout"


EXECUTOR = {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
WEIGHTS = {
    "apiGroups": ["gateway.networking.k8s.io"],
    "resources": ["httproutes"],
    "resourceNames": ["x"],
    "verbs": ["get", "patch"],
}
OBJECTS: dict[str, list[dict[str, Any]]] = {
    "container": [
        WEIGHTS,
        {
            "apiGroups": ["apps"],
            "resources": ["deployments"],
            "resourceNames": ["x-canary", "x-stable"],
            "verbs": ["get", "patch"],
        },
    ],
    "kserve": [
        WEIGHTS,
        {
            "apiGroups": ["serving.kserve.io"],
            "resources": ["inferenceservices"],
            "resourceNames": ["x"],
            "verbs": ["get", "patch"],
        },
        {
            "apiGroups": ["apps"],
            "resources": ["deployments"],
            "resourceNames": ["x-canary-predictor", "x-predictor"],
            "verbs": ["get"],
        },
    ],
    "serverless": [],
}


@covers(
    "serving-endpoint.rollout-rights",
    field="ServingEndpointArgs.rollout",
    ends_in="kubernetes:rbac.authorization.k8s.io/v1:Role.rules",
)
@pytest.mark.parametrize("kind", OBJECTS)
def test_it_patches_exactly_its_own_objects(kind: str) -> None:
    graph = graph_of(ROLLED[kind])
    assert graph.inputs(RIGHTS)["rules"] == [*OBJECTS[kind], EXECUTOR]
    binding = graph.inputs(BINDING)
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "rollout", "namespace": "x"}]
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x-rollout"}


def test_it_has_the_account_of_a_writer(rolled: Recorded) -> None:
    made = rolled.inputs(SECRET)["spec"]
    assert made["target"]["name"] == "x-rollout"
    assert made["target"]["template"]["data"] == {
        "MLFLOW_TRACKING_URI": "http://registry.model-registry:5000",
        "MLFLOW_TRACKING_USERNAME": "writer",
        "MLFLOW_TRACKING_PASSWORD": "{{ .password }}",
    }
    for template in templates(rolled).values():
        if "container" in template:
            assert template["container"]["envFrom"] == [{"secretRef": {"name": "x-rollout"}}]


@covers(
    "serving-endpoint.network-policy",
    field="ServingEndpointArgs.registry_namespace, ServingEndpointArgs.service_cidr",
    ends_in="kubernetes:networking.k8s.io/v1:NetworkPolicy.spec",
)
def test_steps_reach_aws_the_api_server_the_registry_and_prometheus(rolled: Recorded) -> None:
    made = rolled.inputs(NETWORK_POLICY, "x-rollout")["spec"]
    assert made["podSelector"] == {"matchLabels": {"mlplatform.dev/component": "x-rollout"}}
    reached = [
        (
            peer.get("ipBlock", {}).get("cidr") or min(peer["namespaceSelector"]["matchLabels"].values()),
            port["port"],
        )
        for rule in made["egress"][2:]
        for peer in rule["to"]
        for port in rule["ports"]
    ]
    assert reached == [
        *(("10.0.0.0/16", 443), ("0.0.0.0/0", 443), ("10.100.0.0/16", 443), ("172.20.0.0/16", 443)),
        *(("model-registry", 5000), ("monitoring", 9090)),
    ]
    one = graph_of({**ROLLED["container"], "service_cidr": "172.30.0.0/16"})
    assert "172.30.0.0/16" in json.dumps(one.inputs(NETWORK_POLICY, "x-rollout"))


def test_steps_begin_once_they_may_do_what_they_must(rolled: Recorded) -> None:
    waits = {urn.rpartition("$")[2] for urn in rolled.one(TEMPLATE)["dependencies"]}
    assert {
        f"{ASSOCIATION}::x-rollout-association",
        f"{BINDING}::x-rollout",
        f"{SERVICE_ACCOUNT}::x-rollout",
        f"{NETWORK_POLICY}::x-rollout",
        f"{SECRET}::x-rollout",
    } <= waits


def test_rollouts_of_a_function_have_a_namespace_that_nobody_enters() -> None:
    graph = changed("serverless", namespace="promotions")
    assert graph.inputs(NAMESPACE)["metadata"]["name"] == "promotions"
    assert graph.inputs(NETWORK_POLICY, "x-rollout-ingress")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert {
        node["inputs"]["metadata"]["namespace"]
        for node in graph.resources
        if node["type"].startswith("kubernetes:") and node["type"] != NAMESPACE
    } == {"promotions"}
    assert outputs(graph)["rollout_template"] == {"namespace": "promotions", "name": "x-rollout"}


def test_outputs_name_what_is_started_by_hand(rolled: Recorded) -> None:
    assert rolled.one(COMPONENT)["outputs"]["rollout_template"] == {"namespace": "x", "name": "x-rollout"}
    assert outputs(graph_of(SMALLEST))["rollout_template"] == {}


# --- the alert


def test_the_alert_counts_what_the_workflow_counts(rolled: Recorded) -> None:
    (counter,) = spec(rolled)["metrics"]["prometheus"]
    assert f"argo_workflows_{counter['name']}" == ROLLOUTS
    assert counter["name"] == RUNS
    assert counter["labels"] == [
        {"key": "endpoint", "value": "x"},
        {"key": "status", "value": "{{workflow.status}}"},
    ]
    (group,) = rolled.inputs(RULES, "x-rollout-alerts")["spec"]["groups"]
    assert [rule["alert"] for rule in group["rules"]] == ["RolloutFailed"]
    assert metrics(rollout_failed("x").expr) == {ROLLOUTS} <= set(METRICS)


@pytest.mark.parametrize("kind", sorted(ROLLED))
def test_nothing_computed_needs_to_be_known(kind: str) -> None:
    strict, known = graph_of(ROLLED[kind], strict=True), graph_of(ROLLED[kind])
    assert [node["urn"] for node in strict.resources] == [node["urn"] for node in known.resources]


@pytest.mark.parametrize("kind", sorted(ROLLED))
def test_policies_are_what_a_linter_of_iam_accepts(kind: str) -> None:
    parliament = pytest.importorskip("parliament", reason="pip install 'parliament==1.6.4' 'setuptools<81'")
    found = {
        node["name"]: {finding.issue for finding in parliament.analyze_policy_string(node["inputs"]["policy"]).findings}
        for node in graph_of(ROLLED[kind]).all(POLICY, "x-rollout-.*")
    }
    # Metrics have no resources to name.
    meant = {"x-rollout-function": {"RESOURCE_STAR"}}
    assert found
    assert {name: issues - meant.get(name, set()) for name, issues in found.items()} == {name: set() for name in found}
