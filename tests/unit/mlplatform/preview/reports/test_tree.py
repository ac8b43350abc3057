"""The report for people, and what is said when there is none."""

import pytest

from mlplatform.preview.graph.model import Frame, Graph, Lookup, Problem, Resource
from mlplatform.preview.reports import tree

STACK = Resource("urn:stack", "pulumi:pulumi:Stack", "proj-dev", "stack")


def resource(name, type_, kind="custom", parent="urn:stack", **fields):
    return Resource(f"urn:{name}", type_, name, kind, parent=parent, **fields)


GRAPH = Graph(
    "proj",
    "dev",
    outputs={"url": "https://x", "password": "[secret]", "document": '{"a": ' + "1" * 100 + "}", "many": [1, {}]},
    resources=(
        STACK,
        resource("ground", "x:index:Network", "component", inputs={"cidr": "10.0.0.0/16", "zones": ["a", "b"]}),
        resource(
            "ground-vpc",
            "aws:ec2/vpc:Vpc",
            parent="urn:ground",
            inputs={"tags": {"Name": "v"}, "cidrBlock": "10.0.0.0/16", "enableDnsSupport": True},
            options={"protect": True, "retain_on_delete": True},
        ),
        resource("old", "aws:ec2/vpc:Vpc", "read", id="vpc-1"),
        resource("eu", "pulumi:providers:aws", "provider", inputs={"region": "eu-west-1"}),
        resource(
            "cm",
            "kubernetes:core/v1:ConfigMap",
            inputs={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"a": "x\ny\n"}},
        ),
        resource("far", "eks:index:Cluster", "remote", leaf="remote component", inputs={"token": "[secret]"}),
    ),
)

TEXT = """\
Offline preview of proj, stack dev

aws:ec2:Vpc  old (read vpc-1)
eks:index:Cluster  far (remote) (leaf, remote component)  token=[secret]
kubernetes:core/v1:ConfigMap  cm  data.a=(2 lines)  metadata.name=cm
pulumi:providers:aws  eu (provider)  region=eu-west-1
x:index:Network  ground  cidr=10.0.0.0/16  zones=[a, b]
  aws:ec2:Vpc  ground-vpc (protected) (retained)  cidrBlock=10.0.0.0/16  enableDnsSupport=true  tags.Name=v

6 resources: 1 component, 2 custom, 1 provider, 1 read, 1 remote
      2  aws
             2  aws:ec2:Vpc
      1  eks
             1  eks:index:Cluster
      1  kubernetes
             1  kubernetes:core/v1:ConfigMap
      1  pulumi
             1  pulumi:providers:aws
      1  x
             1  x:index:Network

Outputs
  document = (107 characters)
  many = [1, {}]
  password = [secret]
  url = https://x

This is offline: the program ran against mocks, with no credentials, and nothing was contacted.
Ids, ARNs, generated names and endpoints are placeholders, not real ones.
Other values that only a provider computes are [unknown]; secrets are [secret], never decrypted.
Only `pulumi preview` knows what exists already, what would change or be deleted, and what a provider refuses.
"""


def test_the_whole_report():
    assert tree.as_text(GRAPH) == TEXT


def test_an_empty_stack():
    text = tree.as_text(Graph("proj", "dev", strict_unknowns=True, resources=(STACK,)))
    assert text == (
        "Offline preview of proj, stack dev\n\nNo resources\n\n"
        "This is offline: the program ran against mocks, with no credentials, and nothing was contacted.\n"
        "Ids, ARNs, generated names and endpoints are unknown too (--strict-unknowns), as in the engine's.\n"
        "Other values that only a provider computes are [unknown]; secrets are [secret], never decrypted.\n"
        "Only `pulumi preview` knows what exists already, what would change or be deleted, "
        "and what a provider refuses.\n"
    )


@pytest.mark.parametrize(
    ("token", "short"),
    [
        ("aws:ec2/vpc:Vpc", "aws:ec2:Vpc"),
        ("aws:s3/bucketVersioning:BucketVersioning", "aws:s3:BucketVersioning"),
        ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:Deployment"),
        ("mlplatform:index:Network", "mlplatform:index:Network"),
        ("pulumi:providers:aws", "pulumi:providers:aws"),
    ],
)
def test_types_are_shown_short(token, short):
    assert tree.short_type(token) == short


@pytest.mark.parametrize(
    ("value", "short"),
    [
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 37 + "..."),
        ("", ""),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ("[unknown]", "[unknown]"),
        ("one line\n", "one line"),
        ("two\nlines", "(2 lines)"),
        ('{"Version": "2012-10-17", "Statement": [{}]}', "(44 characters)"),
        (["a", 1], "[a, 1]"),
        (["a" * 30, "b" * 30], "[2 items]"),
        ([{"a": 1}], "[1 item]"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_values_are_shown_short(value, short):
    assert tree.short(value) == short


def test_inputs_fill_the_room_scalars_and_shallow_ones_first():
    given = resource("r", "aws:x:Y", inputs={"b": [1, 2], "a": {"deep": 1}, "z": "last", "c": "first"})
    assert tree.inputs_that_matter(given, 100) == "c=first  z=last  b=[1, 2]  a.deep=1"
    assert tree.inputs_that_matter(given, 25) == "c=first  z=last  +2"
    assert tree.inputs_that_matter(given, 1) == "c=first  +3"
    assert tree.inputs_that_matter(resource("r", "aws:x:Y"), 100) == ""


def test_no_line_of_the_tree_is_much_longer_than_the_width():
    long = resource("n" * 60, "aws:x:Y", inputs={f"key{i}": "v" * 39 for i in range(9)})
    assert max(map(len, tree.as_text(Graph("p", "s", resources=(STACK, long))).splitlines())) <= tree.WIDTH


def test_a_failed_program_is_shown_with_its_own_frames():
    frames = (Frame("app/__main__.py", 3, "<module>", "build()"), Frame("app/net.py", 7, "", ""))
    assert tree.problem_text(Problem("ValueError: no", frames)) == (
        "Traceback (most recent call last), your program's frames only:\n"
        '  File "app/__main__.py", line 3, in <module>\n'
        "    build()\n"
        '  File "app/net.py", line 7\n'
        "ValueError: no"
    )
    assert tree.problem_text(Problem("Missing key")) == "Missing key"


def test_lookups_without_answers_come_with_a_file_to_fill_in():
    lookups = (
        Lookup("aws:ec2/getAmi:getAmi", {"owners": ["012"], "filter": "[unknown]"}),
        Lookup("aws:ec2/getAmi:getAmi", {}),
        Lookup("aws:ssm/getParameter:getParameter", {"name": "/x"}),
    )
    assert tree.unanswered_text(lookups) == (
        "3 lookups have no answer offline:\n"
        "  aws:ec2/getAmi:getAmi\n"
        "  aws:ec2/getAmi:getAmi\n"
        "  aws:ssm/getParameter:getParameter\n"
        "Save the following as a file, fill in the results, and give it with --answers FILE:\n"
        "\n"
        "aws:ec2/getAmi:getAmi:\n"
        "- args:\n"
        "    owners:\n"
        '    - "012"\n'
        "  result: {}  # what the provider returns, keys in camelCase\n"
        "- args: {}\n"
        "  result: {}  # what the provider returns, keys in camelCase\n"
        "aws:ssm/getParameter:getParameter:\n"
        "- args:\n"
        "    name: /x\n"
        "  result: {}  # what the provider returns, keys in camelCase"
    )
    assert tree.unanswered_text(lookups[:1]).startswith("1 lookup has no answer offline:\n")
