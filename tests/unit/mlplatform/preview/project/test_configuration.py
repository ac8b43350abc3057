"""Project and stack files: what a program is given, held against the Pulumi CLI where there is one; every refusal."""

import json
import os
import random
import shutil
import string
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlplatform.preview.errors import BadInput
from mlplatform.preview.project.configuration import StackConfig, load_project, load_stack
from mlplatform.preview.project.yamlfile import disputed, dump, read

PROJECT = "name: proj\nruntime: python\n"

VALUES = {
    "true": "true",
    "True": "true",
    "TRUE": "true",
    "false": "false",
    "null": "",
    "~": "",
    "": "",
    "1": "1",
    "-1": "-1",
    "0": "0",
    "-0": "0",
    "1.5": "1.5",
    "1.50": "1.5",
    "1.0": "1",
    "-0.0": "0",
    "0.00001": "0.00001",
    "0.0000001": "1e-7",
    "100000000.5": "100000000.5",
    "12345678901234567890.5": "12345678901234567000",
    "1000000000000000000000.5": "1e+21",
    "9007199254740993": "9007199254740993",
    "18446744073709551615": "18446744073709551615",
    "-9223372036854775809": "-9223372036854776000",
    "10000000000000000000000": "1e+22",
    '"quoted"': "quoted",
    '"0123"': "0123",
    "'yes'": "yes",
    '""': "",
    "plain words": "plain words",
    "10.0.0.0/16": "10.0.0.0/16",
    "1.30.1": "1.30.1",
    "8080:80": "8080:80",
    "2026-01": "2026-01",
    "arn:aws:iam::123456789012:role/r": "arn:aws:iam::123456789012:role/r",
    "|\n    two\n    lines\n": "two\nlines\n",
    ">-\n    folded\n    line\n": "folded line",
    "!!str 12": "12",
    "[]": "[]",
    "{}": "{}",
    '[1, "2", true, null, ~, 1.0, -1.5]': '[1,"2",true,null,null,1,-1.5]',
    "{b: true, a: {c: [x, {e: 1, d: 2}]}, z: null}": '{"a":{"c":["x",{"d":2,"e":1}]},"b":true,"z":null}',
    "{1: a, b: 2}": '{"1":"a","b":2}',
    "{i: 18446744073709551615, j: 10000000000000000000000}": '{"i":18446744073709552000,"j":1e+22}',
    "{small: 0.0000001, whole: 12345678901234567890.0}": '{"small":1e-7,"whole":12345678901234567000}',
    '{text: "é<&>\\u2028"}': '{"text":"é\\u003c\\u0026\\u003e\\u2028"}',
    "{<<: [{a: 1, b: 1}, {b: 2, c: 2}], c: 3}": '{"a":1,"b":1,"c":3}',
}
"""A stack's value as YAML, and the text that the program is given."""

DEFAULTS = {
    "text": "text",
    '"007"': "007",
    "7": "7",
    "true": "true",
    "[1, a]": '[1,"a"]',
    "{default: 1.0}": "1",
    "{default: 1.5}": "1.5",
    "{default: 18446744073709551615}": "18446744073709552000",
    '{default: [1.50, "<"]}': '[1.5,"\\u003c"]',
    "{default: {a: null, b: x}}": '{"a":null,"b":"x"}',
    "{value: 3, description: three}": "3",
    "{type: integer, default: 5}": "5",
    "{type: array, items: {type: array, items: {type: integer}}, default: [[1], []]}": "[[1],[]]",
}
"""A project's declaration as YAML, and the text that the program is given where the stack is silent."""

NUMBERS_TO_SOME = """
    0123 -0123 +0123 00 08 0o17 0o+17 0O17 0x1F 0X1f -0x1F 0b11 0b-1 0B11 1_000 0_x5 +35e4_ 0.1_0
    +1 +1.5 .5 -.5 +.5 1. 1e3 1E3 -1e3 1.5e+3 1.5e-3 .inf -.inf +.Inf .nan .NaN
"""
WORDS_AND_TIMES = """
    yes Yes YES no No NO on On ON off Off OFF y Y n N = <<
    12:30 1:30:15 190:20:30.15 2026-01-01 2026-1-1 2026-01-01T10:00:00Z 2026-01-01t10:00:00+02:00
"""
DISPUTED = (*NUMBERS_TO_SOME.split(), *WORDS_AND_TIMES.split(), "2026-01-01 10:00:00")


