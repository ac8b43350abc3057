"""WorkloadRole, on its recorded graph."""

from typing import Any

import pulumi
import pytest

from examples.workload_role import BASE, READ
from mlplatform.core.args import InvalidArgs
from mlplatform.workload_role import WorkloadRole, WorkloadRoleArgs
from recorded import Recorded, Refused, absent, record

ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
COMPONENT = "mlplatform:index:WorkloadRole"
SMALLEST: dict[str, Any] = {"namespace": "features", "service_account": "reader"}


def graph_of(args: dict[str, Any], **options: Any) -> Recorded:
    return record(lambda: WorkloadRole("x", WorkloadRoleArgs.of(args)), **options)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


def test_only_pods_of_the_service_account_take_the_role(full: Recorded) -> None:
    assert full.statements(ROLE, prop="assumeRolePolicy") == [
        {
            "Sid": "PodIdentityAssumesRole",
            "Effect": "Allow",
            "Principal": {"Service": ["pods.eks.amazonaws.com"]},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {
                "StringEquals": {
                    "aws:RequestTag/kubernetes-namespace": "features",
                    "aws:RequestTag/kubernetes-service-account": "reader",
                }
            },
        }
    ]


def test_role_says_whose_it_is(full: Recorded) -> None:
    full.has(ROLE, {"description": "features/reader by EKS Pod Identity"}, name="x-role")


def test_boundary_bounds_the_role(full: Recorded, smallest: Recorded) -> None:
    full.has(ROLE, {"permissionsBoundary": "arn:aws:iam::123456789012:policy/boundary"})
    smallest.has(ROLE, {"permissionsBoundary": absent})


def test_each_policy_is_a_managed_policy_of_its_own(full: Recorded) -> None:
    full.has(POLICY, {"policy": READ}, name="x-read")
    policy = full.one(POLICY, "x-read")
    role_name = full.one(ROLE)["outputs"]["name"]
    assert full.inputs(ATTACHMENT, "x-read") == {"role": role_name, "policyArn": policy["outputs"]["arn"]}


def test_managed_policies_are_attached(full: Recorded) -> None:
    assert full.inputs(ATTACHMENT, "x-managed-0") == {
        "role": full.one(ROLE)["outputs"]["name"],
        "policyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    }


def test_service_account_is_associated_with_the_role(full: Recorded) -> None:
    assert full.inputs(ASSOCIATION) == {
        "clusterName": "ml-dev",
        "namespace": "features",
        "serviceAccount": "reader",
        "roleArn": full.one(ROLE)["outputs"]["arn"],
    }


def test_without_cluster_the_role_waits_for_one(smallest: Recorded) -> None:
    assert sorted(node["type"] for node in smallest.resources) == [ROLE, COMPONENT]


def test_outputs_name_the_role(full: Recorded) -> None:
    role = full.one(ROLE)["outputs"]
    assert full.one(COMPONENT)["outputs"] == {"role_arn": role["arn"], "role_name": role["name"]}


def test_outputs_are_accepted() -> None:
    def program() -> None:
        later = {key: pulumi.Output.from_input(value) for key, value in BASE.items() if key.endswith(("_arn", "_name"))}
        policies = {"read": pulumi.Output.from_input(READ)}
        arns = [pulumi.Output.from_input("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")]
        args = {**SMALLEST, **later, "policies": policies, "managed_policy_arns": arns}
        WorkloadRole("x", WorkloadRoleArgs.of(args))

    graph, plain = record(program), graph_of(BASE)
    for node in plain.resources:
        assert graph.one(node["type"], node["name"])["inputs"] == node["inputs"]


def test_records_with_everything_unknown(full: Recorded) -> None:
    strict = graph_of(BASE, strict=True)
    assert [node["urn"] for node in strict.resources] == [node["urn"] for node in full.resources]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"namespace": "Features"},
            (
                "WorkloadRoleArgs.namespace: got 'Features'; allowed is a DNS label of at most 63 characters, such as "
                "feature-reader"
            ),
        ),
        (
            {"service_account": "a" * 64},
            (
                f"WorkloadRoleArgs.service_account: got '{'a' * 64}'; allowed is a DNS label of at most 63 characters, "
                "such as feature-reader"
            ),
        ),
        ({"namespace": None}, "WorkloadRoleArgs.namespace: missing; set it: Namespace of the service account"),
        (
            {"cluster": "ml-dev"},
            (
                "WorkloadRoleArgs.cluster: unknown field; known are cluster_name, managed_policy_arns, namespace, "
                "permissions_boundary_arn, policies, service_account; did you mean 'cluster_name'?"
            ),
        ),
    ],
)
def test_bad_arguments_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        WorkloadRoleArgs.of({**SMALLEST, **changes})
    assert str(refused.value) == message


def test_program_with_bad_arguments_is_refused() -> None:
    with pytest.raises(Refused, match=r"^WorkloadRoleArgs.namespace: got '_'; "):
        graph_of({**SMALLEST, "namespace": "_"})
