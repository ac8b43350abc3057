"""The objects that messages ask for, in full, and before the schemas of their kinds."""

import copy
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.runtime.dispatch.message import Config, MessageError, parse
from mlplatform.runtime.dispatch.objects import LONGEST, RESOURCES, manifest, name_of
from schemas import problems

CONFIG = Config.model_validate(
    {"teams": {"vision": {"queue": "default"}}, "priorities": ["normal", "high"], "default_priority": "normal"}
)
IDS = {"deduplication_id": "run-1", "message_id": "11111111-1111-4111-8111-111111111111"}
ANNOTATIONS = {
    "mlplatform.dev/deduplication-id": "run-1",
    "mlplatform.dev/message-id": "11111111-1111-4111-8111-111111111111",
}
MANAGED = {"app.kubernetes.io/managed-by": "mlplatform"}
ADMISSION = {"kueue.x-k8s.io/queue-name": "default", "kueue.x-k8s.io/priority-class": "normal"}
UNDISTURBED = {"karpenter.sh/do-not-disrupt": "true"}
POD = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": False,
}
TRAIN = {"name": "train", "image": "train@sha256:0"}
DAYS_14 = 14 * 86400


def body(kind, spec, **more):
    return json.dumps({"version": 1, "team": "vision", "kind": kind, "spec": spec, **more})


def made(kind, spec, **more):
    return manifest(parse(body(kind, spec, **more), "vision", CONFIG), CONFIG, **IDS)


JOB = {"template": {"spec": {"restartPolicy": "Never", "containers": [TRAIN]}}}
WORKFLOW = {
    "entrypoint": "all",
    "templates": [
        {"name": "all", "steps": [[{"name": "one", "template": "train"}, {"name": "two", "template": "gang"}]]},
        {"name": "train", "container": {"image": "train@sha256:0"}},
        {"name": "code", "script": {"image": "train@sha256:0", "source": "print()"}, "retryStrategy": {"limit": "1"}},
        {"name": "gang", "resource": {"action": "create", "manifest": "{}"}},
    ],
}
TRAIN_JOB = {"runtimeRef": {"name": "torch-distributed"}, "trainer": {"numNodes": 2}}


def test_a_job_is_suspended_labelled_and_secured():
    assert made("Job", JOB) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "run-1",
            "namespace": "vision",
            "labels": {**MANAGED, **ADMISSION},
            "annotations": ANNOTATIONS,
        },
        "spec": {
            "ttlSecondsAfterFinished": DAYS_14,
            "suspend": True,
            "template": {
                "metadata": {"annotations": UNDISTURBED},
                "spec": {
                    "serviceAccountName": "worker",
                    "securityContext": POD,
                    "restartPolicy": "Never",
                    "containers": [{"securityContext": CONTAINER, **TRAIN}],
                },
            },
        },
    }


def test_what_a_job_says_itself_stays_but_not_its_start():
    own = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "ttlSecondsAfterFinished": 60,
        "suspend": False,
        "backoffLimit": 3,
        "template": {
            "metadata": {"labels": {"a": "b"}, "annotations": {"karpenter.sh/do-not-disrupt": "false", "c": "d"}},
            "spec": {
                "restartPolicy": "Never",
                "securityContext": own,
                "initContainers": [{"name": "fetch", "image": "i"}],
                "containers": [{**TRAIN, "securityContext": {"allowPrivilegeEscalation": False}}],
            },
        },
    }
    found = made("Job", spec, priority="high")
    assert found["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "high"
    found = found["spec"]
    assert (found["suspend"], found["ttlSecondsAfterFinished"], found["backoffLimit"]) == (True, 60, 3)
    assert found["template"]["metadata"] == {"labels": {"a": "b"}, "annotations": {**UNDISTURBED, "c": "d"}}
    pod = found["template"]["spec"]
    assert pod["securityContext"] == own
    assert pod["containers"][0]["securityContext"] == {"allowPrivilegeEscalation": False}
    assert pod["initContainers"] == [{"securityContext": CONTAINER, "name": "fetch", "image": "i"}]


def test_a_workflow_is_admitted_pod_by_pod_and_repeats_what_was_preempted():
    retry = {
        "retryPolicy": "OnError",
        "limit": "10",
        "backoff": {"duration": "30s", "factor": "2", "cap": "10m"},
    }
    steps, train, code, gang = WORKFLOW["templates"]
    assert made("Workflow", WORKFLOW) == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "run-1", "namespace": "vision", "labels": MANAGED, "annotations": ANNOTATIONS},
        "spec": {
            "serviceAccountName": "worker",
            "ttlStrategy": {"secondsAfterCompletion": DAYS_14},
            "entrypoint": "all",
            "podMetadata": {"annotations": UNDISTURBED, "labels": ADMISSION},
            "templates": [steps, {"retryStrategy": retry, **train}, code, gang],
        },
    }


@pytest.mark.parametrize("own", [{"retryStrategy": {}}, {"templateDefaults": {"retryStrategy": {"limit": "2"}}}])
def test_a_workflow_that_says_how_to_repeat_is_left_so(own):
    assert made("Workflow", {**WORKFLOW, **own})["spec"]["templates"] == WORKFLOW["templates"]


