"""The command line: dispatch, exit codes, and what goes to stdout and stderr."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlplatform import cli

PROGRAM = """\
import pulumi

class Group(pulumi.ComponentResource):
    def __init__(self, name, size, opts=None):
        super().__init__("x:index:Group", name, {"size": size}, opts)
        self.register_outputs({})

print("hello")
Group("first", pulumi.Config().require_int("size"), pulumi.ResourceOptions(protect=True))
pulumi.export("done", True)
"""
REPORT = """\
Offline preview of proj, stack dev

x:index:Group  first (protected)  size=3

1 resource: 1 component
      1  x
             1  x:index:Group

Outputs
  done = true

This is offline: the program ran against mocks, with no credentials, and nothing was contacted.
Ids, ARNs, generated names and endpoints are placeholders, not real ones.
Other values that only a provider computes are [unknown]; secrets are [secret], never decrypted.
Only `pulumi preview` knows what exists already, what would change or be deleted, and what a provider refuses.
"""


@pytest.fixture(autouse=True)
def _interpreters_that_are_started_find_what_this_one_finds(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


@pytest.fixture
def main(tmp_path, monkeypatch, capfd):
    """Runs the command in a project; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    write()

    def run(*arguments):
        code = cli.main(arguments)
        return (code, *capfd.readouterr())

    return run


def write(program=PROGRAM, stack="config: {size: 3}\n"):
    Path("Pulumi.yaml").write_text("name: proj\nruntime: python\n")
    Path("__main__.py").write_text(program)
    Path("Pulumi.dev.yaml").write_text(stack)


def test_the_only_stack_is_previewed_and_stdout_is_the_report(main):
    assert main("preview") == (0, REPORT, "hello\n")


def test_json_is_the_same_from_run_to_run_and_may_go_to_a_file(main):
    code, out, _ = main("preview", "acme/dev", "--format", "json")
    graph = json.loads(out)
    assert code == 0
    assert (graph["schema"], graph["stack"]) == (1, "dev")
    assert [node["name"] for node in graph["resources"]] == ["proj-dev", "first"]
    assert main("preview", "--format", "json", "--out", "graph.json", "--project", ".") == (0, "", "hello\n")
    assert Path("graph.json").read_text() == out


def test_the_report_may_go_to_a_file(main):
    assert main("preview", "--out", "report.txt")[:2] == (0, "")
    assert Path("report.txt").read_text() == REPORT
    assert main("preview", "--out", "no/report.txt") == (
        2,
        "",
        "hello\nerror: no/report.txt: cannot be written: No such file or directory; give another --out\n",
    )


def test_manifests_say_what_was_written(main):
    write(
        "import pulumi\n"
        "body = {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': 'apps'}}\n"
        "pulumi.CustomResource('kubernetes:core/v1:Namespace', 'apps', body)\n"
        "pulumi.CustomResource('kubernetes:helm.sh/v3:Release', 'r', {'chart': 'c'})\n"
    )
    assert main("manifests", "dev", "--out", "out") == (
        0,
        (
            "Kubernetes objects of stack dev in out\n"
            "written: 1\n  _cluster/namespace-apps.yaml\nremoved, of an earlier run: 0\n"
            "without a manifest: 1\n  kubernetes:helm.sh/v3:Release r: a Helm release: Helm renders its objects\n"
        ),
        "",
    )
    assert Path("out/_cluster/namespace-apps.yaml").read_text() == (
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: apps\n"
    )


# --- exit codes ------------------------------------------------------------------------------------------------------


def test_a_failed_program_is_1_and_shows_its_frames_only(main):
    write("def build():\n    raise ValueError('no')\n\nbuild()\n")
    assert main("preview") == (
        1,
        "",
        (
            "error: Traceback (most recent call last), your program's frames only:\n"
            '  File "__main__.py", line 4, in <module>\n    build()\n'
            "  File \"__main__.py\", line 2, in build\n    raise ValueError('no')\n"
            "ValueError: no\n"
        ),
    )


def test_a_program_that_refuses_its_arguments_is_2_with_its_words_only(main):
    write("import pulumi\nraise pulumi.RunError('size is 0; at least 1')\n")
    assert main("preview") == (2, "", "error: size is 0; at least 1\n")


def test_a_program_that_dies_is_1(main):
    write("import os\nos._exit(5)\n")
    code, out, err = main("preview")
    assert (code, out) == (1, "")
    assert err.startswith("error: the program's process ended with exit status 5 before anything was recorded;")


LOOKUP = """\
import pulumi
value = pulumi.runtime.invoke("x:index:get", {"name": "its-name"}).value
pulumi.export("value", value)
"""


def test_a_lookup_without_an_answer_is_2_and_the_file_it_shows_answers_it(main):
    write(LOOKUP)
    code, out, err = main("preview")
    shown = err.partition("--answers FILE:\n\n")[2]
    assert (code, out) == (2, "")
    assert (
        shown
        == "x:index:get:\n- args:\n    name: its-name\n  result: {}  # what the provider returns, keys in camelCase\n"
    )
    Path("answers.yaml").write_text(shown.replace("{}", "{found: yes-it-is}"))
    code, out, err = main("preview", "--answers", "answers.yaml")
    assert (code, err) == (0, "")
    assert '  value = {"found": "yes-it-is"}\n' in out


