"""The three environments: the graph that was reviewed, the same on every machine, and complete."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from environments import ENVIRONMENTS
from recorded import ROOT, Recorded

GOLDEN = ROOT / "tests" / "golden"
COMMAND = str(Path(sys.executable).with_name("mlplatform"))


def preview(stack: str, *options: str, project: Path = ROOT, **environment: str) -> str:
    command = [COMMAND, "preview", stack, "--project", str(project), "--format", "json", *options]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def clone(folder: Path) -> Path:
    """The project's files at another place, with this environment's packages."""
    for name in ("components", "policies", "stacks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return folder


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_graph_is_the_golden_one(stack: str, request: pytest.FixtureRequest) -> None:
    file, given = GOLDEN / f"{stack}.json", preview(stack)
    if request.config.getoption("--update-golden"):
        file.write_text(given)
    assert given == file.read_text()


def test_graph_is_the_same_from_another_folder_and_with_other_hashes(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        place = clone(tmp_path / f"clone{seed}")
        given = preview("prod", project=place, PYTHONHASHSEED=seed, PYTHONPATH=str(place / "components"))
        assert given == (GOLDEN / "prod.json").read_text()


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_environment_passes_with_every_computed_value_unknown(stack: str) -> None:
    strict = json.loads(preview(stack, "--strict-unknowns"))
    assert [node["urn"] for node in strict["resources"]] == [node["urn"] for node in golden(stack).raw["resources"]]
    assert strict["placeholders"] == []


def golden(stack: str) -> Recorded:
    return Recorded(json.loads((GOLDEN / f"{stack}.json").read_text()))


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_resource_uses_an_explicit_provider(stack: str) -> None:
    for node in golden(stack).resources:
        if node["kind"] == "custom":
            package = node["type"].partition(":")[0]
            assert node["provider"].split("::")[2].endswith(f"pulumi:providers:{package}"), node["urn"]


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_aws_provider_works_in_the_environments_account_only_and_tags_everything(stack: str) -> None:
    inputs = golden(stack).inputs("pulumi:providers:aws")
    assert len(json.loads(inputs["allowedAccountIds"])) == 1
    tags = json.loads(inputs["defaultTags"])["tags"]
    assert set(tags) == {"cost-centre", "environment", "managed-by", "owner", "project"}
    assert tags["environment"] == stack


def test_environments_are_distinct() -> None:
    blocks = {golden(stack).inputs("aws:ec2/vpc:Vpc")["cidrBlock"] for stack in ENVIRONMENTS}
    accounts = {golden(stack).inputs("pulumi:providers:aws")["allowedAccountIds"] for stack in ENVIRONMENTS}
    assert (len(blocks), len(accounts)) == (len(ENVIRONMENTS), len(ENVIRONMENTS))


def test_production_protects_what_holds_data_and_nothing_beside_it() -> None:
    protected = {node["type"] for node in golden("prod").resources if node["options"].get("protect")}
    assert protected == {
        "aws:amp/workspace:Workspace",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:dynamodb/table:Table",
        "aws:eks/cluster:Cluster",
        "aws:glue/catalogDatabase:CatalogDatabase",
        "aws:kms/alias:Alias",
        "aws:kms/key:Key",
        "aws:rds/instance:Instance",
        "aws:s3/bucket:Bucket",
        "aws:sqs/queue:Queue",
    }
    assert not [node for node in golden("dev").resources if node["options"].get("protect")]


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_nothing_stateful_waits_for_the_cluster(stack: str) -> None:
    stateful = ("aws:s3/bucket:Bucket", "aws:dynamodb/table:Table", "aws:glue/catalogDatabase:CatalogDatabase")
    for node in golden(stack).resources:
        if node["type"] in stateful:
            assert not [urn for urn in node["dependencies"] + node["waits_for"] if "mlplatform:index:Cluster" in urn]


def test_no_stack_file_holds_a_salt_or_a_secret() -> None:
    for stack in ENVIRONMENTS:
        text = (ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text()
        assert "encryptionsalt" not in text
        assert "secure:" not in text


class Writer(yaml.Dumper):
    """Indents the items of a list, as the Pulumi CLI does.

    The rest is the same for both, because Go's yaml.v3 and PyYAML's emitter follow libyaml.
    """

    def expect_block_sequence(self) -> None:
        self.increase_indent(flow=False, indentless=False)
        self.state = self.expect_first_block_sequence_item


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_a_stack_file_has_the_form_that_the_cli_writes(stack: str) -> None:
    text = (ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    written = yaml.emit(yaml.parse(text), Dumper=Writer, width=math.inf, allow_unicode=True).splitlines()
    for line, without_comment in zip(lines, written, strict=True):
        assert line == without_comment or line.startswith(f"{without_comment} # ")
    plain = {key: value for key, value in yaml.safe_load(text)["config"].items() if not isinstance(value, dict | list)}
    assert {key: type(value) for key, value in plain.items()} == dict.fromkeys(plain, str)
