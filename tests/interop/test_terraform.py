"""Beside Terraform, with the real one: it reads a stack's outputs, and a stack's configuration reads its state."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlplatform.core.args import InvalidArgs
from mlplatform.core.terraform_state import with_terraform_outputs
from mlplatform.preview.reports.outputs import RESERVED
from recorded import ROOT

TERRAFORM = shutil.which("terraform")
COMMAND = str(Path(sys.executable).with_name("mlplatform"))
Terraform = Callable[..., str]

pytestmark = pytest.mark.skipif(
    TERRAFORM is None, reason="no terraform on PATH; install it (developer.hashicorp.com/terraform/install)"
)

VARIABLES = {
    "vpc_id": "string",
    "feature_bucket": "string",
    "feature_store_yaml": "string",
    "feature_tables": "map(string)",
    "endpoints": "map(string)",
    "training_quotas": "map(map(string))",
    "service_quotas": "map(list(object({ code = string, name = string, vcpus = number, verified = bool })))",
}
"""Outputs of an environment, by the type that a Terraform program declares for each."""


@pytest.fixture
def terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terraform:
    """Runs Terraform in a folder of its own, with no configuration but the test's."""
    (tmp_path / "terraformrc").touch()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "terraformrc"))
    monkeypatch.setenv("TF_IN_AUTOMATION", "1")
    monkeypatch.setenv("CHECKPOINT_DISABLE", "1")

    def run(*arguments: str, fails: bool = False) -> str:
        command = [str(TERRAFORM), *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def outputs(stack: str, *options: str) -> str:
    command = [COMMAND, "outputs", stack, "--project", str(ROOT), *options]
    done = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def passing_on(variables: Mapping[str, str]) -> str:
    """A program that declares variables and gives each out again: it needs no provider."""
    return "".join(
        f'variable "{name}" {{ type = {type_} }}\noutput "{name}" {{ value = var.{name} }}\n'
        for name, type_ in variables.items()
    )


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_plan_reads_the_outputs_of_an_environment(stack: str, terraform: Terraform, tmp_path: Path) -> None:
    text = outputs(stack, "--format", "tfvars", *(option for name in VARIABLES for option in ("--only", name)))
    (tmp_path / "terraform.tfvars.json").write_text(text)
    (tmp_path / "main.tf").write_text(passing_on(VARIABLES))
    terraform("init", "-input=false")
    said = terraform("plan", "-input=false", "-no-color", "-out=plan")
    assert "Warning" not in said
    planned = json.loads(terraform("show", "-json", "plan"))["planned_values"]["outputs"]
    wanted = {name: value for name, value in json.loads(text).items() if name != "//"}
    assert {name: one["value"] for name, one in planned.items()} == wanted
    assert set(wanted) == set(VARIABLES)


def test_all_outputs_at_once_are_accepted(terraform: Terraform, tmp_path: Path) -> None:
    (tmp_path / "terraform.tfvars.json").write_text(outputs("staging", "--format", "tfvars"))
    (tmp_path / "main.tf").write_text(passing_on({"vpc_id": "string"}))
    terraform("init", "-input=false")
    assert "Error" not in terraform("plan", "-input=false", "-no-color")


def test_names_that_are_made_of_others_are_variables(terraform: Terraform, tmp_path: Path) -> None:
    given = tmp_path / "outputs.json"
    given.write_text(json.dumps({"0 a": 1, "a.b": "x", "a-b": True, "version": "1"}))
    text = outputs("prod", "--from", str(given), "--format", "tfvars", "--prefix", "_")
    (tmp_path / "terraform.tfvars.json").write_text(text)
    (tmp_path / "main.tf").write_text(
        passing_on({"_0_a": "number", "_a_b": "string", "_a-b": "bool", "_version": "string"})
    )
    terraform("init", "-input=false")
    terraform("plan", "-input=false", "-no-color", "-out=plan")
    planned = json.loads(terraform("show", "-json", "plan"))["planned_values"]["outputs"]
    assert {name: one["value"] for name, one in planned.items()} == {
        "_0_a": 1,
        "_a_b": "x",
        "_a-b": True,
        "_version": "1",
    }


def test_the_reserved_names_are_those_that_terraform_refuses(terraform: Terraform, tmp_path: Path) -> None:
    candidates = (*RESERVED, "name", "region", "module", "each", "self", "var", "terraform")
    (tmp_path / "main.tf").write_text("".join(f'variable "{name}" {{}}\n' for name in candidates))
    said = json.loads(terraform("validate", "-json", fails=True))
    refused = {candidates[one["range"]["start"]["line"] - 1] for one in said["diagnostics"]}
    assert refused == set(RESERVED)


PROGRAM = """\
output "vpc_id" { value = "vpc-0a1b" }
output "subnets" { value = tolist(["subnet-1", "subnet-2"]) }
output "by_zone" { value = { a = ["subnet-1"], b = [] } }
output "nodes" { value = 3 }
output "password" {
  value     = "s3cr3t"
  sensitive = true
}
"""


def test_its_state_is_read_where_configuration_names_it(terraform: Terraform, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(PROGRAM)
    terraform("init", "-input=false")
    terraform("apply", "-input=false", "-auto-approve", "-no-color")
    (tmp_path / "network.json").write_text(terraform("output", "-json"))
    wanted: dict[str, Any] = {
        "vpc_id": "vpc-0a1b",
        "subnets": ["subnet-1", "subnet-2"],
        "by_zone": {"a": ["subnet-1"], "b": []},
        "nodes": 3,
    }
    for state in ("terraform.tfstate", "network.json"):
        references = {name: {"terraform": {"state": state, "output": name}} for name in wanted}
        assert with_terraform_outputs(references, tmp_path) == wanted
        with pytest.raises(InvalidArgs, match=rf"^a\.terraform: output password of {state} is sensitive, ") as error:
            with_terraform_outputs({"a": {"terraform": {"state": state, "output": "password"}}}, tmp_path)
        assert "s3cr3t" not in str(error.value)
