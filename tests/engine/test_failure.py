"""A resource that cannot be created: what does not need it is created all the same, and nothing else is blamed."""

from collections.abc import Callable

import pytest
from deployment import Deployment

from environments import ENVIRONMENTS, composed
from pulumi_cli import needs_cli

pytestmark = needs_cli
STACK = "dev"
FAILING = [
    ("aws:dynamodb/table:Table", "fraud-drift-state"),
    ("aws:ec2/vpc:Vpc", "network-vpc"),
    ("aws:eks/cluster:Cluster", "cluster-cluster"),
    ("aws:s3/bucket:Bucket", "features-offline-bucket"),
]


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_a_preview_of_empty_values_is_no_failure(stack: str, deploy: Callable[[str], Deployment]) -> None:
    deployment = deploy(stack)
    (deployment.world / "placeholders").touch()
    assert deployment.preview().error == ""


@pytest.mark.parametrize("placeholders", [False, True], ids=["unknown", "placeholders"])
@pytest.mark.parametrize(("type_", "name"), FAILING, ids=[name for _, name in FAILING])
def test_the_only_error_is_that_of_the_resource(
    type_: str, name: str, *, placeholders: bool, deploy: Callable[[str], Deployment]
) -> None:
    """The engine asks for a preview of what it skips, and passes on what the provider answers."""
    deployment = deploy(STACK)
    if placeholders:
        (deployment.world / "placeholders").touch()
    (deployment.world / "fail").write_text(composed(STACK).one(type_, name)["urn"])
    done = deployment.up("continue-on-error")
    errors = {line.strip() for line in done.error.splitlines() if line.strip().startswith("error:")}
    assert errors - {"error: update failed"} == {f"error: {name} cannot be created"}
