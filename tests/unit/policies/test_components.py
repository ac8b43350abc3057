"""Each security default of each component, switched off: exactly these rules say so."""

import functools
import json
from typing import Any

import pytest

from components import EXAMPLES, with_values
from judging import config_of, graph_of, judged
from mlplatform_policies.catalogue import RULES

HOUSE = ("child-has-component-parent", "required-tags", "tag-environment-matches")
"""Rules about tags and components: an example has neither a provider with tags nor a stack around it."""
DEFAULTS: dict[tuple[str, str], set[str]] = {
    ("network", "flow_logs.enabled"): {"vpc-flow-logs"},
    ("network", "deletion_protection"): {"stateful-protected"},
    ("cluster", "log_retention_days"): {"logs-kms-and-retention"},
    ("cluster", "version"): {"eks-version-supported"},
    ("cluster", "deletion_protection"): {"eks-deletion-protection", "stateful-protected"},
    ("drift_monitor", "deletion_protection"): {"dynamodb-recoverable", "stateful-protected"},
    ("feature_store", "deletion_protection"): {"dynamodb-recoverable", "stateful-protected"},
    ("feature_store", "force_destroy"): {"force-delete-off"},
    ("hardened_bucket", "versioning"): {"s3-versioning"},
    ("hardened_bucket", "deletion_protection"): {"stateful-protected"},
    ("hardened_bucket", "force_destroy"): {"force-delete-off"},
    ("model_registry", "deletion_protection"): {"stateful-protected", "rds-deletion-protection-and-backups"},
    ("model_registry", "force_destroy"): {"force-delete-off"},
    ("model_registry", "server.database.multi_az"): {"multi-az"},
    ("model_registry", "server.database.log_retention_days"): {"logs-kms-and-retention"},
    ("model_store", "deletion_protection"): {"stateful-protected"},
    ("model_store", "force_destroy"): {"force-delete-off"},
    ("gpu_node_pool", "purpose"): {"spot-not-in-prod-serving"},
    ("gpu_node_pool", "accelerator"): {"gpu-instance-allowed"},
    ("training_pipeline", "deletion_protection"): {"stateful-protected"},
    ("training_pipeline", "force_destroy"): {"force-delete-off"},
    ("training_queue", "deletion_protection"): {"stateful-protected"},
    ("delivery", "deletion_protection"): {"stateful-protected"},
    ("delivery", "force_destroy"): {"force-delete-off"},
    ("monitoring_stack", "deletion_protection"): {"stateful-protected"},
    ("serving_endpoint", "serverless.log_retention_days"): {"logs-kms-and-retention"},
    ("serving_endpoint", "serverless.deletion_protection"): {"stateful-protected"},
}
"""The rules that a change of `CHANGES` of an example breaks, by the example and the field. A component's other defaults
cannot be switched off by a field."""
KEEPS_DATA = ("deletion_protection", "force_destroy", "versioning")
"""Fields by which every component that has data is switched to losing it."""
GIVEN: dict[tuple[str, str], tuple[dict[str, Any], set[str]]] = {
    ("cluster", "public_access_cidrs"): ({"public_access_cidrs": ["203.0.113.0/24"]}, {"eks-endpoint-private"}),
}
"""The same for other values, each with a base in which the rule is kept."""
KEPT: dict[str, dict[str, Any]] = {"cluster": {"public_access_cidrs": []}}


@functools.cache
def broken(name: str, args: str) -> frozenset[str]:
    """The rules that a component breaks in production."""
    graph = graph_of(lambda: EXAMPLES[name].program(json.loads(args)))
    config = config_of("prod", **dict.fromkeys(HOUSE, "disabled"))
    return frozenset(result["policy"] for result in judged(graph, RULES, config) if result["kind"] == "finding")


def gained(name: str, base: dict[str, Any], values: dict[str, Any]) -> frozenset[str]:
    changed = with_values(base, values)
    return broken(name, json.dumps(changed)) - broken(name, json.dumps(base))


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_field_that_keeps_data_has_its_row(name: str) -> None:
    paths = {path for path in EXAMPLES[name].CHANGES if path.rpartition(".")[2] in KEEPS_DATA}
    assert {(name, path) for path in paths} <= set(DEFAULTS)


@pytest.mark.parametrize(("name", "path"), DEFAULTS, ids=[f"{name}-{path}" for name, path in DEFAULTS])
def test_default_switched_off_breaks_exactly(name: str, path: str) -> None:
    module = EXAMPLES[name]
    base = with_values(module.BASE, module.CONTEXT.get(path, {}))
    assert gained(name, base, {path: module.CHANGES[path]}) == DEFAULTS[name, path]


@pytest.mark.parametrize(("name", "path"), GIVEN, ids=[f"{name}-{path}" for name, path in GIVEN])
def test_value_breaks_exactly(name: str, path: str) -> None:
    values, rules = GIVEN[name, path]
    base = with_values(EXAMPLES[name].BASE, KEPT[name])
    assert gained(name, base, values) == rules
