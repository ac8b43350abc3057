"""The command `provenance`, on an MLflow store in SQLite."""

import itertools
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform import cli
from mlplatform.contracts.tracking import RegistryError, connect
from mlplatform.provenance.origin import Registry, UnknownError
from mlplatform.provenance.report import as_text, plain

TAGS = {
    "mlplatform.run": "fraud-training-x7k2p",
    "mlplatform.trial": "3",
    "mlplatform.decision": "challenger",
    "mlplatform.reason": "accuracy 0.8, of champion 1 0.7",
    "mlplatform.parent": "1",
    "mlplatform.digest": "ab" * 32,
    "mlplatform.requested-by": "drift of fraud: drift of amount 0.412",
    "mlplatform.request": "retrain-1",
    "mlplatform.data.uri": "s3://lake/fraud/",
    "mlplatform.data.version": "v7",
    "mlplatform.data.digest": "cd" * 32,
    "mlplatform.code.repository": "https://git.example.com/fraud",
    "mlplatform.code.commit": "c0ffee",
    "mlplatform.image": "registry.example.com/fraud@sha256:" + "0" * 64,
}
TEXT = f"""\
fraud version 3 (champion, tried)

registered  2026-01-31T00:00:03Z
asked by    drift of fraud: drift of amount 0.412
            request retrain-1
run         fraud-training-x7k2p  trial 3
data        s3://lake/fraud/  version v7
            sha256 {"cd" * 32}
code        https://git.example.com/fraud  commit c0ffee
image       registry.example.com/fraud@sha256:{"0" * 64}
model       sha256 {"ab" * 32}
parameters  depth  6
            kind   tree
metrics     accuracy                       0.75
            evaluation/candidate/accuracy  0.8
decision    challenger: accuracy 0.8, of champion 1 0.7
rollout     promoted
parent      version 2  registered 2026-01-31T00:00:02Z  data s3://lake/old/  version v6  rollout rolled-back: errors
            version 1  registered 2026-01-31T00:00:01Z
"""


