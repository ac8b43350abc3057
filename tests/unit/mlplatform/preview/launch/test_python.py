"""A program in a process of its own: what goes in, what comes back, where its words go."""

import os
import sys
from pathlib import Path

import pytest

from mlplatform.preview.errors import ProgramDied
from mlplatform.preview.launch.python import run
from mlplatform.preview.project.configuration import load_project, load_stack

PROGRAM = """\
import os, sys
import pulumi

print("said on stdout")
print("said on stderr", file=sys.stderr)
config = pulumi.Config()
pulumi.export("folder", os.path.basename(os.getcwd()))
pulumi.export("own", sorted(key for key in os.environ if key.startswith("PULUMI_")))
pulumi.export("size", config.require_int("size"))
pulumi.export("password", config.require_secret("password"))
pulumi.export("organization", pulumi.get_organization())
pulumi.export("looked-up", pulumi.runtime.invoke("x:index:get", {"name": "n"}).value)
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Makes a project of one program and loads it and its stack."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "ours")

    def make(program, **stack):
        tmp_path.joinpath("app").mkdir()
        tmp_path.joinpath("app/__main__.py").write_text(program)
        tmp_path.joinpath("Pulumi.yaml").write_text("name: proj\nruntime: python\nmain: app\n")
        tmp_path.joinpath("Pulumi.dev.yaml").write_text("config: {size: 3, password: {secure: cipher}}\n")
        project = load_project(Path())
        return project, load_stack(project, "dev")

    return make


def test_the_program_gets_its_directory_its_configuration_and_nothing_of_ours(load, capfd):
    graph = run(*load(PROGRAM), answers={"x:index:get": {"found": True}}, organization="acme")
    assert (graph.status, graph.error, graph.unanswered) == ("ok", None, ())
    assert (graph.project, graph.stack) == ("proj", "dev")
    assert graph.outputs == {
        "folder": "app",
        "looked-up": {"found": True},
        "organization": "acme",
        "own": [],
        "password": "[secret]",
        "size": 3,
    }
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == ["said on stdout", "said on stderr"]


def test_what_the_program_says_can_be_had_line_by_line(load, capfd):
    lines = []
    run(*load("print('one'); print('two')\n"), echo=lines.append)
    assert lines == ["one", "two"]
    assert capfd.readouterr() == ("", "")


def test_a_lookup_without_an_answer_is_named_with_its_arguments(load, capfd):
    graph = run(*load(PROGRAM))
    assert [(lookup.token, lookup.args) for lookup in graph.unanswered] == [("x:index:get", {"name": "n"})]


def test_a_failed_program_comes_back_as_its_own_frames(load, capfd):
    graph = run(*load("def build():\n    raise ValueError('no')\n\nbuild()\n"))
    assert graph.status == "failed"
    assert graph.error.message == "ValueError: no"
    assert [(frame.file, frame.line, frame.code) for frame in graph.error.frames] == [
        ("app/__main__.py", 4, "build()"),
        ("app/__main__.py", 2, "raise ValueError('no')"),
    ]


def test_strict_unknowns_reach_the_program(load, capfd):
    assert run(*load(""), strict_unknowns=True).strict_unknowns is True


@pytest.mark.parametrize(
    ("last", "ending"),
    [
        ("os._exit(7)", "ended with exit status 7"),
        pytest.param(
            "os.kill(os.getpid(), 9)",
            "was ended by signal 9",
            marks=pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals"),
        ),
    ],
)
def test_a_process_that_dies_says_how(load, capfd, tmp_path, last, ending):
    with pytest.raises(ProgramDied) as died:
        run(*load(f"import os\n{last}\n"))
    assert str(died.value) == (
        f"the program's process {ending} before anything was recorded; its last words are above. It ran {tmp_path}/app "
        f"with {sys.executable}, which must have `pulumi` and all that the program imports."
    )