def write(folder: Path, stack: str | None = None, project: str = PROJECT) -> None:
    folder.joinpath("Pulumi.yaml").write_text(project, encoding="utf-8")
    folder.joinpath("__main__.py").touch()
    if stack is not None:
        folder.joinpath("Pulumi.dev.yaml").write_text(stack, encoding="utf-8")


def load(stack: str | None = None, project: str = PROJECT) -> StackConfig:
    write(Path(), stack, project)
    return load_stack(load_project(Path()), "dev")


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table_files() -> dict[str, str]:
    """Both tables as one project and one stack; the keys expected, with their texts."""
    stack = "".join(f"  v{i}: {text}\n" for i, text in enumerate(VALUES))
    declared = "".join(f"  d{i}: {text}\n" for i, text in enumerate(DEFAULTS))
    write(Path(), f"config:\n{stack}", f"{PROJECT}config:\n{declared}  aws:region: eu-west-1\n")
    return {
        **{f"proj:v{i}": text for i, text in enumerate(VALUES.values())},
        **{f"proj:d{i}": text for i, text in enumerate(DEFAULTS.values())},
        "aws:region": "eu-west-1",
    }


def test_values_are_the_text_that_the_engine_passes():
    expected = table_files()
    assert load_stack(load_project(Path()), "dev") == StackConfig("dev", dict(sorted(expected.items())))


# --- the same against the CLI ----------------------------------------------------------------------------------------


