"""Outputs for other tools: what is written, what is left out, and each message in full."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mlplatform import cli
from mlplatform.preview.errors import BadInput
from mlplatform.preview.reports.outputs import FORMATS, PREFIXES, usable

GIVEN = {
    "vpc_id": "vpc-1",
    "zones": ["a", "b"],
    "tables": {"customer": "fraud.customer", "n": {"x": None}},
    "count of nodes": 3,
    "on": True,
    "kubeconfig": "[secret]",
    "endpoints": {"a": "https://a", "b": ["x", "[unknown]"]},
    "joined": "https://[secret]@host",
}
SHELL = shutil.which("sh") or "sh"
LEFT_OUT = (
    "output endpoints is left out: endpoints.b[1] is known only when it exists",
    "output joined is left out: joined is secret",
    "output kubeconfig is left out: kubeconfig is secret",
)


def written(form, given, prefix=None, **more):
    return FORMATS[form](usable("Outputs of stack dev", given, **more), PREFIXES[form] if prefix is None else prefix)


def test_what_is_secret_or_unknown_anywhere_is_left_out_whole_and_named():
    found = usable("t", GIVEN)
    assert found.left_out == LEFT_OUT
    assert list(found.values) == ["count of nodes", "on", "tables", "vpc_id", "zones"]


def test_only_some_are_written():
    assert json.loads(written("json", GIVEN, only=["vpc_id"])) == {"vpc_id": "vpc-1"}
    with pytest.raises(BadInput) as error:
        usable("t", {"b": 1, "a": 2}, ["c"])
    assert str(error.value) == "--only c: is no output of this stack; allowed are a, b"
    with pytest.raises(BadInput) as error:
        usable("t", {}, ["c"])
    assert str(error.value) == "--only c: is no output of this stack; allowed are none"


def test_json_and_tfvars():
    values = {"on": True, "tables": GIVEN["tables"], "vpc_id": "vpc-1", "zones": ["a", "b"]}
    assert written("json", GIVEN) == json.dumps({"count of nodes": 3, **values}, indent=2) + "\n"
    assert written("tfvars", GIVEN) == json.dumps({"count_of_nodes": 3, **values}, indent=2) + "\n"
    assert json.loads(written("tfvars", {"a-b": 1, "0": 2, "é.x": 3})) == {"_0": 2, "__x": 3, "a-b": 1}
    assert json.loads(written("tfvars", {"0": 2}, prefix="p_")) == {"p_0": 2}


def test_placeholders_say_so_in_every_format():
    words = "Outputs of stack dev: ids, ARNs, names and endpoints are placeholders, not real ones"
    for form in ("json", "tfvars"):
        assert json.loads(written(form, {"a": 1}, placeholders=True)) == {"//": words, "a": 1}
    for form in ("ansible", "env"):
        assert written(form, {"a": 1}, placeholders=True).startswith(f"# {words}\n")


def test_ansible():
    given = {
        "on": "yes",
        "template": "{{ lookup('pipe', 'id') }}",
        "deep": [{"x": "{% if %}"}],
        "lines": "a\nb\n",
        "brace": "{x}",
    }
    text = written("ansible", given)
    assert text == (
        "# Outputs of stack dev\n"
        "all:\n"
        "  hosts:\n"
        "    localhost:\n"
        "      ansible_connection: local\n"
        "      ansible_python_interpreter: '{{ ansible_playbook_python }}'\n"
        "  vars:\n"
        "    stack_brace: '{x}'\n"
        "    stack_deep:\n"
        '    - x: !unsafe "{% if %}"\n'
        "    stack_lines: |\n"
        "      a\n"
        "      b\n"
        '    stack_on: "yes"\n'
        "    stack_template: !unsafe \"{{ lookup('pipe', 'id') }}\"\n"
    )
    plain = yaml.safe_load(written("ansible", {"a-b": {"c-d": 1}}))
    assert plain["all"]["vars"] == {"stack_a_b": {"c-d": 1}}


def test_env_is_what_a_shell_reads(tmp_path):
    nasty = 'a\'b "$(touch pwned)" `id` \\ \n# x=1;!é'
    (tmp_path / "outputs.env").write_text(
        written("env", {"nasty": nasty, "path": "/x", "list": [1, "b c"], "on": True})
    )
    script = '. ./outputs.env; printf "%s\\0" "$STACK_NASTY" "$STACK_LIST" "$STACK_ON" "$PATH"'
    done = subprocess.run([SHELL, "-c", script], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == [nasty, '[1, "b c"]', "true", os.environ["PATH"]]
    assert [path.name for path in tmp_path.iterdir()] == ["outputs.env"]


def test_a_comment_stays_one_line():
    found = usable("Outputs of stack x\ntouch pwned", {"a": 1})
    assert FORMATS["env"](found, "") == "# Outputs of stack x touch pwned\nexport A=1\n"


@pytest.mark.parametrize(
    ("form", "given", "message"),
    [
        (
            "tfvars",
            {"a b": 1, "a.b": 2},
            "outputs a b and a.b would both be a_b; rename one, or choose outputs with --only",
        ),
        (
            "env",
            {"VpcId": 1, "vpcid": 2},
            "outputs VpcId and vpcid would both be STACK_VPCID; rename one, or choose outputs with --only",
        ),
        ("tfvars", {"version": 1}, "output version: Terraform takes no variable of that name; give all a --prefix"),
        ("env", {"a": "x\0"}, "STACK_A: holds a NUL character, which no environment can; choose others with --only"),
    ],
)
def test_what_the_tool_would_not_take_is_refused(form, given, message):
    with pytest.raises(BadInput) as error:
        written(form, given)
    assert str(error.value) == message


# --- the command -----------------------------------------------------------------------------------------------------

PROGRAM = """\
import pulumi