def test_a_failure_that_a_lookup_may_have_caused_is_2_with_both(main):
    write(LOOKUP + "raise ValueError('no value')\n")
    code, out, err = main("preview")
    assert (code, out) == (2, "")
    assert err.startswith("error: 1 lookup has no answer offline:\n")
    assert "error: the program then failed, perhaps for want of them\n" in err
    assert err.endswith("ValueError: no value\n")


def test_a_later_file_of_answers_wins(main):
    write(LOOKUP)
    Path("a.yaml").write_text("x:index:get: {found: 1}\n")
    Path("b.yaml").write_text("x:index:get: {found: 2}\n")
    assert '  value = {"found": 2}\n' in main("preview", "--answers", "a.yaml", "--answers", "b.yaml")[1]


NO_RESULT = "is no result; write a mapping, or a list of cases `{args: {...}, result: {...}}`"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("t: 3\n", f"a.yaml:1:4: t {NO_RESULT}"),
        ("t: [{args: {}}]\n", f"a.yaml:1:4: t {NO_RESULT}"),
        ("t: [{result: {}, arg: {}}]\n", f"a.yaml:1:4: t {NO_RESULT}"),
        ("t: [{result: {}, args: 3}]\n", f"a.yaml:1:4: t {NO_RESULT}"),
        (
            "t: {id: 0123}\n",
            'a.yaml:1:9: t.id is 0123 without quotes, which YAML readers take for different values; quote it: "0123"',
        ),
        ("[t]\n", "a.yaml:1:1: is a list; it must be a mapping (key: value)"),
    ],
)
def test_bad_answers(main, answers, message):
    Path("a.yaml").write_text(answers)
    assert main("preview", "--answers", "a.yaml") == (2, "", f"error: {message}\n")


def test_bad_input_is_one_message_and_no_traceback(main):
    write(stack="config: {size: 0x10}\n")
    assert main("preview") == (
        2,
        "",
        (
            "error: Pulumi.dev.yaml:1:16: config.size is 0x10 without quotes, which YAML readers take for different "
            'values; quote it: "0x10"\n'
        ),
    )


def test_a_stack_must_be_named_where_there_are_several_or_none(main):
    Path("Pulumi.prod.yaml").touch()
    assert main("preview") == (2, "", "error: STACK is missing; name one: there are dev, prod\n")
    Path("Pulumi.prod.yaml").unlink()
    Path("Pulumi.dev.yaml").unlink()
    assert main("preview") == (
        2,
        "",
        "error: STACK is missing; name one: no stack has a file here, so any name will do\n",
    )


def test_notes_on_the_stack_file_go_to_stderr(main):
    write(stack="environment: [e]\nconfig: {size: 3}\n")
    assert main("preview") == (
        0,
        REPORT,
        (
            "note: Pulumi.dev.yaml:1:14: environment names Pulumi ESC environments, which only Pulumi Cloud can "
            "resolve: what they set is not in this preview\nhello\n"
        ),
    )


# --- the command itself ----------------------------------------------------------------------------------------------


def test_help_and_version(main):
    assert main("--help")[0] == 0
    assert "examples:\n  mlplatform preview dev" in main("--help")[1]
    for name in cli.SUBCOMMANDS:
        code, out, _ = main(name, "--help")
        assert code == 0
        assert f"examples:\n  mlplatform {name}" in out
    code, out, _ = main("--version")
    assert code == 0
    assert out.startswith("mlplatform ")


def test_usage_errors_are_2(main):
    assert main()[0] == 2
    assert main()[2].startswith("usage: mlplatform [--version] [--help] COMMAND ...\n")
    assert main("nope")[0] == 2
    assert main("preview", "--format", "xml")[0] == 2
    assert main("manifests")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        ([], {"pulumi", "yaml", "rich", "pydantic", "mlplatform.preview.commands.preview"}),
        (["--help"], {"pulumi", "yaml", "rich", "pydantic", "mlplatform.preview.commands.preview"}),
        (["preview", "--help"], {"pulumi", "rich", "pydantic"}),
        (["manifests", "--help"], {"pulumi", "rich", "pydantic"}),
    ],
)
def test_help_imports_nothing_that_it_does_not_need(arguments, unwanted):
    script = (
        "import contextlib, io, json, sys\nfrom mlplatform import cli\n"
        f"with contextlib.redirect_stdout(io.StringIO()):\n    {arguments} and cli.main({arguments})\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not unwanted & set(json.loads(done.stdout))


def test_a_reader_that_stops_early_is_no_failure(main):
    main("preview", "--format", "json", "--out", "graph.json")
    script = "import sys; from mlplatform import cli; sys.exit(cli.main(['preview', '--format', 'json']))"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == "hello\n"
    assert process.returncode == 0


@pytest.mark.parametrize("no_colour", [False, True])
def test_on_a_terminal_the_tree_is_drawn_and_no_colour_is_honoured(main, monkeypatch, no_colour):
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour:
        monkeypatch.setenv("NO_COLOR", "1")
    script = "import sys; from mlplatform import cli; sys.exit(cli.main(['preview']))"
    shown = bytearray()

    def keep(descriptor):
        shown.extend(data := os.read(descriptor, 65536))
        return data

    assert pty.spawn([sys.executable, "-c", script], keep, lambda _: b"") == 0
    text = shown.decode()
    assert "└──" in text
    assert "hello" in text
    assert "running proj, stack dev, offline" in text
    assert ("\x1b[36m" in text) is not no_colour