@pytest.fixture
def pulumi(tmp_path, monkeypatch):
    """Runs the Pulumi CLI on a backend of its own, with the stack dev made."""
    command = shutil.which("pulumi")
    if not command:
        pytest.skip(
            "no `pulumi` on PATH: install it, or build it from the Go module proxy in a module that requires "
            "github.com/pulumi/pulumi/pkg/v3: go build -ldflags '-X github.com/pulumi/pulumi/sdk/v3/go/common/version."
            "Version=v3.259.0' github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
        )
    for folder in ("home", "backend", "elsewhere"):
        tmp_path.joinpath(folder).mkdir()
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/backend")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "test")
    monkeypatch.setenv("PULUMI_SKIP_UPDATE_CHECK", "1")

    def run(*arguments, cwd=None):
        return subprocess.run([command, *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout

    elsewhere = tmp_path / "elsewhere"
    elsewhere.joinpath("Pulumi.yaml").write_text(PROJECT)
    run("stack", "init", "dev", cwd=elsewhere)
    return run


def cli_config(pulumi) -> dict[str, str]:
    shown = json.loads(pulumi("config", "--stack", "dev", "--json", "--show-secrets"))
    return {key: entry["value"] for key, entry in shown.items()}


def test_the_cli_passes_the_same_text(pulumi):
    assert table_files() == cli_config(pulumi)


def test_the_cli_reads_every_accepted_scalar_as_we_do(pulumi):
    chooser = random.Random(3)  # noqa: S311 - nothing secret
    drawn = {"".join(chooser.choices("0123456789.:-+_eExobyn", k=chooser.randint(1, 6))) for _ in range(600)}
    plain = sorted(text for text in drawn if not disputed(text) and text[0] not in "-:" and ":" not in text[-1])
    write(Path(), "config:\n" + "".join(f"  k{i}: {text}\n" for i, text in enumerate(plain)))
    assert load_stack(load_project(Path()), "dev").values == cli_config(pulumi)


def test_the_cli_marks_the_same_keys_secret(pulumi):
    write(Path(), "config:\n  open: x\n")
    pulumi("config", "set", "--stack", "dev", "--secret", "password", "hunter2")
    pulumi("config", "set", "--stack", "dev", "--secret", "--path", "database.password", "hunter2")
    pulumi("config", "set", "--stack", "dev", "--path", "database.user", "admin")
    shown = json.loads(pulumi("config", "--stack", "dev", "--json"))
    config = load_stack(load_project(Path()), "dev")
    assert config.secret_keys == {key for key, entry in shown.items() if entry["secret"]}
    assert config == StackConfig(
        "dev",
        {
            "proj:database": '{"password":"[secret]","user":"admin"}',
            "proj:open": "x",
            "proj:password": "[secret]",
        },
        frozenset({"proj:database", "proj:password"}),
    )


# --- what readers disagree about -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", DISPUTED)
def test_a_disputed_scalar_is_refused_with_its_place(text):
    with pytest.raises(BadInput) as refused:
        load(f"config:\n  nodes:\n    - size: {text}\n")
    assert str(refused.value) == (
        f"Pulumi.dev.yaml:3:13: config.nodes[0].size is {text} without quotes, which YAML readers take for different "
        f'values; quote it: "{text}"'
    )


@pytest.mark.parametrize("text", DISPUTED)
def test_a_disputed_scalar_is_fine_in_quotes(text):
    assert load(f'config:\n  size: "{text}"\n').values == {"proj:size": text}


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789.:-+_eExXoObBaAyYnNtTzZ~=<", min_size=1, max_size=8))
def test_what_is_accepted_means_the_same_to_a_yaml_1_1_reader(text):
    try:
        theirs = yaml.safe_load(f"[{text}, {text}]")
    except (yaml.YAMLError, ValueError):
        return
    if disputed(text) or not isinstance(theirs, list) or any(isinstance(item, dict) for item in theirs):
        return
    file = Path("scalar.yaml")
    file.write_text(f"[{text}, {text}]")
    assert read(file).value() == theirs


@given(st.text(string.printable + "é\u2028", max_size=30))
def test_written_text_is_text_to_every_reader(text):
    written = dump({"key": text})
    file = Path("written.yaml")
    file.write_text(written, encoding="utf-8", newline="")
    assert yaml.safe_load(written) == {"key": text} == read(file).value()


# --- refusals --------------------------------------------------------------------------------------------------------

TAB = "found character '\\t' that cannot start any token"

STACK_ERRORS = {
    "config:\n  a: 1\n  a: 2\n": "Pulumi.dev.yaml:3:3: config.a is there twice; remove one",
    "config:\n  o: {x: 1, x: 2}\n": "Pulumi.dev.yaml:2:13: config.o.x is there twice; remove one",
    "config:\n  a: 1\n  proj:a: 2\n": (
        "Pulumi.dev.yaml:3:11: config.proj:a sets proj:a again, after Pulumi.dev.yaml:2:6; remove one"
    ),
    "config:\n\ta: 1\n": (
        f"Pulumi.dev.yaml:2:1: while scanning for the next token, {TAB}; indent with spaces, YAML forbids tabs"
    ),
    "config: 3\n": 'Pulumi.dev.yaml:1:9: config is "3"; it must be a mapping (key: value)',
    "config: [a]\n": "Pulumi.dev.yaml:1:9: config is a list; it must be a mapping (key: value)",
    "- a\n": "Pulumi.dev.yaml:1:1: is a list; it must be a mapping (key: value)",
    "config:\n  a:b:c: 1\n": (
        "Pulumi.dev.yaml:2:10: config.a:b:c is no configuration key; allowed are <name> and <namespace>:<name>"
    ),
    "config:\n  a: &x [*x]\n": "Pulumi.dev.yaml:2:6: config.a contains itself; write the value out",
    "config:\n  a: !custom 12\n": (
        "Pulumi.dev.yaml:2:6: config.a has the tag !custom, which not every YAML reader knows; write it without a tag"
    ),
    "config:\n  a: {true: x}\n": "Pulumi.dev.yaml:2:7: config.a.key is no text; quote it",
    "config:\n  a: {on: x}\n": (
        "Pulumi.dev.yaml:2:7: config.a.key is on without quotes, which YAML readers take for different values; "
        'quote it: "on"'
    ),
    "config: {}\n---\nconfig: {}\n": (
        "Pulumi.dev.yaml:2:1: expected a single document in the stream, but found another document"
    ),
    "config:\n  a: [1\n": (
        "Pulumi.dev.yaml:3:1: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"
    ),
    "config:\n  a: \x07\n": "Pulumi.dev.yaml: unacceptable character #x0007: special characters are not allowed",
}


@pytest.mark.parametrize(("stack", "message"), STACK_ERRORS.items())
def test_a_bad_stack_file(stack, message):
    with pytest.raises(BadInput) as refused:
        load(stack)
    assert str(refused.value) == message


DECLARATION_ERRORS = {
    ("a: {type: number, default: 1}", ""): (
        'Pulumi.yaml:4:13: config.a.type is "number"; it must be one of string, integer, boolean, object, array'
    ),
    ("a: {type: array}", ""): (
        "Pulumi.yaml:4:6: config.a is an array without the type of its items; "
        "add `items: {type: string}` or another type"
    ),
    ("a: {type: array, items: {}}", ""): (
        "Pulumi.yaml:4:27: config.a.items has no type; add one of string, integer, boolean, object, array"
    ),
    ("a: {type: integer, default: x}", ""): ('Pulumi.yaml:4:31: config.a.default is "x"; the declared type is integer'),
    ("a: {default: 1, value: 2}", ""): "Pulumi.yaml:4:6: config.a has both default and value; keep one",
    ("a: {typ: integer}", ""): (
        "Pulumi.yaml:4:12: config.a.typ is no field of a declaration; allowed are type, items, description, secret, "
        "default, value"
    ),
    ("a: {type: string, secret: maybe}", ""): 'Pulumi.yaml:4:29: config.a.secret is "maybe"; it must be true or false',
    ("a: 1.5", ""): 'Pulumi.yaml:4:6: config.a is "1.5", which must stand in a field; write `default: ...`',
    ("a: null", ""): 'Pulumi.yaml:4:6: config.a is "null", which must stand in a field; write `default: ...`',
    ("a.b: 1", ""): "Pulumi.yaml:4:8: config.a.b is a path into an object; declare the object itself",
    ("aws:region: {default: x}", ""): (
        "Pulumi.yaml:4:25: config.aws:region.default is for the project's own keys; a provider's key takes `value: ...`"
    ),
    ("aws:region: {type: string, value: x}", ""): (
        "Pulumi.yaml:4:22: config.aws:region.type is for the project's own keys; a provider's key takes `value: ...`"
    ),
    ("aws:region: {description: x}", ""): "Pulumi.yaml:4:15: config.aws:region has no value; add `value: ...`",
    ("a: 0123", ""): (
        "Pulumi.yaml:4:6: config.a is 0123 without quotes, which YAML readers take for different values; "
        'quote it: "0123"'
    ),
    ("a: {type: integer}\n  b: {description: x}", "config: {}\n"): (
        "Pulumi.yaml:4:6: config.a has no default, and Pulumi.dev.yaml does not set it; "
        "add `proj:a: <integer>` under config there\n"
        "Pulumi.yaml:5:6: config.b has no default, and Pulumi.dev.yaml does not set it; "
        "add `proj:b: <value>` under config there"
    ),
    ("a: {type: string}", "environment: [shared]\n"): (
        "Pulumi.yaml:4:6: config.a has no default, and Pulumi.dev.yaml does not set it (its `environment:` may, "
        "but only Pulumi Cloud can tell); add `proj:a: <string>` under config there"
    ),
    ("a: {type: integer}", "config: {a: 1.5}\n"): (
        "Pulumi.dev.yaml:1:13: config.a is 1.5; the project declares it as integer"
    ),
    ("a: {type: boolean}", 'config: {a: "True"}\n'): (
        'Pulumi.dev.yaml:1:13: config.a is "True"; the project declares it as boolean'
    ),
    ("a: {type: object}", "config: {a: x}\n"): (
        'Pulumi.dev.yaml:1:13: config.a is "x"; the project declares it as object'
    ),
    ("a: {type: array, items: {type: string}}", "config: {a: [1]}\n"): (
        "Pulumi.dev.yaml:1:13: config.a is [1]; the project declares it as array<string>"
    ),
    ("a: {type: string, secret: true}", "config: {a: x}\n"): (
        "Pulumi.dev.yaml:1:13: config.a must be encrypted; run `pulumi config set --secret proj:a`"
    ),
    ("a: {type: string, secret: true, default: x}", ""): (
        "Pulumi.yaml:4:6: config.a is secret, so it cannot have a default; encrypt a value in each stack"
    ),
}


@pytest.mark.parametrize(("config", "message"), DECLARATION_ERRORS.items())
def test_a_bad_declaration_or_a_value_that_breaks_it(config, message):
    with pytest.raises(BadInput) as refused:
        load(config[1], f"{PROJECT}config:\n  {config[0]}\n")
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        ("integer", "7.0", "7"),
        ("integer", '"-7"', "-7"),
        ("string", "5", "5"),
        ("boolean", '"true"', "true"),
        ("object", "{a: {secure: cipher}}", '{"a":"[secret]"}'),
        ("integer", "{secure: cipher}", "[secret]"),
        ("array, items: {type: integer}", "[1, 2.0, {secure: cipher}]", '[1,2,"[secret]"]'),
    ],
)
def test_a_value_that_reads_as_the_declared_type_is_one(type_, value, text):
    config = load(f"config:\n  a: {value}\n", f"{PROJECT}config:\n  a: {{type: {type_}}}\n")
    assert config.values == {"proj:a": text}


