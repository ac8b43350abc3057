"""ServingEndpoint on Kubernetes, on its recorded graph: what both kinds have, and the kind `container`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import with_values
from examples import kubernetes
from examples.serving_endpoint import (
    BOUNDARY,
    CONTAINER,
    FEATURES_KEY,
    IMAGE,
    KINDS,
    KSERVE,
    MODEL,
    MODELS_KEY,
    NEXT,
    RUNTIME,
    SERVERLESS,
    TIER,
    TRIGGER,
    WIRED,
    WRITER,
    program,
)
from mlplatform.serving_endpoint import ServingEndpoint, ServingEndpointArgs, ServingEndpointSettings
from promises import covers
from recorded import Recorded, Refused, absent, record
from schemas import problems
from serving import (
    ASSOCIATION,
    ATTACHMENT,
    BUDGET,
    DEPLOYMENT,
    HPA,
    INFERENCE_SERVICE,
    NAMESPACE,
    NETWORK_POLICY,
    POD_MONITOR,
    POLICY,
    ROLE,
    ROUTE,
    RULES,
    SCALED_OBJECT,
    SERVICE,
    SERVICE_ACCOUNT,
    SMALLEST,
    SMALLEST_KSERVE,
    VERSION,
    graph_of,
    outputs,
    variables,
)

ON_KUBERNETES = {"container": CONTAINER, "kserve": KSERVE}


def template(graph: Recorded, track: str = "stable") -> dict[str, Any]:
    return dict(graph.inputs(DEPLOYMENT, f"x-{track}")["spec"]["template"])


def container(graph: Recorded, name: str = "server", track: str = "stable") -> dict[str, Any]:
    return next(one for one in template(graph, track)["spec"]["containers"] if one["name"] == name)


def backends(graph: Recorded) -> dict[str, Any]:
    (rule,) = graph.inputs(ROUTE)["spec"]["rules"]
    return {backend["name"]: backend["weight"] for backend in rule["backendRefs"]}


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(CONTAINER)


@pytest.fixture(scope="module", params=ON_KUBERNETES)
def either(request: pytest.FixtureRequest) -> Recorded:
    """Either of the Kubernetes kinds, with everything."""
    return graph_of(ON_KUBERNETES[request.param])


# --- every kind


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_say_what_was_made(kind: str) -> None:
    made = outputs(graph_of(KINDS[kind]))
    assert made["kind"] == kind
    assert made["model_uri"] == "s3://models/fraud/17/"
    assert made["request_log_prefix"] == "requests/x/"
    assert kind == "serverless" or made["version"] == "17"
    assert bool(made["function"]) == (kind == "serverless")
    assert bool(made["kubernetes"]) == (kind != "serverless")
    assert re.fullmatch(r"arn:aws:iam::123456789012:role/x-(server-role|function)-[0-9a-f]{7}", made["role_arn"])


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_computed_needs_to_be_known(kind: str) -> None:
    strict, known = graph_of(KINDS[kind], strict=True), graph_of(KINDS[kind])
    assert [node["urn"] for node in strict.resources] == [node["urn"] for node in known.resources]


@pytest.mark.parametrize("kind", KINDS)
def test_policies_are_what_a_linter_of_iam_accepts(kind: str) -> None:
    parliament = pytest.importorskip("parliament", reason="pip install 'parliament==1.6.4' 'setuptools<81'")
    # X-Ray and network interfaces have no resources to name; Lambda's own calls are told from the code's by a denial.
    meant = {"x-runtime": {"RESOURCE_STAR", "UNKNOWN_CONDITION_FOR_ACTION"}}
    found = {}
    for node in graph_of(KINDS[kind]).resources:
        if node["type"] in {POLICY, "aws:iam/rolePolicy:RolePolicy"}:
            findings = parliament.analyze_policy_string(node["inputs"]["policy"]).findings
            found[node["name"]] = {finding.issue for finding in findings} - meant.get(node["name"], set())
    assert len(found) >= 3
    assert {name: issues for name, issues in found.items() if issues} == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [sorted, lambda items: sorted(items, reverse=True)], ids=["forwards", "backwards"])
def test_the_order_of_arguments_changes_nothing(kind: str, order: Callable[[Any], Any]) -> None:
    ordered = dict(order(KINDS[kind].items()))
    assert graph_of(ordered).resources == graph_of(KINDS[kind]).resources


@pytest.mark.parametrize("kind", ON_KUBERNETES)
def test_a_kubernetes_provider_is_needed(kind: str) -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: ServingEndpoint("x", ServingEndpointArgs.of(ON_KUBERNETES[kind])))
    assert str(refused.value) == (
        "x: no Kubernetes provider; allowed is an explicit one; "
        "give ResourceOptions(providers=[..., cluster.kubernetes])"
    )


def test_a_function_needs_no_cluster() -> None:
    graph = record(lambda: ServingEndpoint("x", ServingEndpointArgs.of(SERVERLESS)))
    assert not [node["type"] for node in graph.resources if node["type"].startswith("kubernetes:")]


# --- both Kubernetes kinds


@covers(
    "serving-endpoint.one-kind",
    field="ServingEndpointArgs.kserve, ServingEndpointArgs.container, ServingEndpointArgs.serverless",
    ends_in="mlplatform:index:ServingEndpoint.outputs",
)
def test_address_is_a_host_of_the_domain_on_the_gateway(either: Recorded) -> None:
    assert outputs(either)["address"] == "https://x-x.models.example.com"
    spec = either.inputs(ROUTE, "x-route")["spec"]
    assert spec["hostnames"] == ["x-x.models.example.com"]
    assert spec["parentRefs"] == [{"namespace": "envoy-gateway-system", "name": "inference"}]


def test_address_says_so_where_the_gateway_has_no_tls() -> None:
    assert outputs(graph_of({**SMALLEST, "gateway": {"tls": False}}))["address"] == "http://x-x.models.example.com"


def test_every_object_validates(either: Recorded, reference: Callable[[str], Path]) -> None:
    crds = reference("crds")
    objects = [node for node in either.resources if node["type"].startswith("kubernetes:")]
    assert len(objects) >= 11
    assert {node["name"]: problems(node["inputs"], crds) for node in objects} == {node["name"]: [] for node in objects}


@covers(
    "serving-endpoint.pod-security",
    field="ServingEndpointArgs.namespace",
    ends_in="kubernetes:core/v1:Namespace.metadata.labels",
)
def test_namespace_is_its_own_and_restricted(either: Recorded) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
    either.has(NAMESPACE, {"metadata": {"name": "x", "labels": labels}})
    for node in either.resources:
        if node["type"].startswith("kubernetes:") and node["type"] != NAMESPACE:
            assert node["inputs"]["metadata"]["namespace"] == "x", node["name"]


@covers(
    "serving-endpoint.read",
    field="ServingEndpointArgs.model.name, ServingEndpointArgs.model.version, ServingEndpointArgs.model_bucket_name",
    ends_in="aws:iam/policy:Policy.policy",
)
def test_role_reads_exactly_what_is_served_and_writes_exactly_its_log(either: Recorded) -> None:
    documents = {
        node["name"]: {
            tuple(statement["Action"]): statement["Resource"]
            for statement in json.loads(node["inputs"]["policy"])["Statement"]
        }
        for node in either.all(POLICY)
    }
    assert documents == {
        **{
            f"x-server-model-{version}": {
                ("s3:GetObject",): [f"arn:aws:s3:::models/fraud/{version}/*"],
                ("s3:ListBucket",): ["arn:aws:s3:::models"],
                ("kms:Decrypt",): [MODELS_KEY],
            }
            for version in ("17", "18")
        },
        "x-server-request-log": {
            ("s3:PutObject",): ["arn:aws:s3:::features/requests/x/*"],
            ("kms:GenerateDataKey",): [FEATURES_KEY],
        },
    }
    assert either.count(ATTACHMENT) == 3


def test_without_log_and_canary_the_role_reads_one_version(smallest: Recorded) -> None:
    assert [node["name"] for node in smallest.all(POLICY)] == ["x-server-model-17"]


def test_role_goes_to_the_pods_by_pod_identity(either: Recorded) -> None:
    arn = outputs(either)["role_arn"]
    wanted = {"clusterName": "ml-dev", "namespace": "x", "serviceAccount": "model-server", "roleArn": arn}
    assert either.inputs(ASSOCIATION) == wanted
    metadata = {"name": "model-server", "namespace": "x"}
    either.has(SERVICE_ACCOUNT, {"metadata": metadata, "automountServiceAccountToken": False})
    assert outputs(either)["kubernetes"]["service_account"] == "model-server"


def test_role_has_the_boundary_given() -> None:
    graph = graph_of({**SMALLEST, "permissions_boundary_arn": BOUNDARY})
    assert [node["inputs"]["permissionsBoundary"] for node in graph.all(ROLE)] == [BOUNDARY]


def test_pods_come_after_their_access_and_their_policies(either: Recorded) -> None:
    (workload,) = [*either.all(INFERENCE_SERVICE), *either.all(DEPLOYMENT, "x-stable")]
    waits = {urn.rpartition("$")[2] for urn in workload["dependencies"]}
    assert {
        f"{ASSOCIATION}::x-server-association",
        f"{ATTACHMENT}::x-server-model-17",
        f"{SERVICE_ACCOUNT}::x-server",
        f"{NETWORK_POLICY}::x-egress",
        f"{NETWORK_POLICY}::x-ingress",
    } <= waits


@covers(
    "serving-endpoint.network-policy",
    field="ServingEndpointArgs.vpc_cidr, ServingEndpointArgs.gateway.name",
    ends_in="kubernetes:networking.k8s.io/v1:NetworkPolicy.spec",
)
def test_pods_reach_dns_identity_and_aws_and_nobody_but_gateway_and_prometheus_reaches_them(either: Recorded) -> None:
    egress = either.inputs(NETWORK_POLICY, "x-egress")["spec"]
    assert (egress["podSelector"], egress["policyTypes"]) == ({}, ["Egress"])
    dns, identity, vpc, storage = egress["egress"]
    assert dns["ports"] == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    assert [peer["ipBlock"]["cidr"] for peer in identity["to"]] == ["169.254.170.23/32", "fd00:ec2::23/128"]
    assert vpc == {"to": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 443}]}
    (block,) = [peer["ipBlock"] for peer in storage["to"]]
    private = {"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}
    assert (block["cidr"], set(block["except"])) == ("0.0.0.0/0", private)

    ingress = either.inputs(NETWORK_POLICY, "x-ingress")["spec"]
    assert (ingress["podSelector"], ingress["policyTypes"]) == ({}, ["Ingress"])
    found = [
        (
            rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
            rule["from"][0]["podSelector"]["matchLabels"],
            [port["port"] for port in rule["ports"]],
        )
        for rule in ingress["ingress"]
    ]
    assert found == [
        ("envoy-gateway-system", {"gateway.envoyproxy.io/owning-gateway-name": "inference"}, [8090]),
        ("monitoring", {"app.kubernetes.io/name": "prometheus"}, [8080]),
    ]


def test_named_ranges_of_s3_are_all_that_is_reached_outside() -> None:
    graph = graph_of({**SMALLEST, "s3_cidrs": ["52.216.0.0/15"]})
    storage = graph.inputs(NETWORK_POLICY, "x-egress")["spec"]["egress"][3:]
    assert [rule["to"] for rule in storage] == [[{"ipBlock": {"cidr": "52.216.0.0/15"}}]]


def test_prometheus_reaches_nothing_where_nothing_is_exported(smallest: Recorded) -> None:
    (rule,) = smallest.inputs(NETWORK_POLICY, "x-ingress")["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8080}]
    assert smallest.count(POD_MONITOR) == 0


@covers(
    "serving-endpoint.route",
    field="ServingEndpointArgs.canary.percent",
    ends_in="kubernetes:gateway.networking.k8s.io/v1:HTTPRoute.spec.rules.backendRefs.weight",
)
@covers(
    "serving-endpoint.canary",
    field="ServingEndpointArgs.canary.percent",
    ends_in="kubernetes:gateway.networking.k8s.io/v1:HTTPRoute.spec.rules.backendRefs.weight",
)
def test_canary_gets_its_percents_and_the_stable_track_the_rest(either: Recorded) -> None:
    assert backends(either) == {"x-stable": 95, "x-canary": 5}


@pytest.mark.parametrize("args", [SMALLEST, SMALLEST_KSERVE], ids=["container", "kserve"])
def test_without_a_canary_its_track_is_there_and_gets_nothing(args: dict[str, Any]) -> None:
    graph = graph_of(args)
    assert backends(graph) == {"x-stable": 100, "x-canary": 0}
    assert graph.count(SERVICE) == 2


def test_a_canary_begins_with_no_requests() -> None:
    assert backends(graph_of({**SMALLEST, "canary": {"model_version": "18"}})) == {"x-stable": 100, "x-canary": 0}


def test_each_track_is_a_service_of_its_pods_and_named_in_every_answer(either: Recorded) -> None:
    (rule,) = either.inputs(ROUTE)["spec"]["rules"]
    for track, backend in zip(("stable", "canary"), rule["backendRefs"], strict=True):
        header = {"name": "x-mlplatform-track", "value": track}
        assert backend["filters"] == [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [header]}}]
        service = either.inputs(SERVICE, f"x-{track}")
        assert service["spec"] == {
            "selector": {"mlplatform.dev/component": "x", "mlplatform.dev/track": track},
            "ports": [{"name": "http", "port": 80, "targetPort": 8090, "protocol": "TCP"}],
        }
        assert service["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


def test_requests_end_when_their_time_is_over() -> None:
    graph = graph_of({**SMALLEST, "timeout_seconds": 120})
    assert graph.inputs(ROUTE)["spec"]["rules"][0]["timeouts"] == {"request": "120s"}
    assert template(graph)["spec"]["terminationGracePeriodSeconds"] == 150


@covers(
    "serving-endpoint.budget",
    field="ServingEndpointArgs.scaling",
    ends_in="kubernetes:policy/v1:PodDisruptionBudget.spec.maxUnavailable",
)
def test_one_replica_at_a_time_is_moved(either: Recorded) -> None:
    spec = either.inputs(BUDGET)["spec"]
    assert spec == {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": {"mlplatform.dev/component": "x"}},
    }


def test_prometheus_scrapes_servers_that_export(either: Recorded) -> None:
    assert either.inputs(POD_MONITOR)["spec"] == {
        "selector": {"matchLabels": {"mlplatform.dev/component": "x"}},
        "podTargetLabels": ["mlplatform.dev/track"],
        "podMetricsEndpoints": [{"portNumber": 8080, "path": "/metrics", "interval": "30s"}],
    }


@covers(
    "serving-endpoint.alarms",
    field="ServingEndpointArgs.objectives",
    ends_in="kubernetes:monitoring.coreos.com/v1:PrometheusRule.spec.groups",
)
def test_alerts_are_of_the_endpoint_and_lead_to_a_runbook(either: Recorded) -> None:
    (group,) = either.inputs(RULES)["spec"]["groups"]
    assert (group["name"], group["labels"]) == ("serving-x", {"endpoint": "x", "namespace": "x"})
    for rule in group["rules"]:
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example.com/runbooks/{rule['alert']}.md"
        assert rule["labels"]["severity"] in {"critical", "warning"}
    assert "ServingCanaryWorse" in {rule["alert"] for rule in group["rules"]}


@pytest.mark.parametrize(
    ("args", "deployment", "scaled"),
    [
        (SMALLEST, "x-stable", True),
        (SMALLEST_KSERVE, "x-predictor", True),
        ({**SMALLEST, "scaling": {"trigger": TRIGGER}}, "x-stable", True),
        ({**SMALLEST, "scaling": {"max_replicas": 2}}, "x-stable", False),
        ({**SMALLEST_KSERVE, "scaling": {"max_replicas": 2}}, "x-predictor", False),
    ],
)
def test_alerts_watch_the_deployment_and_its_autoscaler(args: dict[str, Any], deployment: str, scaled: bool) -> None:
    graph = graph_of(args)
    (group,) = graph.inputs(RULES)["spec"]["groups"]
    rules = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    assert f'deployment="{deployment}"' in rules["ServingNoReadyReplicas"]
    assert ("ServingAtMaxReplicas" in rules) == scaled
    assert "ServingCanaryWorse" not in rules
    assert outputs(graph)["kubernetes"]["deployment"] == deployment


@covers(
    "serving-endpoint.request-log",
    field="ServingEndpointArgs.runtime_image",
    ends_in="kubernetes:apps/v1:Deployment.spec.template.spec.containers",
)
def test_the_logs_sidecar_is_the_platforms_own_by_default() -> None:
    graph = graph_of({**CONTAINER, "request_log": {}, "runtime_image": RUNTIME})
    assert container(graph, "request-log")["image"] == RUNTIME


@covers(
    "serving-endpoint.request-log",
    field="ServingEndpointArgs.request_log.image, ServingEndpointArgs.request_log.sample_percent",
    ends_in="kubernetes:apps/v1:Deployment.spec.template.spec.containers",
)
def test_requests_come_to_the_logs_sidecar_which_passes_them_on(full: Recorded) -> None:
    writer = container(full, "request-log")
    assert (writer["image"], writer["args"], writer["ports"][0]["containerPort"]) == (WRITER, ["request-log"], 8090)
    assert variables(writer) == {
        "MODEL_VERSION": {"fieldRef": {"fieldPath": f"metadata.annotations['{VERSION}']"}},
        "REQUEST_LOG_BUCKET": "features",
        "REQUEST_LOG_PREFIX": "requests/x/",
        "REQUEST_LOG_SAMPLE_PERCENT": "100",
        "REQUEST_LOG_MODEL_VERSION": "fraud/$(MODEL_VERSION)",
        "REQUEST_LOG_SCHEMA_VERSION": "1",
        "REQUEST_LOG_UPSTREAM": "http://127.0.0.1:8080",
        "REQUEST_LOG_PORT": "8090",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    # What a variable refers to stands before it.
    assert writer["env"][0]["name"] == "MODEL_VERSION"
    assert writer["securityContext"]["readOnlyRootFilesystem"] is True


# --- container


@covers(
    "serving-endpoint.container",
    field="ServingEndpointArgs.container.image, ServingEndpointArgs.container.port",
    ends_in="kubernetes:apps/v1:Deployment.spec.template.spec.containers.image",
)
def test_server_is_told_where_its_model_lies(smallest: Recorded) -> None:
    server = container(smallest)
    assert server["image"] == IMAGE
    assert server["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    assert variables(server) == {
        "MODEL_VERSION": {"fieldRef": {"fieldPath": f"metadata.annotations['{VERSION}']"}},
        "MODEL_URI": "s3://models/fraud/$(MODEL_VERSION)/",
    }
    assert template(smallest)["metadata"]["annotations"] == {VERSION: "17"}
    assert not {"command", "args"} & set(server)


def test_canary_has_its_version_image_and_replicas() -> None:
    graph = graph_of({**SMALLEST, "canary": {"model_version": "18", "image": NEXT, "replicas": 3}})
    assert template(graph, "canary")["metadata"]["annotations"] == {VERSION: "18"}
    assert container(graph, track="canary")["image"] == NEXT
    assert graph.inputs(DEPLOYMENT, "x-canary")["spec"]["replicas"] == 3
    assert container(graph)["image"] == IMAGE
    assert template(graph)["metadata"]["annotations"] == {VERSION: "17"}


def test_canary_of_the_same_model_has_one_policy() -> None:
    graph = graph_of({**SMALLEST, "canary": {"model_version": "17", "image": NEXT}})
    assert [node["name"] for node in graph.all(POLICY)] == ["x-server-model-17"]


@covers(
    "serving-endpoint.hpa",
    field="ServingEndpointArgs.scaling.min_replicas, ServingEndpointArgs.scaling.cpu_percent",
    ends_in="kubernetes:autoscaling/v2:HorizontalPodAutoscaler.spec",
)
def test_replicas_follow_the_use_of_the_servers_cpu(smallest: Recorded) -> None:
    target = {"type": "Utilization", "averageUtilization": 70}
    assert smallest.inputs(HPA)["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x-stable"},
        "minReplicas": 2,
        "maxReplicas": 4,
        "metrics": [
            {
                "type": "ContainerResource",
                "containerResource": {"name": "cpu", "container": "server", "target": target},
            }
        ],
    }
    smallest.has(DEPLOYMENT, {"spec": {"replicas": absent}})


@covers(
    "serving-endpoint.keda",
    field="ServingEndpointArgs.scaling.trigger.query, ServingEndpointArgs.scaling.trigger.threshold",
    ends_in="kubernetes:keda.sh/v1alpha1:ScaledObject.spec.triggers",
)
@pytest.mark.parametrize("least", [0, 2])
def test_replicas_follow_a_query_also_to_zero_where_it_exists_there(
    least: int, reference: Callable[[str], Path]
) -> None:
    scaling = {"min_replicas": least, "trigger": {**TRIGGER, "exists_at_zero": True}}
    graph = graph_of({**SMALLEST, "scaling": scaling})
    manifest = graph.inputs(SCALED_OBJECT)
    assert manifest["spec"] == {
        "scaleTargetRef": {"name": "x-stable"},
        "minReplicaCount": least,
        "maxReplicaCount": 4,
        "triggers": [
            {
                "type": "prometheus",
                "metricType": "AverageValue",
                "metadata": {
                    "serverAddress": "http://prometheus-operated.monitoring.svc:9090",
                    "query": "sum(vllm:num_requests_waiting)",
                    "threshold": "8",
                },
            }
        ],
    }
    assert problems(manifest, reference("crds")) == []
    assert graph.count(HPA) == 0
    graph.has(DEPLOYMENT, {"spec": {"replicas": absent}})


def test_a_fixed_number_of_replicas_has_no_autoscaler() -> None:
    graph = graph_of({**SMALLEST, "scaling": {"min_replicas": 3, "max_replicas": 3}})
    graph.has(DEPLOYMENT, {"spec": {"replicas": 3}}, name="x-stable")
    assert (graph.count(HPA), graph.count(SCALED_OBJECT)) == (0, 0)


@covers(
    "serving-endpoint.probes",
    field="ServingEndpointArgs.container.ready_path, ServingEndpointArgs.startup_seconds",
    ends_in="kubernetes:apps/v1:Deployment.spec.template.spec.containers.startupProbe",
)
def test_probes_tell_starting_ready_and_dead_apart(smallest: Recorded) -> None:
    server = container(smallest)
    live, ready = {"path": "/live", "port": 8080}, {"path": "/ready", "port": 8080}
    assert server["startupProbe"] == {
        "httpGet": live,
        "periodSeconds": 10,
        "timeoutSeconds": 5,
        "failureThreshold": 90,
    }
    assert server["readinessProbe"] == {
        "httpGet": ready,
        "periodSeconds": 5,
        "timeoutSeconds": 2,
        "failureThreshold": 3,
    }
    assert server["livenessProbe"] == {"httpGet": live, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6}


@pytest.mark.parametrize(
    ("startup", "replicas", "deadline", "longest"),
    [(900, 4, 1500, "6000s"), (1800, 1, 2400, "2400s"), (11, 2, 611, "1222s")],
)
def test_a_deployment_has_as_long_as_servers_may_start(
    startup: int, replicas: int, deadline: int, longest: str
) -> None:
    waiting = with_values(
        SMALLEST,
        {
            "startup_seconds": startup,
            "scaling": {"min_replicas": 1, "max_replicas": replicas},
            "container.wait_until_ready": True,
        },
    )
    node = graph_of(waiting).one(DEPLOYMENT)
    assert node["inputs"]["spec"]["progressDeadlineSeconds"] == deadline
    assert node["options"]["custom_timeouts"] == {"create": longest, "update": longest}
    assert container(graph_of({**SMALLEST, "startup_seconds": startup}))["startupProbe"]["failureThreshold"] == -(
        -startup // 10
    )


@covers(
    "serving-endpoint.first-up",
    field="ServingEndpointArgs.container.wait_until_ready",
    ends_in="kubernetes:apps/v1:Deployment.metadata.annotations",
)
def test_up_waits_for_servers_only_where_it_is_told_to(full: Recorded) -> None:
    waiting = graph_of(with_values(CONTAINER, {"container.wait_until_ready": True}))
    for track in ("x-stable", "x-canary"):
        node = full.one(DEPLOYMENT, track)
        assert node["inputs"]["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
        assert "custom_timeouts" not in node["options"]
        assert "annotations" not in waiting.one(DEPLOYMENT, track)["inputs"]["metadata"]
        assert "custom_timeouts" in waiting.one(DEPLOYMENT, track)["options"]


@covers(
    "serving-endpoint.spread",
    field="ServingEndpointArgs.scaling.min_replicas",
    ends_in="kubernetes:apps/v1:Deployment.spec.template.spec.topologySpreadConstraints",
)
def test_replicas_of_a_track_are_spread_over_zones_and_nodes(full: Recorded) -> None:
    for track in ("stable", "canary"):
        assert template(full, track)["spec"]["topologySpreadConstraints"] == [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"mlplatform.dev/component": "x", "mlplatform.dev/track": track}},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ]


@covers(
    "serving-endpoint.pod-security",
    field="ServingEndpointArgs.container.user, ServingEndpointArgs.container.read_only",
    ends_in="kubernetes:apps/v1:Deployment.spec.template.spec.securityContext",
)
def test_pods_are_restricted(full: Recorded) -> None:
    pod = template(full)["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    for one in pod["containers"]:
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        # The log's sidecar may have more CPU: every request passes through it.
        unlimited = {"cpu"} if one["name"] == "request-log" else set()
        assert {key: value for key, value in one["resources"]["requests"].items() if key not in unlimited} == one[
            "resources"
        ]["limits"]


def test_gpu_servers_go_to_any_tier_of_their_pool_with_shared_memory() -> None:
    spot = {**TIER, "flavor": "l40s-spot", "tier": "spot", "node_labels": {"karpenter.sh/nodepool": "l40s-spot"}}
    graph = graph_of(
        {
            **SMALLEST,
            "pool": "l40s",
            "capacity": [TIER, spot],
            "resources": {"gpus": 2, "shared_memory": "8Gi"},
            "scaling": {"min_replicas": 1, "max_replicas": 1},
        }
    )
    pod = template(graph)["spec"]
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert [term["matchExpressions"] for term in required["nodeSelectorTerms"]] == [
        [{"key": "karpenter.sh/nodepool", "operator": "In", "values": [flavor]}]
        for flavor in ("l40s-on-demand", "l40s-spot")
    ]
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert container(graph)["resources"]["limits"] == {
        "cpu": "1",
        "memory": "4Gi",
        "ephemeral-storage": "10Gi",
        "nvidia.com/gpu": "2",
    }
    assert pod["volumes"] == [
        {"name": "tmp", "emptyDir": {}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}},
    ]
    assert [mount["name"] for mount in container(graph)["volumeMounts"]] == ["tmp", "shm"]


def test_server_goes_on_while_envoy_learns_of_its_end(full: Recorded) -> None:
    for one in template(full)["spec"]["containers"]:
        assert one["lifecycle"] == {"preStop": {"sleep": {"seconds": 15}}}
    full.has(
        DEPLOYMENT,
        {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}},
    )


# --- outputs where values are


def test_outputs_are_taken_where_values_are() -> None:
    later = pulumi.Output.from_input

    def made() -> None:
        given = {
            "model": MODEL,
            "container": {
                "image": later(IMAGE),
                "ready_path": later("/ready"),
                "live_path": "/live",
                "port": later(9000),
            },
            "canary": {"model_version": "18", "percent": later(20)},
            "timeout_seconds": later(30),
            "request_log": {"image": later(WRITER), "sample_percent": later(10)},
            **{key: later(value) if key != "runbooks_url" else value for key, value in WIRED.items()},
        }
        ServingEndpoint("x", ServingEndpointArgs.of(given), kubernetes("x"))

    graph = record(made)
    assert backends(graph) == {"x-stable": 80, "x-canary": 20}
    assert variables(container(graph, "request-log"))["REQUEST_LOG_SAMPLE_PERCENT"] == "10"
    assert variables(container(graph, "request-log"))["REQUEST_LOG_UPSTREAM"] == "http://127.0.0.1:9000"
    assert template(graph)["spec"]["terminationGracePeriodSeconds"] == 60


def test_a_bad_output_is_refused_when_it_is_known() -> None:
    def made() -> None:
        program({**SMALLEST, "domain": pulumi.Output.from_input("https://models.example.com")})

    with pytest.raises(Refused) as refused:
        record(made)
    assert str(refused.value) == (
        "ServingEndpointArgs.domain: got 'https://models.example.com'; allowed is a domain without scheme and port, "
        "such as models.example.com"
    )


def test_settings_have_what_a_person_writes_and_arguments_what_is_wired() -> None:
    wired = set(ServingEndpointArgs.model_fields) - set(ServingEndpointSettings.model_fields)
    assert wired == {
        *("model_bucket_name", "model_key_arn", "feature_bucket_name", "feature_key_arn", "alarm_topic_arns"),
        *("cluster_name", "vpc_cidr", "s3_cidrs", "domain", "gateway", "monitoring_namespace", "prometheus_url"),
        *("runbooks_url", "capacity", "registry", "registry_namespace", "runtime_image", "service_cidr"),
    }
