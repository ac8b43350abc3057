"""Configuration that stands in a Terraform state: what is read, and each message in full."""

import json
from pathlib import Path

import pulumi
import pytest

from mlplatform.core.args import InvalidArgs
from mlplatform.core.terraform_state import S3_TOKEN, TerraformS3State, with_terraform_outputs
from mlplatform.preview import recorder
from recorded import ROOT, record

STATE = {
    "version": 4,
    "terraform_version": "1.11.4",
    "outputs": {
        "vpc_id": {"value": "vpc-0a1b", "type": "string"},
        "subnets": {"value": ["subnet-1", "subnet-2"], "type": ["list", "string"]},
        "zones": {"value": {"a": {"count": 2}}, "type": ["object", {}]},
        "password": {"value": "s3cr3t", "type": "string", "sensitive": True},
        "nothing": {"value": None, "type": "string"},
    },
    "resources": [],
}
S3 = {"bucket": "states", "key": "network.tfstate", "region": "eu-west-1"}


@pytest.fixture
def folder(tmp_path):
    """A folder of stack files, with a state beside it."""
    (tmp_path / "network").mkdir()
    (tmp_path / "stacks").mkdir()
    (tmp_path / "network" / "terraform.tfstate").write_text(json.dumps(STATE))
    return tmp_path / "stacks"


def of(output, state="../network/terraform.tfstate"):
    return {"terraform": {"state": state, "output": output}}


def refused(values, folder=Path()):
    with pytest.raises(InvalidArgs) as error:
        with_terraform_outputs(values, folder, "mlplatform:")
    return str(error.value).splitlines()


def test_an_output_stands_in_place_of_its_reference_at_any_depth(folder):
    given = {
        "network": {"existing": {"vpc_id": of("vpc_id"), "private_subnet_ids": of("subnets")}},
        "pools": [{"zones": of("zones")}, "x"],
        "region": of("vpc_id"),
        "plain": {"terraform": 1, "other": 2},
        "number": 3,
    }
    assert with_terraform_outputs(given, folder) == {
        "network": {"existing": {"vpc_id": "vpc-0a1b", "private_subnet_ids": ["subnet-1", "subnet-2"]}},
        "pools": [{"zones": {"a": {"count": 2}}}, "x"],
        "region": "vpc-0a1b",
        "plain": {"terraform": 1, "other": 2},
        "number": 3,
    }


def test_a_path_may_be_absolute(folder, tmp_path):
    file = str(tmp_path / "network" / "terraform.tfstate")
    assert with_terraform_outputs({"a": of("vpc_id", file)}, Path("/nowhere")) == {"a": "vpc-0a1b"}


SENSITIVE = (
    "is sensitive, and configuration is kept in clear; put the value into Secrets Manager, and give its name or ARN "
    "where one is asked for"
)
GONE = (
    "../gone.tfstate cannot be read: No such file or directory; allowed is a path from the folder of the stack files, "
    "or an absolute one"
)


def test_what_terraform_output_writes_is_read_too(folder):
    written = {name: {"sensitive": False, **one} for name, one in STATE["outputs"].items()}
    (folder / "network.json").write_text(json.dumps(written))
    assert with_terraform_outputs({"a": of("subnets", "network.json")}, folder) == {"a": ["subnet-1", "subnet-2"]}
    assert refused({"a": of("password", "network.json")}, folder) == [
        f"mlplatform:a.terraform: output password of network.json {SENSITIVE}"
    ]


def test_every_bad_reference_has_its_line_and_no_value_of_the_state_is_shown(folder):
    given = {
        "a": {"b": [of("vpcid")]},
        "c": of("password"),
        "d": of("nothing"),
        "e": of("vpc_id", "../gone.tfstate"),
        "f": of("subnet", "../gone.tfstate"),
    }
    lines = refused(given, folder)
    state = "../network/terraform.tfstate"
    known = "nothing, password, subnets, vpc_id, zones"
    assert lines == [
        f"mlplatform:a.b[0].terraform: {state} has no output vpcid; allowed are {known}",
        f"mlplatform:c.terraform: output password of {state} {SENSITIVE}",
        f"mlplatform:d.terraform: output nothing of {state} is null; allowed is one with a value",
        f"mlplatform:e.terraform: {GONE}",
        f"mlplatform:f.terraform: {GONE}",
    ]
    assert "s3cr3t" not in "".join(lines)