HERE = "give that of a Pulumi project (--project DIR)"

PROJECT_ERRORS = {
    "runtime: python\n": "Pulumi.yaml: name is missing; add a name such as `name: my-project`",
    "": "Pulumi.yaml: name is missing; add a name such as `name: my-project`",
    "name: 3\nruntime: python\n": 'Pulumi.yaml:1:7: name is "3"; it must be text',
    "name:\nruntime: python\n": "Pulumi.yaml:1:6: name is empty; it must be text",
    "name: proj\n": "Pulumi.yaml: runtime is missing; add `runtime: python`",
    "name: proj\nruntime: nodejs\n": (
        "Pulumi.yaml:2:10: runtime is nodejs; the offline preview runs Python programs only (python)"
    ),
    "name: proj\nruntime: {name: yaml}\n": (
        "Pulumi.yaml:2:17: runtime.name is yaml; the offline preview runs Python programs only (python)"
    ),
    "name: proj\nruntime: {options: {}}\n": "Pulumi.yaml:2:10: runtime has no name; write `name: python`",
    "name: proj\nruntime: {name: python, options: {toolchain: conda}}\n": (
        "Pulumi.yaml:2:46: runtime.options.toolchain is conda; it must be one of pip, poetry, uv"
    ),
    "name: proj\nruntime: {name: python, options: {virtualenv: .venv}}\n": (
        "Pulumi.yaml:2:47: runtime.options.virtualenv is .venv, but there is no Python in .venv; make it with "
        "`pulumi install`, or with `python -m venv .venv && .venv/bin/pip install ...`"
    ),
    "name: proj\nruntime: python\nmain: nowhere\n": (
        "Pulumi.yaml:3:7: main is nowhere: there is no nowhere/__main__.py; "
        "main is a directory with a __main__.py, or a .py file"
    ),
    "name: proj\nruntime: python\nmain: gone.py\n": (
        "Pulumi.yaml:3:7: main is gone.py: there is no gone.py; main is a directory with a __main__.py, or a .py file"
    ),
    "name: proj\nruntime: python\nconfig: a\nstackConfigDir: b\n": (
        "Pulumi.yaml:3:9: config and stackConfigDir both name the directory of the stacks' files; keep stackConfigDir"
    ),
    "name: proj\nruntime: python\nconfig: [a]\n": (
        "Pulumi.yaml:3:9: config is a list; it must be a mapping (key: value)"
    ),
}