config = pulumi.Config()
pulumi.export("size", config.require_int("size"))
pulumi.export("password", pulumi.Output.secret("hunter2"))
"""
NOTES = (
    "note: ids, ARNs, names and endpoints are placeholders; --live has the real ones\n"
    "note: output password is left out: password is secret\n"
)


@pytest.fixture
def main(tmp_path, monkeypatch, capfd):
    """Runs the command in a project of two stacks; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    Path("Pulumi.yaml").write_text("name: proj\nruntime: python\n")
    Path("__main__.py").write_text(PROGRAM)
    Path("Pulumi.dev.yaml").write_text("config: {size: 3}\n")
    Path("Pulumi.prod.yaml").write_text("config: {size: 5}\n")

    def run(*arguments):
        code = cli.main(arguments)
        return (code, *capfd.readouterr())

    return run


def test_offline_outputs_are_marked_and_secrets_are_named_on_stderr(main):
    comment = (
        "Outputs of proj, stack dev, recorded offline: ids, ARNs, names and endpoints are placeholders, not real ones"
    )
    text = json.dumps({"//": comment, "size": 3}, indent=2) + "\n"
    assert main("outputs", "dev", "--format", "tfvars") == (0, text, NOTES)
    assert main("outputs", "dev", "--format", "json", "--out", "o.json") == (0, "", NOTES)
    assert Path("o.json").read_text() == text
    assert main("outputs", "dev", "--format", "env", "--prefix", "")[1] == f"# {comment}\nexport SIZE=3\n"


def test_real_outputs_come_from_a_file_or_stdin(main, monkeypatch):
    document = json.dumps({"vpc_id": "vpc-1", "kubeconfig": "[secret]"})
    Path("real.json").write_text(document)
    wanted = (
        0,
        "# Outputs of stack prod, as Pulumi had them\nexport STACK_VPC_ID=vpc-1\n",
        "note: output kubeconfig is left out: kubeconfig is secret\n",
    )
    assert main("outputs", "prod", "--format", "env", "--from", "real.json") == wanted
    monkeypatch.setattr(sys, "stdin", io.StringIO(document))
    assert main("outputs", "prod", "--format", "env", "--from", "-") == wanted


