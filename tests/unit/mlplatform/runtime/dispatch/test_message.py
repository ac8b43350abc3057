"""The contract with whoever sends a message: its schema, and the page that tells of it."""

import json
import re

import jsonschema
import pytest

from mlplatform.facts.kubernetes.pods import USER
from mlplatform.runtime.dispatch.message import _REFUSED, SCHEMA, Config, Kind, parse
from mlplatform.runtime.dispatch.objects import KEPT_SECONDS, LONGEST, manifest
from mlplatform.runtime.dispatch.run import PATIENCE_SECONDS
from recorded import ROOT
from schemas import problems

PAGE = (ROOT / "docs" / "queue.md").read_text()
(EXAMPLE,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
CONFIG = Config.model_validate(
    {"teams": {"vision": {"queue": "default"}}, "priorities": ["normal", "high"], "default_priority": "normal"}
)
MESSAGE = {"version": 1, "team": "vision", "kind": "Job", "spec": {}}


def accepted(message):
    return not list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(message))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert all(field["description"] for field in SCHEMA["properties"].values())


@pytest.mark.parametrize("change", [{}, {"priority": "high"}, {"priority": None}, {"kind": "TrainJob"}])
def test_the_schema_takes_what_the_dispatcher_takes(change):
    message = {**MESSAGE, **change}
    assert accepted(message)
    assert parse(json.dumps(message), "vision", CONFIG).team == "vision"


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"version": "1"}, {"kind": "Pod"}, {"team": 1}, {"spec": []}, {"metadata": {}}]
)
def test_the_schema_refuses_what_the_dispatcher_refuses(change):
    assert not accepted({**MESSAGE, **change})


@pytest.mark.parametrize("field", SCHEMA["required"])
def test_the_schema_wants_what_the_dispatcher_wants(field):
    assert not accepted({name: value for name, value in MESSAGE.items() if name != field})


def test_the_pages_example_is_a_message_and_its_object_is_valid(reference):
    assert accepted(json.loads(EXAMPLE))
    made = manifest(parse(EXAMPLE, "vision", CONFIG), CONFIG, deduplication_id="resnet-20260301", message_id="1")
    assert made["metadata"]["name"] == "resnet-20260301"
    assert problems(made, reference("crds")) == []


def test_the_pages_table_has_every_field():
    rows = dict(re.findall(r"^\| `(\w+)` \| (yes|no) \|", PAGE, re.MULTILINE))
    assert rows == {name: "yes" if name in SCHEMA["required"] else "no" for name in SCHEMA["properties"]}


def test_the_page_names_every_kind_and_the_longest_name():
    assert ", ".join(f"`{kind}`" for kind in list(Kind)[:-1]) + f" or `{list(Kind)[-1]}`" in PAGE
    assert f"at most {LONGEST}\n" in PAGE
    assert len(re.findall(r"@sha256:([0-9a-f]+)", PAGE)[0]) == 64


def test_the_pages_figures_are_the_dispatchers():
    assert f"kept for {KEPT_SECONDS // 86400} days" in PAGE
    assert f"tried for {PATIENCE_SECONDS // 60} minutes" in PAGE
    assert f"user {USER}," in PAGE


def test_the_page_names_what_no_spec_may_have():
    (line,) = re.findall(r"^- Not allowed anywhere in a spec: (.*)$", PAGE, re.MULTILINE)
    assert line == "another service account, a queue, a priority class, a node's name, `podSpecPatch`."
    assert set(_REFUSED) == {
        *("kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class", "priorityClassName", "podPriorityClassName"),
        *("nodeName", "podSpecPatch"),
    }