@pytest.mark.parametrize(("project", "message"), PROJECT_ERRORS.items())
def test_a_bad_project_file(project, message):
    with pytest.raises(BadInput) as refused:
        load("", project)
    assert str(refused.value) == message


def test_no_project(tmp_path):
    with pytest.raises(BadInput) as refused:
        load_project(tmp_path)
    assert str(refused.value) == (f".: has no Pulumi.yaml or Pulumi.yml, and no directory above it has one; {HERE}")
    with pytest.raises(BadInput) as refused:
        load_project(tmp_path / "nowhere")
    assert str(refused.value) == f"nowhere: is no directory; {HERE}"


def test_no_program():
    Path("Pulumi.yaml").write_text(PROJECT)
    with pytest.raises(BadInput) as refused:
        load_project(Path())
    assert str(refused.value) == (".: there is no __main__.py; main is a directory with a __main__.py, or a .py file")


def test_an_unreadable_file():
    write(Path(), "")
    Path("Pulumi.dev.yaml").write_bytes(b"config:\n  a: \xff\n")
    with pytest.raises(BadInput) as refused:
        load_stack(load_project(Path()), "dev")
    assert str(refused.value) == "Pulumi.dev.yaml: is not UTF-8 text; save it as UTF-8"
    with pytest.raises(BadInput) as refused:
        read(Path("gone.yaml"))
    assert str(refused.value) == "gone.yaml: cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (
            "prod",
            "Pulumi.prod.yaml: does not exist, so there is no stack prod; the stacks of this project are dev, eu.test",
        ),
        ("a b", "'a b' is no stack name; it is made of letters, digits, `-`, `_` and `.`, at most 100"),
    ],
)
def test_an_unknown_stack_names_those_that_exist(stack, message):
    write(Path(), "")
    Path("Pulumi.eu.test.yaml").touch()
    with pytest.raises(BadInput) as refused:
        load_stack(load_project(Path()), stack)
    assert str(refused.value) == message