def test_a_train_job_is_suspended_and_its_trainer_secured():
    def patch(manager, pods):
        jobs = [{"name": "node", "template": {"spec": {"template": pods}}}]
        return {"manager": manager, "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}}}

    containers = [{"name": "node", "securityContext": CONTAINER}]
    assert made("TrainJob", TRAIN_JOB) == {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {
            "name": "run-1",
            "namespace": "vision",
            "labels": {**MANAGED, **ADMISSION},
            "annotations": ANNOTATIONS,
        },
        "spec": {
            **TRAIN_JOB,
            "suspend": True,
            "runtimePatches": [
                patch("mlplatform.dev/defaults", {"spec": {"securityContext": POD, "containers": containers}}),
                patch(
                    "mlplatform.dev/dispatch",
                    {"metadata": {"annotations": UNDISTURBED}, "spec": {"serviceAccountName": "worker"}},
                ),
            ],
        },
    }


def test_own_patches_of_a_train_job_come_between():
    own = {"manager": "example.org/own", "trainingRuntimeSpec": {}}
    patches = made("TrainJob", {**TRAIN_JOB, "runtimePatches": [own]})["spec"]["runtimePatches"]
    assert [patch["manager"] for patch in patches] == [
        "mlplatform.dev/defaults",
        "example.org/own",
        "mlplatform.dev/dispatch",
    ]


@pytest.mark.parametrize(("kind", "spec"), [("Job", JOB), ("Workflow", WORKFLOW), ("TrainJob", TRAIN_JOB)])
def test_objects_validate(kind, spec, reference):
    assert problems(made(kind, spec), reference("crds")) == []


def test_the_messages_spec_is_not_changed():
    for kind, spec in (("Job", JOB), ("Workflow", WORKFLOW), ("TrainJob", TRAIN_JOB)):
        message = parse(body(kind, spec), "vision", CONFIG)
        before = copy.deepcopy(message.spec)
        manifest(message, CONFIG, **IDS)
        assert message.spec == before


MISFORMED = {
    "pod metadata": ("Workflow", {"podMetadata": []}, "spec.podMetadata: allowed is a mapping"),
    "labels of pods": ("Workflow", {"podMetadata": {"labels": "x"}}, "spec.podMetadata.labels: allowed is a mapping"),
    "templates": ("Workflow", {"templates": "x"}, "spec.templates: allowed is a list of mappings"),
    "template of a template": ("Workflow", {"templates": ["x"]}, "spec.templates: allowed is a list of mappings"),
    "defaults": ("Workflow", {"templateDefaults": "x"}, "spec.templateDefaults: allowed is a mapping"),
    "patches": ("TrainJob", {"runtimePatches": ["x"]}, "spec.runtimePatches: allowed is a list of mappings"),
    "annotations": (
        "Job",
        {"template": {"metadata": {"annotations": ["x"]}}},
        "spec.template.metadata.annotations: allowed is a mapping",
    ),
    "init containers": (
        "Job",
        {"template": {"spec": {"initContainers": "x"}}},
        "spec.template.spec.initContainers: allowed is a list of mappings",
    ),
}


@pytest.mark.parametrize("case", MISFORMED)
def test_a_spec_without_the_form_of_its_kind_is_malformed(case):
    kind, spec, reason = MISFORMED[case]
    with pytest.raises(MessageError) as refused:
        made(kind, spec)
    assert str(refused.value) == reason


@pytest.mark.parametrize("given", ["run-1", "a", "a" * LONGEST])
def test_a_name_is_taken_as_it_is(given):
    assert name_of(given) == given


@pytest.mark.parametrize(
    ("given", "readable"),
    [
        ("Run 1", "run-1"),
        ("1-run", "m-1-run"),
        ("run-", "run"),
        ("a" * (LONGEST + 1), "a" * (LONGEST - 13)),
        ("run-0123456789ab", "run-0123456789ab"),
        ("!!!", "m-"),
    ],
)
def test_another_id_is_made_readable_and_gets_a_hash(given, readable):
    head, _, digest = name_of(given).rpartition("-")
    assert head == readable[: LONGEST - 13].rstrip("-")
    assert len(digest) == 12
    assert set(digest) <= set("0123456789abcdef")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=128))
def test_every_id_that_sqs_takes_gives_a_valid_name(deduplication_id):
    name = name_of(deduplication_id)
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= LONGEST
    assert name == name_of(deduplication_id)


@given(
    st.lists(st.text(st.sampled_from("aA1-_."), min_size=1, max_size=LONGEST + 5), min_size=2, max_size=2, unique=True)
)
def test_two_ids_give_two_names(ids):
    assert name_of(ids[0]) != name_of(ids[1])


def test_an_id_that_is_the_name_of_another_gets_another_name():
    first = name_of("Run 1")
    assert name_of(first) != first


def test_every_kind_has_a_place_in_the_api():
    assert {kind.value: (place.group, place.version, place.plural) for kind, place in RESOURCES.items()} == {
        "Job": ("batch", "v1", "jobs"),
        "Workflow": ("argoproj.io", "v1alpha1", "workflows"),
        "TrainJob": ("trainer.kubeflow.org", "v1alpha1", "trainjobs"),
    }
