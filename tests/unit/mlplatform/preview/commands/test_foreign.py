"""`mlplatform preview --project` on small Pulumi programs that do not use this library."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).with_name("foreign")


def preview(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("mlplatform")),
        "preview",
        "dev",
        "--project",
        str(PROGRAMS / name),
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def graph(name: str, *options: str) -> dict[str, Any]:
    done = preview(name, "--format", "json", *options)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def node(recorded: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(item) for item in recorded["resources"] if item["name"] == name)


def test_reads_and_stack_references() -> None:
    recorded = graph("reads")
    assert node(recorded, "shared") == {
        "urn": "urn:pulumi:dev::reads::aws:ec2/vpc:Vpc::shared",
        "type": "aws:ec2/vpc:Vpc",
        "name": "shared",
        "kind": "read",
        "parent": "urn:pulumi:dev::reads::pulumi:pulumi:Stack::reads-dev",
        "inputs": {},
        "outputs": {},
        "id": "vpc-0123456789abcdef0",
        "provider": None,
        "dependencies": [],
        "property_dependencies": {},
        "options": {},
        "leaf": None,
        "source": {"file": "__main__.py", "line": 7},
        "waits_for": [],
    }
    assert node(recorded, "acme/network/prod")["kind"] == "read"
    assert node(recorded, "subnet")["inputs"] == {"cidrBlock": "[unknown]", "vpcId": "vpc-0123456789abcdef0"}
    assert recorded["outputs"]["zone"] == "[unknown]"


def test_reads_and_stack_references_with_answers(tmp_path: Path) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text(
        "pulumi:pulumi:StackReference:\n"
        "- args: {name: acme/network/prod}\n"
        "  result: {outputs: {cidr: 10.9.0.0/24, zone: eu-west-1a}, secretOutputNames: []}\n"
        "aws:ec2/vpc:Vpc: {arn: 'arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-0123456789abcdef0'}\n"
    )
    recorded = graph("reads", "--answers", str(answers))
    assert node(recorded, "subnet")["inputs"]["cidrBlock"] == "10.9.0.0/24"
    assert recorded["outputs"]["zone"] == "eu-west-1a"
    assert recorded["outputs"]["vpc"] == "arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-0123456789abcdef0"


def test_transforms_of_components_and_the_stack() -> None:
    bucket = node(graph("transforms"), "store-data")
    assert bucket["urn"] == "urn:pulumi:dev::transforms::acme:index:Store$aws:s3/bucket:Bucket::store-data"
    assert bucket["inputs"] == {"tags": {"team": "vision"}}
    assert bucket["options"]["protect"] is True


def test_helm_release_on_a_cluster_known_later() -> None:
    recorded = graph("release")
    assert node(recorded, "cluster")["inputs"] == {"kubeconfig": "[secret]"}
    assert node(recorded, "ingress")["provider"] == node(recorded, "cluster")["urn"]
    assert node(recorded, "notes")["inputs"]["data"] == {"status": "[unknown]"}


def test_secrets_never_leave_and_prints_go_to_stderr() -> None:
    for options in ((), ("--format", "json")):
        done = preview("secrets", *options)
        assert done.returncode == 0
        assert "correct horse" not in done.stdout + done.stderr
        assert "making the database" not in done.stdout
        assert "making the database\n" in done.stderr
    assert json.loads(done.stdout)["outputs"]["url"] == "[secret]"


def test_duplicate_names_fail_as_they_do_in_the_engine() -> None:
    done = preview("duplicate")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: Traceback (most recent call last), your program's frames only:\n"
        '  File "__main__.py", line 11\n'
        "    topic()\n"
        '  File "__main__.py", line 7\n'
        '    return aws.sns.Topic("alerts")\n'
        "Duplicate resource URN 'urn:pulumi:dev::duplicate::aws:sns/topic:Topic::alerts'; try giving it a unique name\n"
    )


def test_unknown_lookups_are_named_together_with_a_way_to_answer_them(tmp_path: Path) -> None:
    done = preview("lookups")
    assert (done.returncode, done.stdout) == (2, "")
    tokens = ["aws:ec2/getAmi:getAmi", "aws:route53/getZone:getZone", "aws:ssm/getParameter:getParameter"]
    assert "error: 3 lookups have no answer offline:\n" + "".join(f"  {token}\n" for token in tokens) in done.stderr
    answers = tmp_path / "answers.yaml"
    filled = done.stderr.partition("--answers FILE:\n\n")[2].partition("error:")[0]
    for result in ("{id: ami-0123456789abcdef0}", "{name: acme.example}", "{value: t0ken}"):
        filled = filled.replace("{}  # what the provider returns, keys in camelCase", result, 1)
    answers.write_text(filled)
    recorded = graph("lookups", "--answers", str(answers))
    assert node(recorded, "server")["inputs"]["ami"] == "ami-0123456789abcdef0"
    assert recorded["outputs"] == {"domain": "ACME.EXAMPLE"}


def test_failures_show_the_users_own_frame_only() -> None:
    done = preview("failing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: Traceback (most recent call last), your program's frames only:\n"
        '  File "__main__.py", line 8, in shorten\n'
        "    return name[:4] + 1\n"
        'TypeError: can only concatenate str (not "int") to str\n'
    )


def test_bad_arguments_of_an_imported_component_are_lines_and_not_a_traceback() -> None:
    done = preview("importing")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert [line.partition(":")[0] for line in done.stderr.removeprefix("error: ").splitlines()] == [
        "NetworkArgs.cidr",
        "NetworkArgs.nat",
        "NetworkArgs.zones",
    ]


@pytest.mark.parametrize("name", ["reads", "transforms", "release", "secrets"])
def test_foreign_programs_give_the_same_bytes_every_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    first = preview(name, "--format", "json").stdout
    monkeypatch.setenv("PYTHONHASHSEED", "2")
    assert preview(name, "--format", "json").stdout == first
