"""Rollouts of every kind of endpoint: by steps, past gates, taken back, killed at every edge; what they may touch."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubernetes.client.exceptions import ApiException
from moto import mock_aws

import rollouts
from mlplatform.contracts import digest
from mlplatform.contracts.registry import CHALLENGER, CHAMPION, DIGEST, ROLLOUT
from mlplatform.contracts.rollout import OWNED
from mlplatform.runtime.promote.gate import Outcome, judge
from mlplatform.runtime.promote.metrics import Measured
from mlplatform.runtime.promote.registry import Plan
from mlplatform.runtime.promote.rollout import RefusedError
from mlplatform.runtime.promote.settings import Check, Gates
from promises import covers
from rollouts import Edges, FakeMlflow, World, run, workflow
from serving import found

KINDS = ("container", "kserve", "serverless")
ON_KUBERNETES = ("container", "kserve")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def stable(world: World) -> Any:
    """Which version serves, with how many replicas; of a function what its alias leads to."""
    if world.kind == "serverless":
        number, others = world.function.weights()
        return world.function.versions[int(number) - 1]["MODEL_URI"], others
    return world.cluster.serving()


SERVING: dict[str, Any] = {
    "container": {"17": {"x-stable": ("17", 1)}, "18": {"x-stable": ("18", 1)}},
    "kserve": {"17": {"x-predictor": ("17", 2)}, "18": {"x-predictor": ("18", 2)}},
    "serverless": {
        "17": ("s3://models/fraud/17/", {}),
        "18": ("s3://models/fraud/18/", {}),
    },
}


# --- the whole way


def test_a_good_candidate_becomes_the_champion(world: World) -> None:
    run(world)
    assert world.mlflow.aliases == {CHAMPION: "18"}
    assert world.mlflow.tags["18"][ROLLOUT] == "promoted"
    assert stable(world) == SERVING[world.kind]["18"]
    assert [line["event"] for line in world.log] == [
        *("planned", "copied", "started"),
        *("weighed", "gate") * 3,
        "promoted",
    ]
    if world.kind != "serverless":
        assert world.cluster.seen == [(100, 0), (95, 5), (75, 25), (50, 50), (100, 0)]
        assert world.cluster.managers == {"mlplatform-rollout"}


@covers(
    "serving-endpoint.rollout-copy",
    field="ServingEndpointArgs.model_bucket_name",
    ends_in="kubernetes:argoproj.io/v1alpha1:WorkflowTemplate.spec.templates",
)
def test_it_serves_a_copy_with_its_digest(world: World) -> None:
    run(world)
    found = world.objects()
    marker = json.loads(found.pop("fraud/18.json"))
    assert found == {f"fraud/18/{path}": content for path, content in rollouts.MODEL.items()}
    assert marker["digest"] == digest.of_files(marker["files"]) == world.mlflow.tags["18"][DIGEST]
    assert (marker["model"], marker["version"], set(marker["files"])) == ("fraud", "18", set(rollouts.MODEL))


def test_the_first_version_serves_at_once(world: World) -> None:
    world.mlflow = FakeMlflow("18", **{CHALLENGER: "18"})
    run(world)
    assert world.mlflow.aliases == {CHAMPION: "18"}
    assert stable(world) == SERVING[world.kind]["18"]
    assert [line["event"] for line in world.log] == ["planned", "copied", "promoted"]


@pytest.mark.parametrize("kind", ON_KUBERNETES)
def test_a_candidate_has_its_pods_beside_those_that_serve(kind: str) -> None:
    world = World(kind)
    world.rollout().copy("18")
    world.rollout().start("18")
    both = {"container": {"x-stable": ("17", 1), "x-canary": ("18", 2)}}
    both["kserve"] = {"x-predictor": ("17", 2), "x-canary-predictor": ("18", 1)}
    assert world.cluster.serving() == both[kind]
    assert world.cluster.weights() == (100, 0)


def test_a_candidate_of_kserve_is_what_serves_with_another_model() -> None:
    world = World("kserve")
    world.rollout().start("18")
    spec = world.cluster.objects["inferenceservices", "x"]["spec"]
    (canary,) = spec["canary"]
    predictor, made = spec["predictor"], canary["predictor"]
    assert canary["trafficPercent"] == 0
    assert made["model"] == {**predictor["model"], "name": "", "storageUri": "s3://models/fraud/18/"}
    assert made["labels"] == {**predictor["labels"], "mlplatform.dev/track": "canary"}
    assert made["annotations"] == {"mlplatform.dev/model-version": "18"}
    assert (made["name"], made["minReplicas"], predictor["minReplicas"]) == ("canary", 1, 3)
    for constraint in made["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"]["mlplatform.dev/track"] == "canary"
    assert {key: made[key] for key in ("containers", "volumes", "securityContext")} == {
        key: predictor[key] for key in ("containers", "volumes", "securityContext")
    }


def test_a_function_is_published_once_with_its_other_variables() -> None:
    world = World("serverless")
    for _ in range(3):
        world.rollout().start("18")
    assert world.function.versions[1:] == [
        {"MODEL_URI": "s3://models/fraud/18/", "REQUEST_LOG_MODEL_VERSION": "fraud/18", "OTHER": "1"}
    ]
    world.rollout().weigh("18", 5)
    assert world.function.weights() == ("1", {"2": 0.05})


# --- what is planned


@pytest.mark.parametrize(
    ("aliases", "tag", "asked", "plan"),
    [
        ({CHAMPION: "17", CHALLENGER: "18"}, "", "", Plan("steps", "18")),
        ({CHALLENGER: "18"}, "", "", Plan("first", "18")),
        ({CHAMPION: "17"}, "", "", Plan("none", "", "no challenger")),
        ({}, "", "", Plan("none", "", "no challenger")),
        ({CHAMPION: "17"}, "", "18", Plan("steps", "18")),
        ({CHAMPION: "18", CHALLENGER: "18"}, "running", "", Plan("none", "", "version 18 is the champion")),
        ({CHAMPION: "18"}, "", "18", Plan("none", "", "version 18 is the champion")),
        (
            {CHAMPION: "17", CHALLENGER: "18"},
            "rolled-back: slow",
            "",
            Plan("none", "", "version 18 was rolled back"),
        ),
        ({CHAMPION: "17"}, "rolled-back: slow", "18", Plan("steps", "18")),
        ({CHAMPION: "17", CHALLENGER: "18"}, "running", "", Plan("steps", "18", "begun before")),
    ],
)
def test_plan(aliases: dict[str, str], tag: str, asked: str, plan: Plan) -> None:
    world = World("container", FakeMlflow("17", "18", **aliases))
    world.mlflow.tags["18"] = {ROLLOUT: tag} if tag else {}
    assert world.rollout().plan(asked) == plan
    # What is decided is completed, and what was taken back stands for nothing more.
    assert plan.version or CHALLENGER not in world.mlflow.aliases


def test_without_a_model_there_is_nothing_to_do() -> None:
    assert World("container", FakeMlflow()).rollout().plan("") == Plan("none", "", "no challenger")


def test_one_candidate_at_a_time() -> None:
    world = World("container", FakeMlflow("17", "18", "19", champion="17", **{CHALLENGER: "19"}))
    world.mlflow.tags["18"][ROLLOUT] = "running"
    run(world)
    assert world.mlflow.tags["18"][ROLLOUT] == "rolled-back: version 19 came instead"
    assert world.mlflow.aliases == {CHAMPION: "19"}


# --- taken back


BAD = {
    "it fails": (Measured(1000, 50, 120), "5 % of its requests failed; allowed are 1 %"),
    "it is slow": (Measured(1000, 0, 30_000), "99 % of its requests took up to 30000 ms; allowed are {p99} ms"),
    "nobody asks": (Measured(7, 0, 120), "7 requests of the candidate; 100 are needed to judge"),
    "its times are unknown": (Measured(1000, 0, None), "its times are not known"),
}


@pytest.mark.parametrize("measured", BAD.values(), ids=BAD)
def test_a_gate_that_is_not_passed_brings_the_champion_back(world: World, measured: tuple[Measured, str]) -> None:
    before = stable(world)
    world.requests.measured, reason = measured
    reason = reason.format(p99=int(world.config["gates"]["max_p99_milliseconds"]))
    run(world)
    assert stable(world) == before == SERVING[world.kind]["17"]
    assert world.mlflow.aliases == {CHAMPION: "17"}
    assert world.mlflow.tags["18"][ROLLOUT] == f"rolled-back: {reason}"
    assert [line["event"] for line in world.log if line["event"] != "undecided"] == [
        *("planned", "copied", "started", "weighed", "gate", "raised", "rolled-back")
    ]
    assert world.rollout().plan("") == Plan("none", "", "no challenger")


@pytest.mark.parametrize("kind", ON_KUBERNETES)
def test_a_candidate_that_never_gets_ready_gets_no_request(kind: str) -> None:
    world = World(kind)
    world.cluster.stuck = {"x-canary", "x-canary-predictor"}
    run(world)
    assert set(world.cluster.seen) == {(100, 0)}
    assert stable(world) == SERVING[kind]["17"]
    name = {"container": "x-canary", "kserve": "x-canary-predictor"}[kind]
    assert world.mlflow.tags["18"][ROLLOUT] == (
        f"rolled-back: Deployment {name} with version 18 did not get ready within 60 minutes"
    )


@pytest.mark.parametrize("kind", ON_KUBERNETES)
def test_what_served_serves_again_where_the_version_does_not_replace_it(kind: str) -> None:
    world = World(kind)
    world.cluster.stuck = {"x-stable", "x-predictor"}
    run(world)
    world.cluster.stuck.clear()
    world.cluster._control()
    assert stable(world) == SERVING[kind]["17"]
    assert world.cluster.weights() == (100, 0)
    assert world.mlflow.aliases == {CHAMPION: "17"}


def test_a_first_version_that_fails_gives_way_to_what_was_deployed() -> None:
    world = World("container", FakeMlflow("18", **{CHALLENGER: "18"}))
    world.cluster.stuck = {"x-stable"}
    run(world)
    world.cluster.stuck.clear()
    world.cluster._control()
    assert stable(world) == SERVING["container"]["17"]
    assert world.mlflow.aliases == {}


def test_an_update_of_a_function_that_fails_is_a_failure() -> None:
    world = World("serverless")
    world.function.fails = True
    run(world)
    assert world.function.weights() == ("1", {})
    assert world.mlflow.tags["18"][ROLLOUT].startswith("rolled-back")


def test_nothing_is_taken_back_that_was_not_begun(world: World) -> None:
    before = world.state()
    world.rollout().roll_back("a step failed")
    assert world.state() == before
    assert [line["event"] for line in world.log] == ["nothing-to-roll-back"]


def test_what_is_decided_is_completed_and_not_taken_back(world: World) -> None:
    steps = list(workflow_until(world, "promoted"))
    assert steps
    # Killed as the champion has moved, and nothing else of the end is done.
    world.mlflow.aliases[CHAMPION] = "18"
    world.rollout().roll_back("a step failed")
    assert world.mlflow.aliases == {CHAMPION: "18"}
    assert world.mlflow.tags["18"][ROLLOUT] == "promoted"
    assert stable(world) == SERVING[world.kind]["18"]


def workflow_until(world: World, event: str) -> Iterator[str]:
    """Runs the steps before the one that ends in an event."""
    for at, step in enumerate(workflow(world)):
        if at == 9:
            assert event == "promoted"
            return
        step()
        yield world.log[-1]["event"]


# --- killed, and begun again


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_edge_it_ends_the_same(kind: str, after: bool) -> None:
    whole = World(kind)
    run(whole)
    wanted = whole.state()
    assert whole.edges.calls > 30
    for at in range(1, whole.edges.calls + 1):
        world = World(kind, s3=whole.s3)
        world.edges = Edges(frozenset({at}), after)
        run(world)
        assert world.state() == wanted, at


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_rolled_back_at_any_edge_it_ends_the_same(kind: str, after: bool) -> None:
    whole = World(kind)
    whole.requests.measured = Measured(1000, 50, 120)
    run(whole)
    wanted = whole.state()
    for at in range(1, whole.edges.calls + 1):
        world = World(kind, s3=whole.s3)
        world.requests.measured = Measured(1000, 50, 120)
        world.edges = Edges(frozenset({at}), after)
        run(world)
        assert world.state() == wanted, at


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS),
    at=st.frozensets(st.integers(1, 80)),
    after=st.booleans(),
    errors=st.sampled_from([0, 50]),
)
def test_killed_however_often_it_ends_the_same(kind: str, at: frozenset[int], after: bool, errors: int) -> None:
    whole = World(kind)
    whole.requests.measured = Measured(1000, errors, 120)
    run(whole)
    wanted = whole.state()
    world = World(kind, s3=whole.s3)
    world.requests.measured, world.edges = Measured(1000, errors, 120), Edges(at, after)
    run(world)
    assert world.state() == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_a_workflow_that_died_is_taken_up_by_the_next(kind: str) -> None:
    whole = World(kind)
    run(whole)
    wanted = whole.state()
    for stopped in range(10):
        world = World(kind, s3=whole.s3)
        for at, step in enumerate(workflow(world)):
            if at == stopped:
                break
            step()
        run(world)
        assert world.state() == wanted, stopped


# --- what it may touch


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Paths in which two values differ, as Pulumi writes them."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            way = f"{path}.{key}" if path else key
            if key in before and key in after:
                yield from differences(before[key], after[key], way)
            else:
                yield way
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for at, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{path}[{at}]")
    elif before != after:
        yield path


ROLES = {"inferenceservices": "inference-service", "httproutes": "route"}


@pytest.mark.parametrize("kind", ON_KUBERNETES)
def test_it_moves_exactly_what_pulumi_leaves_alone(kind: str) -> None:
    world = World(kind)
    touched: dict[str, set[str]] = {}
    for step in workflow(world):
        step()
        for (plural, name), declared in world.cluster.declared.items():
            role = ROLES.get(plural, name.removeprefix("x-"))
            now = {key: value for key, value in world.cluster.objects[plural, name].items() if key != "status"}
            now["metadata"] = {key: value for key, value in now["metadata"].items() if key != "generation"}
            touched.setdefault(role, set()).update(differences(declared, now))
            # The engine refuses an object in which the way to an ignored field is missing.
            assert [path for path in OWNED[role] if not found(now, path)] == []
    assert touched
    for role, paths in touched.items():
        owned = OWNED[role]
        strange = [path for path in paths if not any(path == own or path.startswith(f"{own}.") for own in owned)]
        assert strange == [], role
        # And nothing is left alone that is never moved.
        assert all(any(path == own or path.startswith(f"{own}.") for path in paths) for own in owned), role


def test_of_a_function_it_moves_exactly_what_pulumi_leaves_alone() -> None:
    world = World("serverless")
    before = dict(world.function.latest)
    run(world)
    moved = set(differences(before, world.function.latest))
    assert {f"environment.variables.{name}" for name in moved} == set(OWNED["function"])


def test_a_route_that_leads_elsewhere_is_not_touched() -> None:
    world = World("container")
    route = world.cluster.objects["httproutes", "x"]
    route["spec"]["rules"][0]["backendRefs"][1]["name"] = "another"
    run(world)
    assert world.cluster.weights() == (100, 0)
    (raised,) = [line["error"] for line in world.log if line["event"] == "raised"][:1]
    assert str(raised) == "httproutes x: Kubernetes API: 422 Invalid"


def test_no_requests_go_to_a_candidate_that_is_not_ready() -> None:
    world = World("container")
    world.rollout().start("18")
    world.cluster.stuck = {"x-canary"}
    world.cluster._control()
    with pytest.raises(
        Exception, match=r"^deployments x-canary: is not ready with version 18; no requests are sent to it$"
    ):
        world.rollout().weigh("18", 5)
    assert world.cluster.weights() == (100, 0)


def test_an_api_that_fails_is_a_failure_and_nothing_more() -> None:
    world = World("container")
    world.cluster.answers = [ApiException(status=503, reason="Service Unavailable")]
    with pytest.raises(Exception, match=r"^httproutes x: Kubernetes API: 503$"):
        world.rollout().start("18")


# --- the bucket


def test_a_version_that_is_there_is_not_copied_again(world: World) -> None:
    world.rollout().copy("18")
    world.mlflow.files.clear()
    world.rollout().copy("18")
    assert len(world.objects()) == 3


def test_a_key_with_other_content_is_a_clear_failure(world: World) -> None:
    world.s3.put_object(Bucket="models", Key="fraud/18/MLmodel", Body=b"another")
    run(world)
    (raised,) = [line["error"] for line in world.log if line["event"] == "raised"]
    assert str(raised) == (
        "s3://models/fraud/18/MLmodel is there with other content; nothing there is written twice: register the model "
        "as another version"
    )
    assert world.objects()["fraud/18/MLmodel"] == b"another"
    assert stable(world) == SERVING[world.kind]["17"]
    assert world.mlflow.aliases == {CHAMPION: "17"}


def test_a_version_that_changed_since_it_was_registered_is_refused() -> None:
    world = World("container")
    world.mlflow.tags["18"][DIGEST] = "0" * 64
    run(world)
    (raised,) = [line["error"] for line in world.log if line["event"] == "raised"]
    assert str(raised).endswith(f", and had {'0' * 64} when it was registered")
    assert "fraud/18.json" not in world.objects()


def test_a_promoted_version_that_is_not_the_registrys_is_refused() -> None:
    world = World("container")
    world.rollout().copy("18")
    world.mlflow.tags["18"][DIGEST] = "0" * 64
    with pytest.raises(Exception, match=f"and has {'0' * 64} in the registry$"):
        world.rollout().copy("18")


def test_a_version_without_files_is_refused() -> None:
    world = World("container")
    world.mlflow.files.clear()
    with pytest.raises(Exception, match=r"^version 18 of fraud has no files; allowed is one with a model$"):
        world.rollout().copy("18")


def test_a_large_file_is_copied_in_parts_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlplatform.runtime.promote.store.PART", 5 * 2**20)
    monkeypatch.setattr("mlplatform.runtime.promote.store.WHOLE", 2**20)
    world = World("container")
    world.mlflow.files = {"weights.bin": bytes(range(256)) * 2**15}
    world.rollout().copy("18")
    assert world.objects()["fraud/18/weights.bin"] == world.mlflow.files["weights.bin"]
    world.s3.delete_object(Bucket="models", Key="fraud/18.json")
    world.rollout().copy("18")
    assert world.s3.list_multipart_uploads(Bucket="models").get("Uploads", []) == []
    world.s3.delete_object(Bucket="models", Key="fraud/18.json")
    world.mlflow.files["weights.bin"] += b"more"
    del world.mlflow.tags["18"][DIGEST]
    with pytest.raises(Exception, match="is there with other content"):
        world.rollout().copy("18")
    assert world.s3.list_multipart_uploads(Bucket="models").get("Uploads", []) == []


# --- gates


def gates(**changes: Any) -> Gates:
    return Gates.model_validate(
        {
            "min_requests": 100,
            "patience_minutes": 60,
            "max_error_percent": 1.0,
            "max_p99_milliseconds": 1000,
            **changes,
        }
    )


CHECKS = {"checks": [{"name": "refused", "query": "refused", "max": 3}]}
VERDICTS: dict[str, tuple[dict[str, Any], Measured, dict[str, float | None], Outcome, tuple[str, ...]]] = {
    "well": ({}, Measured(100, 1, 1000), {}, Outcome.PASSED, ()),
    "one more error": (
        {},
        Measured(100, 2, 1000),
        {},
        Outcome.FAILED,
        ("2 % of its requests failed; allowed are 1 %",),
    ),
    "errors of too few": (
        {},
        Measured(99, 99, 9999),
        {},
        Outcome.UNDECIDED,
        ("99 requests of the candidate; 100 are needed to judge",),
    ),
    "both": (
        {},
        Measured(200, 100, 1001),
        {},
        Outcome.FAILED,
        (
            "50 % of its requests failed; allowed are 1 %",
            "99 % of its requests took up to 1001 ms; allowed are 1000 ms",
        ),
    ),
    "bad, and something is missing": (
        CHECKS,
        Measured(100, 50, None),
        {"refused": None},
        Outcome.FAILED,
        ("50 % of its requests failed; allowed are 1 %",),
    ),
    "a check at its limit": (CHECKS, Measured(100, 0, 1), {"refused": 3}, Outcome.PASSED, ()),
    "a check beyond it": (
        CHECKS,
        Measured(100, 0, 1),
        {"refused": 3.5},
        Outcome.FAILED,
        ("refused is 3.5; allowed is 3 at most",),
    ),
    "a check without a value": (
        CHECKS,
        Measured(100, 0, 1),
        {"refused": None},
        Outcome.UNDECIDED,
        ("refused has no value",),
    ),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_verdict(case: str) -> None:
    changes, measured, checks, outcome, reasons = VERDICTS[case]
    verdict = judge(gates(**changes), measured, checks)
    assert (verdict.outcome, verdict.reasons) == (outcome, reasons)


numbers = st.floats(0, 1e9)


measures = st.builds(Measured, numbers, numbers, st.none() | numbers)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(measured=measures, value=st.none() | numbers, least=st.integers(1, 10_000), percent=st.floats(0, 100))
def test_who_passes_had_enough_requests_and_is_within_every_limit(
    measured: Measured, value: float | None, least: int, percent: float
) -> None:
    check = Check(name="one", query="one", max=10)
    wanted = gates(min_requests=least, max_error_percent=percent).model_copy(update={"checks": [check]})
    verdict = judge(wanted, measured, {"one": value})
    assert (verdict.outcome is Outcome.PASSED) == (verdict.reasons == ())
    if verdict.outcome is Outcome.PASSED:
        assert measured.requests >= least
        assert 100 * measured.errors / measured.requests <= percent
        assert (measured.p99 or 0) <= 1000
        assert (value or 0) <= 10
        assert None not in {measured.p99, value}


def test_a_gate_waits_for_requests_and_looks_back_as_far_as_before() -> None:
    world = World("container")
    world.rollout().copy("18")
    world.requests.measured = Measured(10, 0, 120)
    with pytest.raises(RefusedError, match=r"^10 requests of the candidate; 100 are needed to judge$"):
        world.rollout().gate("18", 10)
    assert world.requests.asked == list(range(10, 71))


def test_a_gate_that_gets_requests_in_time_is_passed() -> None:
    world = World("container")
    measured = iter([Measured(10, 0, 1), Measured(50, 0, 1), Measured(100, 0, 1)])
    world.requests.measure = lambda _: next(measured)  # type: ignore[method-assign] # what is told changes
    world.rollout().gate("18", 10)
    assert [line["event"] for line in world.log] == ["undecided", "undecided", "gate"]
    assert world.clock.now == 120