class Found:
    """What a client answers, as attributes."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


class Models:
    """A registry of one model with these versions; each has the time of its number."""

    def __init__(self, *tags: dict[str, str] | None, aliases: dict[str, int] | None = None) -> None:
        self.tags = dict(enumerate(tags, 1))
        self.aliases = aliases or {}

    def get_registered_model(self, name: str) -> Found:
        if name != "fraud":
            raise RegistryError("gone", "RESOURCE_DOES_NOT_EXIST")
        return Found(aliases=self.aliases)

    def get_model_version(self, _: str, number: str) -> Found:
        tags = self.tags.get(int(number))
        if tags is None:
            raise RegistryError("gone", "RESOURCE_DOES_NOT_EXIST")
        run = None if number == "1" else f"run-{number}"
        return Found(version=number, tags=tags, creation_timestamp=1769817600000 + int(number) * 1000, run_id=run)

    def get_run(self, run: str) -> Found:
        if run == "run-2":
            raise RegistryError("gone", "RESOURCE_DOES_NOT_EXIST")
        metrics = {"evaluation/candidate/accuracy": 0.8, "accuracy": 0.75}
        return Found(data=Found(metrics=metrics, params={"kind": "tree", "depth": "6"}))


OLD = {
    "mlplatform.parent": "1",
    "mlplatform.data.uri": "s3://lake/old/",
    "mlplatform.data.version": "v6",
    "mlplatform.rollout": "rolled-back: errors",
}
FIRST = {"mlplatform.parent": "none"}
LAST = {**TAGS, "mlplatform.parent": "2", "mlplatform.rollout": "promoted"}
MODELS = Models(FIRST, OLD, LAST, aliases={"tried": 3, "champion": 3, "challenger": 2})


def origin(wanted: str, models: Models = MODELS) -> dict[str, Any]:
    return Registry(models).origin("fraud", wanted)


def test_all_that_is_known_as_text() -> None:
    assert as_text(origin("3")) == TEXT


def test_an_alias_is_the_version_that_it_names() -> None:
    assert origin("champion") == origin("3")
    assert origin("challenger")["version"] == "2"


def test_what_is_not_known_is_said() -> None:
    assert as_text(origin("1", Models({}))) == (
        "fraud version 1\n"
        "\n"
        "registered  2026-01-31T00:00:01Z\n"
        "asked by    unknown\n"
        "run         unknown\n"
        "data        unknown\n"
        "code        unknown\n"
        "image       unknown\n"
        "model       unknown\n"
        "parameters  none\n"
        "metrics     none\n"
        "decision    unknown\n"
        "rollout     none yet\n"
        "parent      unknown\n"
    )


def test_the_first_has_no_parent() -> None:
    assert as_text(origin("1")).endswith("\nparent      none: it was the first\n")
    assert origin("1")["parents"] == []


def test_a_parent_that_is_deleted_ends_the_chain() -> None:
    found = origin("3", Models(FIRST, None, LAST))
    assert found["parents"] == [{"version": "2", "deleted": True}]
    assert as_text(found).endswith("\nparent      version 2  deleted from the registry\n")


@pytest.mark.parametrize("parents", [("1",), ("2", "1"), ("3", "3", "2")])
def test_a_circle_of_parents_ends(parents: tuple[str, ...]) -> None:
    models = Models(*({"mlplatform.parent": parent} for parent in parents))
    found = [each["version"] for each in origin(str(len(parents)), models)["parents"]]
    assert len(found) == len(set(found)) < len(parents)


@given(parents=st.lists(st.integers(0, 8), min_size=1, max_size=8), wanted=st.integers(1, 8))
def test_any_parents_make_a_chain_without_repetition(parents: list[int], wanted: int) -> None:
    models = Models(*({"mlplatform.parent": str(parent) if parent else "none"} for parent in parents))
    if wanted > len(parents):
        return
    chain = [str(wanted), *(each["version"] for each in origin(str(wanted), models)["parents"])]
    assert len(set(chain)) == len(chain)
    for child, parent in itertools.pairwise(chain):
        assert str(parents[int(child) - 1]) == parent


def test_a_run_that_is_deleted_leaves_what_the_tags_tell() -> None:
    found = origin("2")
    assert (found["metrics"], found["parameters"]) == ({}, {})
    assert found["data"]["uri"] == "s3://lake/old/"


@pytest.mark.parametrize("wanted", ["9", "newest", "0", "-1", "٣", ""])
def test_a_version_that_is_not_there(wanted: str) -> None:
    with pytest.raises(UnknownError) as caught:
        origin(wanted)
    assert str(caught.value) == (
        f"fraud has no version {wanted!r}; allowed: a number, or an alias, of which it has challenger, champion, tried"
    )


def test_what_others_wrote_moves_no_cursor() -> None:
    assert plain("a\x1b[2Jb\nc\u202ed é") == "a\\x1b[2Jb\\nc\\u202ed é"
    tags = {**LAST, "mlplatform.requested-by": "\x1b]0;x\x07", "mlplatform.image": "a\nrollout     promoted"}
    text = as_text(origin("3", Models(FIRST, OLD, tags)))
    assert "\x1b" not in text
    assert len(text.splitlines()) == len(TEXT.splitlines())


# The command


@pytest.fixture
def store(tracking_uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A registry with two versions, the second of a run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    client = connect(os.environ)
    run = client.create_run(client.create_experiment("fraud-training"))
    client.log_param(run.info.run_id, "depth", 6)
    client.log_metric(run.info.run_id, "accuracy", 0.75)
    client.create_registered_model("fraud")
    client.create_model_version("fraud", "s3://elsewhere", tags=FIRST, await_creation_for=0)
    client.create_model_version("fraud", "s3://elsewhere", run.info.run_id, tags=TAGS, await_creation_for=0)
    client.set_registered_model_alias("fraud", "champion", "2")
    return client


@pytest.mark.usefixtures("store")
def test_json_is_sorted_and_the_same_for_the_same_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["provenance", "fraud", "champion", "--format", "json"]) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    assert text == json.dumps(found, indent=2, sort_keys=True) + "\n"
    assert cli.main(["provenance", "fraud", "2", "--format", "json"]) == 0
    assert capsys.readouterr().out == text
    assert sorted(found) == [
        *("aliases", "code", "data", "decision", "digest", "image", "metrics", "model", "parameters", "parent"),
        *("parents", "reason", "registered", "request", "requested_by", "rollout", "run", "trial", "version"),
    ]
    assert (found["aliases"], found["parent"], found["rollout"]) == (["champion"], "1", None)
    assert (found["parameters"], found["metrics"]) == ({"depth": "6"}, {"accuracy": 0.75})
    assert found["data"] == {"digest": "cd" * 32, "uri": "s3://lake/fraud/", "version": "v7"}
    assert found["code"] == {"commit": "c0ffee", "repository": "https://git.example.com/fraud"}
    assert [each["version"] for each in found["parents"]] == ["1"]


@pytest.mark.usefixtures("store")
def test_text_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["provenance", "fraud", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("fraud version 2 (champion)\n\nregistered  ")
    assert "\nparameters  depth  6\nmetrics     accuracy  0.75\n" in out
    assert err == ""


@pytest.mark.usefixtures("store")
def test_on_a_terminal_it_is_rich() -> None:
    """Through a pseudo-terminal, as a person sees it."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "60", "TERM": "xterm"}
    command = [sys.executable, "-c", "import sys; from mlplatform import cli; sys.exit(cli.main())"]
    done = subprocess.Popen([*command, "provenance", "fraud", "2"], stdout=follower, env=environment)
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 4096):
            shown += piece
    except OSError:  # how Linux says that the other side has closed
        pass
    os.close(leader)
    assert done.wait(30) == 0
    text = shown.decode()
    assert "fraud version 2 (champion)" in text
    # Long values are wrapped below their label.
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 60
    assert "".join(line.strip() for line in text.splitlines()).count("0" * 64) == 1


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["spam", "1"], "error: there is no model 'spam' in the registry\n"),
        (
            ["fraud", "7"],
            "error: fraud has no version '7'; allowed: a number, or an alias, of which it has champion\n",
        ),
        (
            ["fraud", "challenger"],
            "error: fraud has no version 'challenger'; allowed: a number, or an alias, of which it has champion\n",
        ),
    ],
)
def test_what_is_not_there_is_one_line(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["provenance", *words]) == 2
    assert capsys.readouterr() == ("", text)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("", "MLFLOW_TRACKING_URI: missing; allowed: address of an MLflow server, such as http://registry.ml:5000"),
        (
            "registry:5000",
            (
                "MLFLOW_TRACKING_URI: scheme 'registry'; allowed: address of an MLflow server, such as "
                "http://registry.ml:5000"
            ),
        ),
        (
            "http://writer:hunter2@127.0.0.1:1",
            "MLflow at 127.0.0.1:1 was not reached, or failed, however often it was tried",
        ),
    ],
)
def test_a_registry_that_is_none_is_one_line(
    uri: str, text: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    assert cli.main(["provenance", "fraud", "1"]) == 2
    assert capfd.readouterr() == ("", f"error: {text}\n")


def test_without_mlflow_it_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert cli.main(["provenance", "fraud", "1"]) == 2
    assert capsys.readouterr() == (
        "",
        "error: MLflow is not installed; fix: pip install 'mlplatform[registry]'\n",
    )


def test_neither_help_nor_import_loads_mlflow_or_pulumi() -> None:
    program = (
        "import sys; from mlplatform import cli; cli.main(['provenance', '--help']);"
        "print(sorted({'mlflow', 'pulumi', 'boto3', 'rich', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "MODEL VERSION" in done.stdout
    assert done.stdout.endswith("\n[]\n")