# --- what is found where ---------------------------------------------------------------------------------------------


def test_a_project_is_found_upwards_with_all_that_it_names(tmp_path):
    for folder in ("program", "config", "venv/bin", "below/further"):
        tmp_path.joinpath(folder).mkdir(parents=True)
    tmp_path.joinpath("Pulumi.yml").write_text(
        "name: proj\nmain: program\nstackConfigDir: config\n"
        "runtime: {name: python, options: {virtualenv: venv, toolchain: uv}}\n"
    )
    tmp_path.joinpath("program/__main__.py").touch()
    tmp_path.joinpath("venv/bin/python").touch()
    tmp_path.joinpath("config/Pulumi.eu.dev.yml").write_text("config: {a: 1}\n")
    project = load_project(tmp_path / "below/further")
    assert (project.name, project.root, project.program) == ("proj", tmp_path, tmp_path / "program")
    assert project.interpreter == tmp_path / "venv/bin/python"
    assert project.stacks == ("eu.dev",)
    assert load_stack(project, "eu.dev").values == {"proj:a": "1"}


def test_main_may_be_a_file():
    write(Path(), "", f"{PROJECT}main: ./program.py\n")
    Path("program.py").touch()
    assert load_project(Path()).program == Path.cwd() / "program.py"


def test_config_used_to_name_the_directory_of_stacks():
    write(Path(), "", f"{PROJECT}config: settings\n")
    assert load_project(Path()).stack_dir == Path.cwd() / "settings"


@pytest.mark.parametrize("toolchain", ["pip", "uv", "poetry"])
def test_without_virtualenv_the_usual_one_is_taken_where_the_toolchain_makes_it(toolchain):
    write(Path(), "", f"name: proj\nruntime: {{name: python, options: {{toolchain: {toolchain}}}}}\n")
    assert load_project(Path()).interpreter == Path(sys.executable)
    Path(".venv/bin").mkdir(parents=True)
    Path(".venv/bin/python").touch()
    usual = Path(sys.executable) if toolchain == "pip" else Path.cwd() / ".venv/bin/python"
    assert load_project(Path()).interpreter == usual


def test_a_stack_needs_no_file_where_none_has_one():
    assert load(None) == StackConfig("dev", {})


def test_keys_are_qualified_and_bookkeeping_is_left_out():
    config = load(
        "secretsprovider: awskms://k\nencryptedkey: AAAA\nencryptionsalt: v1:x\n"
        "config:\n  own: 1\n  aws:region: eu-west-1\n  aws:config:profile: p\n"
    )
    assert config == StackConfig("dev", {"aws:profile": "p", "aws:region": "eu-west-1", "proj:own": "1"})


def test_a_stack_overrides_a_default_as_a_whole():
    config = load("config: {a: {x: 2}}\n", f"{PROJECT}config: {{a: {{default: {{x: 1, z: 1}}}}}}\n")
    assert config.values == {"proj:a": '{"x":2}'}


def test_notes_say_what_is_not_in_the_preview():
    assert load("environment: [shared]\nconifg: {}\n").notes == (
        (
            "Pulumi.dev.yaml:1:14: environment names Pulumi ESC environments, which only Pulumi Cloud can resolve: "
            "what they set is not in this preview"
        ),
        (
            "Pulumi.dev.yaml:2:9: conifg is nothing that Pulumi reads; it reads config, environment, secretsprovider, "
            "encryptedkey, encryptionsalt"
        ),
    )


def test_a_byte_order_mark_is_no_part_of_the_first_key():
    write(Path())
    Path("Pulumi.dev.yaml").write_bytes(b"\xef\xbb\xbfconfig:\n  a: 1\n")
    assert load_stack(load_project(Path()), "dev").values == {"proj:a": "1"}


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX links")
def test_the_python_of_a_virtual_environment_is_not_resolved():
    write(Path(), "", "name: proj\nruntime: {name: python, options: {virtualenv: .venv}}\n")
    Path(".venv/bin").mkdir(parents=True)
    Path(".venv/bin/python").symlink_to(sys.executable)
    assert load_project(Path()).interpreter == Path.cwd() / ".venv/bin/python"