NO_STATE = "is no Terraform state; allowed is one, or what `terraform output -json` writes"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"version": 3, "modules": []}', "is a state of version 3; allowed is 4"),
        ('{"version": 4}', NO_STATE),
        ('{"version": 4, "outputs": {"a": 1}}', NO_STATE),
        ('{"serial": 1, "encrypted_data": "abc"}', NO_STATE),
        ("[]", NO_STATE),
        ("not json", NO_STATE),
    ],
)
def test_what_is_no_state(tmp_path, text, message):
    (tmp_path / "s").write_text(text)
    assert refused({"a": of("x", "s")}, tmp_path) == [f"mlplatform:a.terraform: s {message}"]


@pytest.mark.parametrize(
    ("reference", "messages"),
    [
        ("x", [": got 'x'; allowed is a mapping of output, state, s3"]),
        ({"output": "x"}, [": got neither state nor s3; allowed is one of them"]),
        ({"output": "x", "state": "s", "s3": S3}, [": got both state and s3; allowed is one of them"]),
        (
            {"output": "x", "s3": {"bucket": "b", "secret_key": "k"}},
            [
                ".s3.key: missing; set it: Path of the state in it, as in Terraform's backend",
                (
                    ".s3.region: missing; set it: Region of the bucket; required, for otherwise the environment of "
                    "whoever runs it would decide"
                ),
                (
                    ".s3.secret_key: unknown field; known are bucket, key, region, role_arn, workspace, "
                    "workspace_key_prefix"
                ),
            ],
        ),
    ],
)
def test_what_is_no_reference(reference, messages):
    assert refused({"a": {"terraform": reference}}) == [f"mlplatform:a.terraform{line}" for line in messages]


def reading(values):
    return lambda: pulumi.export("read", with_terraform_outputs(values, Path(), "mlplatform:"))


def test_a_state_in_s3_is_read_once_by_pulumis_provider():
    more = {**S3, "workspace": "prod", "workspace_key_prefix": "env", "role_arn": "arn:aws:iam::111122223333:role/r"}
    values = {
        "vpc_id": {"terraform": {"s3": S3, "output": "vpc_id"}},
        "subnets": {"terraform": {"s3": S3, "output": "subnets"}},
        "other": {"terraform": {"s3": more, "output": "vpc_id"}},
    }
    answers = {
        S3_TOKEN: [
            {
                "args": {"workspace": "prod", "workspaceKeyPrefix": "env", "roleArn": more["role_arn"]},
                "result": {"outputs": {"vpc_id": "vpc-prod"}},
            },
            {
                "args": {**S3, "workspace": "default"},
                "result": {"outputs": {"vpc_id": "vpc-0a1b", "subnets": ["subnet-1"]}},
            },
        ]
    }
    found = record(reading(values), answers=answers).raw["outputs"]["read"]
    assert found == {"vpc_id": "vpc-0a1b", "subnets": ["subnet-1"], "other": "vpc-prod"}


def test_offline_a_state_in_s3_without_an_answer_is_named_as_a_lookup():
    values = {"vpc_id": {"terraform": {"s3": S3, "output": "vpc_id"}}}
    request = {
        "schema": 1,
        "project": {"name": "tests", "root": str(ROOT)},
        "stack": "test",
        "config": {},
        "strict_unknowns": False,
        "answers": {},
    }
    graph = recorder.record(reading(values), request)
    assert graph["unanswered"] == [{"token": S3_TOKEN, "args": {**S3, "workspace": "default"}}]
    assert (graph["status"], graph["error"]["message"]) == (
        "refused",
        (
            "mlplatform:vpc_id.terraform: s3://states/network.tfstate gave no outputs; allowed is a state that this "
            "stack's credentials can read"
        ),
    )


def test_no_credentials_can_stand_in_a_configuration():
    assert set(TerraformS3State.model_fields) == {
        "bucket",
        "key",
        "region",
        "role_arn",
        "workspace",
        "workspace_key_prefix",
    }
