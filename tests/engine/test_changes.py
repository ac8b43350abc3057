"""What a change of a stack file does to each resource: the engine and the offline difference agree."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from deployment import Deployment
from test_environments import foreseen, operations

from environments import DELETE, changed
from pulumi_cli import needs_cli

pytestmark = needs_cli
STACK = "prod"
IMAGE = "333333333333.dkr.ecr.eu-west-1.amazonaws.com/{}@sha256:" + "1" * 64

CHANGES: Mapping[str, Mapping[str, Any]] = {
    "a team more": {"queue.teams.search": {"weight": 1}},
    "a team less": {"queue.teams.research": DELETE},
    "a pool more": {
        "pools.notebooks": {
            "purpose": "notebook",
            "accelerator": "L4",
            "instance_types": ["g6.xlarge"],
            "on_demand": {"limit_gpus": 4},
            "karpenter": {"ami_alias": "al2023@v20260903"},
        }
    },
    "a tier less": {"pools.steps.spot": DELETE},
    "a pool's disk": {"pools.training.disk_gib": 300},
    "a pool's image": {"pools.services.karpenter.ami_alias": "al2023@v20261003"},
    "a policy of a team": {"queue.teams.research.stop_policy": "Hold"},
    "an endpoint's namespace": {"endpoints.fraud-scorer.namespace": "scoring"},
    "an endpoint's image": {"endpoints.item-embedder.container.image": IMAGE.format("item-embedder")},
    "an endpoint's model": {"endpoints.limit-advisor.model.version": "10"},
    "an endpoint with a key less": {"endpoints.limit-advisor": DELETE},
    "an endpoint less": {"endpoints.item-embedder": DELETE, "pipelines.embedder-training": DELETE},
    "an endpoint's log less": {"endpoints.item-embedder.request_log": DELETE},
    "the jobs' image": {"queue.dispatcher.image": IMAGE.format("mlplatform-runtime")},
    "the registry's image": {"registry.server.image": IMAGE.format("mlflow")},
    "the registry's storage": {"registry.server.database.storage_gib": 200},
    "an add-on's version": {"addons.eks_versions.ebs_csi": "v1.67.0-eksbuild.1"},
    "an add-on less": {"addons.argo.server": False},
    "a feature view more": {"features.feature_views.device": {}},
    "days of flow logs": {"network.flow_logs.retention_days": 731},
    "a pipeline's schedule": {"pipelines.fraud-training.schedule.cron": "0 4 * * 1"},
    "a deploying role": {"cluster.deployer_arns": ["arn:aws:iam::333333333333:role/other"]},
}


def test_the_engine_does_what_was_foreseen(
    deploy: Callable[[str], Deployment], capsys: pytest.CaptureFixture[str]
) -> None:
    deployment = deploy(STACK)
    made = deployment.up()
    assert made.error == ""
    unlike = {}
    for name, edits in CHANGES.items():
        deployment.write({f"mlplatform:{key}": value for key, value in changed(STACK, edits).items()})
        previewed, diff = deployment.preview(), foreseen(STACK, edits)
        refused = [step.urn for step in diff.steps if step.refused]
        unlike[name] = [] if refused else different(operations(diff), previewed.changes)
        assert bool(previewed.error) == bool(refused), previewed.error
        assert all(line.split("'")[1] in refused for line in previewed.error.splitlines() if "unprotect '" in line)
        with capsys.disabled():
            print(f"\n{name:28}", previewed.count(), *unlike[name], sep="\n  ", flush=True)
    assert {name: lines for name, lines in unlike.items() if lines} == {}


def different(expected: Mapping[str, str], given: Mapping[str, str]) -> list[str]:
    """A line for each resource on which the engine does something else than was foreseen."""
    urns = sorted({*expected, *given})
    return [
        f"{urn}: foreseen {expected.get(urn)}, engine {given.get(urn)}"
        for urn in urns
        if expected.get(urn) != given.get(urn)
    ]