NO_OBJECT = "is no JSON object of outputs; allowed is what `pulumi stack output --json` writes"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "--from x: cannot be read: No such file or directory"),
        (b"[1]", f"--from x: {NO_OBJECT}"),
        (b"nope", f"--from x: {NO_OBJECT}"),
        (b"\xff", "--from x: is not UTF-8 text; save it as UTF-8"),
    ],
)
def test_bad_files(main, content, message):
    if content is not None:
        Path("x").write_bytes(content)
    assert main("outputs", "prod", "--format", "json", "--from", "x") == (2, "", f"error: {message}\n")


def pulumi(folder, script):
    """A stand-in for the CLI that keeps what it was asked."""
    folder.mkdir()
    file = folder / "pulumi"
    file.write_text(f'#!{SHELL}\nprintf "%s\\n" "$@" > {folder}/asked\n{script}\n')
    file.chmod(0o755)
    return file


def test_live_asks_pulumi_without_secrets(main, tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    pulumi(folder, """echo '{"vpc_id": "vpc-1", "kubeconfig": "[secret]"}'""")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert main("outputs", "acme/prod", "--format", "json", "--live") == (
        0,
        '{\n  "vpc_id": "vpc-1"\n}\n',
        "note: output kubeconfig is left out: kubeconfig is secret\n",
    )
    asked = (folder / "asked").read_text().splitlines()
    assert asked == ["stack", "output", "--json", "--stack", "acme/prod", "--cwd", str(tmp_path), "--non-interactive"]


def test_live_without_a_stack_or_without_pulumi(main, tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    pulumi(folder, "echo 'error: no stack named prod\n  found' >&2; exit 255")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    words = "error: --live: `pulumi stack output` failed: no stack named prod found\n"
    assert main("outputs", "prod", "--format", "json", "--live") == (1, "", words)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main("outputs", "prod", "--format", "json", "--live") == (
        2,
        "",
        (
            "error: --live needs the Pulumi CLI, and there is none on PATH; install it (pulumi.com/docs/install), or "
            "give a file with --from\n"
        ),
    )


def test_usage(main):
    assert main("outputs", "prod")[0] == 2
    assert main("outputs", "prod", "--format", "json", "--live", "--from", "x")[0] == 2
    assert main("outputs", "nope", "--format", "json")[2].endswith("the stacks of this project are dev, prod\n")


def test_two_stacks_are_compared(main):
    code, out, err = main("compare", "dev", "prod")
    assert (code, err) == (0, "")
    assert out.startswith("proj, dev and prod: only outputs differ; 0 alike\n")
    assert "\nOutputs\n  size: 3 | 5\n" in out
    code, out, _ = main("compare", "dev", "prod", "--format", "json", "--out", "diff.json")
    assert (code, out) == (0, "")
    assert json.loads(Path("diff.json").read_text())["outputs"] == [{"path": "size", "first": 3, "second": 5}]


def test_a_stack_that_cannot_be_compared(main):
    assert main("compare", "dev", "dev") == (2, "", "error: dev: is compared with itself; name two stacks\n")
    assert main("compare", "dev", "nope")[0] == 2
    Path("Pulumi.prod.yaml").write_text("config: {size: x}\n")
    code, out, err = main("compare", "dev", "prod")
    assert (code, out) == (2, "")
    assert "'proj:size' value 'x' is not a valid 'int'" in err
    Path("__main__.py").write_text("raise ValueError('no')\n")
    assert main("compare", "dev", "prod")[0] == 1


@pytest.mark.parametrize("name", ["compare", "outputs"])
def test_help_imports_neither_pulumi_nor_pydantic_nor_rich(name):
    script = (
        "import contextlib, io, sys\nfrom mlplatform import cli\n"
        f"with contextlib.redirect_stdout(io.StringIO()):\n    cli.main(['{name}', '--help'])\n"
        "print(sorted({'pulumi', 'rich', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
