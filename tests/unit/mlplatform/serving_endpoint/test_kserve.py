"""ServingEndpoint of the kind `kserve`: the InferenceService, and what KServe 0.20 makes of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from examples.serving_endpoint import IMAGE, KSERVE, TIER, TRIGGER, WRITER
from mlplatform.serving_endpoint.kserve import deployment
from promises import covers
from recorded import Recorded
from schemas import problems
from serving import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    SMALLEST_KSERVE,
    VERSION,
    graph_of,
    outputs,
    variables,
)

LIVE = "/v2/health/live"


def service(args: Mapping[str, Any]) -> dict[str, Any]:
    """The InferenceService of an endpoint."""
    return graph_of(args).inputs(INFERENCE_SERVICE)


def scaled(**scaling: Any) -> dict[str, Any]:
    """Metadata's and the predictor's part in scaling."""
    made = service({**SMALLEST_KSERVE, "scaling": scaling})
    fields = ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "autoScaling")
    predictor = made["spec"]["predictor"]
    return {
        "class": made["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"],
        **{field: predictor[field] for field in fields if field in predictor},
    }


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(KSERVE)


@pytest.fixture(scope="module")
def smallest() -> dict[str, Any]:
    return service(SMALLEST_KSERVE)


@covers(
    "serving-endpoint.kserve",
    field="ServingEndpointArgs.kserve.model_format",
    ends_in="kubernetes:serving.kserve.io/v1beta1:InferenceService.metadata.annotations",
)
def test_it_is_in_standard_mode_and_leaves_the_route_to_us(smallest: dict[str, Any]) -> None:
    metadata = smallest["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("x", "x")
    assert metadata["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert metadata["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    assert "canary" not in smallest["spec"]


def test_it_serves_the_version_by_the_format(smallest: dict[str, Any]) -> None:
    predictor = smallest["spec"]["predictor"]
    model = predictor["model"]
    assert (model["modelFormat"], model["storageUri"]) == ({"name": "sklearn"}, "s3://models/fraud/17/")
    assert model["protocolVersion"] == "v2"
    assert not {"runtime", "image", "args"} & set(model)
    assert (predictor["serviceAccountName"], predictor["automountServiceAccountToken"]) == ("model-server", False)
    assert predictor["labels"] == {"mlplatform.dev/component": "x", "mlplatform.dev/track": "stable"}
    assert predictor["annotations"] == {VERSION: "17"}
    assert "containers" not in predictor


def test_it_takes_what_is_given(reference: Callable[[str], Path]) -> None:
    given = {
        "model_format": "huggingface",
        "runtime": "kserve-huggingfaceserver",
        "image": IMAGE,
        "args": ["--max-model-len=4096"],
        "environment": {"OMP_NUM_THREADS": "1"},
        "user": 1001,
    }
    made = service({**SMALLEST_KSERVE, "kserve": given})
    predictor = made["spec"]["predictor"]
    model = predictor["model"]
    assert (model["runtime"], model["image"], model["args"]) == (given["runtime"], IMAGE, ["--max-model-len=4096"])
    assert variables(model)["OMP_NUM_THREADS"] == "1"
    assert predictor["securityContext"]["runAsUser"] == 1001
    assert problems(made, reference("crds")) == []


@pytest.mark.parametrize(("protocol", "live", "ready"), [("v1", "/", "/v1/models/x"), ("v2", LIVE, "/v2/health/ready")])
def test_probes_are_those_of_the_protocol(protocol: str, live: str, ready: str) -> None:
    made = service({**SMALLEST_KSERVE, "kserve": {"model_format": "sklearn", "protocol": protocol}})
    model = made["spec"]["predictor"]["model"]
    assert model["startupProbe"]["httpGet"] == {"path": live, "port": 8080}
    assert model["livenessProbe"]["httpGet"] == {"path": live, "port": 8080}
    assert model["readinessProbe"]["httpGet"] == {"path": ready, "port": 8080}


def test_pods_are_restricted_but_for_the_file_system_of_runtimes(full: Recorded) -> None:
    predictor = full.inputs(INFERENCE_SERVICE)["spec"]["predictor"]
    assert predictor["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    server, writer = predictor["model"]["securityContext"], predictor["containers"][0]["securityContext"]
    assert server == {**writer, "readOnlyRootFilesystem": False}
    assert writer == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


@covers(
    "serving-endpoint.kserve-canary",
    field="ServingEndpointArgs.canary.model_version, ServingEndpointArgs.canary.replicas",
    ends_in="kubernetes:serving.kserve.io/v1beta1:InferenceService.spec.canary",
)
def test_canary_is_declared_in_full_with_replicas_of_its_own(full: Recorded) -> None:
    spec = full.inputs(INFERENCE_SERVICE)["spec"]
    (canary,) = spec["canary"]
    predictor, candidate = spec["predictor"], canary["predictor"]
    assert canary["trafficPercent"] == 5
    assert candidate["name"] == "canary"
    # A name that says something is refused, and the CRD wants one of a candidate.
    assert "name" not in predictor["model"]
    assert candidate["model"] == {**predictor["model"], "name": "", "storageUri": "s3://models/fraud/18/"}
    assert candidate["annotations"] == {VERSION: "18"}
    assert candidate["labels"] == {**predictor["labels"], "mlplatform.dev/track": "canary"}
    # KServe takes the candidate's from these, and what is served keeps its two.
    assert (predictor["minReplicas"], candidate["minReplicas"]) == (3, 1)
    assert not {"maxReplicas", "scaleMetric", "scaleTarget", "autoScaling"} & set(candidate)


@pytest.mark.parametrize("replicas", [1, 4])
def test_canary_never_has_more_replicas_than_kserve_accepts(replicas: int) -> None:
    canary = {"model_version": "18", "replicas": replicas}
    made = service({**SMALLEST_KSERVE, "scaling": {"min_replicas": 1, "max_replicas": 1}, "canary": canary})
    least = made["spec"]["predictor"]["minReplicas"]
    assert (least, made["spec"]["canary"][0]["predictor"]["minReplicas"]) == (1 + replicas, replicas)
    assert replicas <= least


def test_request_log_is_in_front_of_the_server(full: Recorded) -> None:
    spec = full.inputs(INFERENCE_SERVICE)["spec"]
    for predictor in (spec["predictor"], spec["canary"][0]["predictor"]):
        (writer,) = predictor["containers"]
        assert (writer["name"], writer["image"]) == ("transformer-container", WRITER)
        assert variables(writer)["REQUEST_LOG_UPSTREAM"] == "http://127.0.0.1:8080"
        assert variables(writer)["REQUEST_LOG_MODEL_VERSION"] == "fraud/$(MODEL_VERSION)"
        assert {"name": "log", "emptyDir": {}} in predictor["volumes"]


def test_replicas_follow_the_cpu() -> None:
    assert scaled() == {
        "class": "hpa",
        "minReplicas": 2,
        "maxReplicas": 4,
        "scaleMetric": "cpu",
        "scaleTarget": 70,
    }


@covers(
    "serving-endpoint.to-zero",
    field="ServingEndpointArgs.scaling.min_replicas, ServingEndpointArgs.scaling.trigger.exists_at_zero",
    ends_in="kubernetes:serving.kserve.io/v1beta1:InferenceService.spec.predictor.minReplicas",
)
def test_replicas_follow_a_query_from_zero_where_it_exists_there() -> None:
    made = scaled(min_replicas=0, trigger={**TRIGGER, "exists_at_zero": True})
    (metric,) = made.pop("autoScaling")["metrics"]
    assert made == {"class": "keda", "minReplicas": 0, "maxReplicas": 4}
    assert metric == {
        "type": "External",
        "external": {
            "metric": {
                "backend": "prometheus",
                "serverAddress": "http://prometheus-operated.monitoring.svc:9090",
                "query": "sum(vllm:num_requests_waiting)",
            },
            # KServe 0.20 hands only `value` to KEDA, which takes it for what one replica bears.
            "target": {"type": "Value", "value": 8},
        },
    }


def test_a_fixed_number_of_replicas_has_no_autoscaler() -> None:
    assert scaled(min_replicas=3, max_replicas=3) == {"class": "none", "minReplicas": 3}


def test_gpus_are_those_of_the_pool(reference: Callable[[str], Path]) -> None:
    shared = {**TIER, "gpu_resource": "nvidia.com/gpu.shared"}
    made = service(
        {
            **SMALLEST_KSERVE,
            "pool": "l40s",
            "capacity": [shared],
            "resources": {"gpus": 1},
            "scaling": {"trigger": TRIGGER},
        }
    )
    predictor = made["spec"]["predictor"]
    assert predictor["model"]["resources"]["limits"]["nvidia.com/gpu.shared"] == "1"
    assert predictor["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert problems(made, reference("crds")) == []


def test_deployments_are_kserves(full: Recorded) -> None:
    assert full.count(DEPLOYMENT) == 0
    assert (deployment("x", "stable"), deployment("x", "canary")) == ("x-predictor", "x-canary-predictor")
    assert outputs(full)["kubernetes"] == {
        "namespace": "x",
        "service_account": "model-server",
        "route": "x",
        "deployment": "x-predictor",
    }
