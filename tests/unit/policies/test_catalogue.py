"""The catalogue and the environments' configuration: complete, consistent, and true to the SDKs."""

import importlib
import inspect
import json
from typing import Any

import jsonschema
import pulumi
import pulumi_aws as aws
import pytest

from judging import config_of
from mlplatform_policies.catalogue import RULES
from mlplatform_policies.model import ENVIRONMENTS, Level, StackRule
from mlplatform_policies.pack import AUDIT, STRICTEST
from mlplatform_policies.rules.hygiene import TAGGABLE
from mlplatform_policies.rules.identity import WITHOUT_RESOURCE
from recorded import ROOT

BY_ID = {rule.id: rule for rule in RULES}
AWS_KINDS = sorted({kind for rule in RULES for kind in rule.kinds if kind.startswith("aws:") and "*" not in kind})


def resource_class(token: str) -> Any:
    """The SDK's class of a type token, whose module has the same name, or that with an underscore."""
    _, module, name = token.split(":")
    module = module.partition("/")[0]
    package = importlib.import_module(f"{aws.__name__}.{'lambda_' if module == 'lambda' else module}")
    return getattr(package, name)


def test_ids_are_unique_and_of_pulumis_form() -> None:
    assert len(BY_ID) == len(RULES)
    assert all(rule.id.replace("-", "").isalnum() and rule.id == rule.id.lower() for rule in RULES)
    assert {"all", AUDIT}.isdisjoint(BY_ID)


@pytest.mark.parametrize("token", AWS_KINDS)
def test_kind_is_one_of_the_sdks(token: str) -> None:
    assert issubclass(resource_class(token), pulumi.CustomResource)


@pytest.mark.parametrize("token", TAGGABLE)
def test_what_must_have_tags_takes_them(token: str) -> None:
    assert "tags" in inspect.signature(resource_class(token)._internal_init).parameters


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_row_is_whole(rule: Any) -> None:
    assert rule.kinds
    for sentence in (rule.why, rule.fix):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    levels = [rule.levels.of(environment) for environment in ENVIRONMENTS]
    assert Level.DISABLED not in levels
    for parameter in rule.parameters.values():
        jsonschema.validate(parameter.default, dict(parameter.schema))
        assert parameter.what.endswith(".")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_configuration_has_every_rule_with_its_level_and_only_parameters_that_it_has(environment: str) -> None:
    config = json.loads((ROOT / "policies" / f"config.{environment}.json").read_text())
    assert list(config) == [*BY_ID, AUDIT]
    for rule in RULES:
        given = config[rule.id]
        level, values = (given, {}) if isinstance(given, str) else (given["enforcementLevel"], dict(given))
        assert level == rule.levels.of(environment).value, rule.id
        values.pop("enforcementLevel", None)
        for name, value in values.items():
            jsonschema.validate(value, dict(rule.parameters[name].schema))


@pytest.mark.parametrize("action", [action for action in WITHOUT_RESOURCE if "*" not in action])
def test_action_that_may_be_on_everything_has_no_resource_to_name(action: str) -> None:
    parliament = pytest.importorskip("parliament", reason="needs parliament: pip install 'parliament==1.6.4'")
    prefix, _, name = action.partition(":")
    privileges = next(service["privileges"] for service in parliament.iam_definition if service["prefix"] == prefix)
    (privilege,) = [item for item in privileges if item["privilege"] == name]
    assert [item["resource_type"] for item in privilege["resource_types"]] == [""]


def test_environments_differ_where_they_should() -> None:
    names = [config_of(environment)["tag-environment-matches"]["environment"] for environment in ENVIRONMENTS]
    assert names == list(ENVIRONMENTS)
    budgets = [config_of(environment)["monthly-cost-budget"]["max_usd"] for environment in ENVIRONMENTS]
    assert budgets == sorted(budgets)
    assert STRICTEST == "prod"


def test_rules_about_single_resources_prevent_what_companions_and_sums_cannot() -> None:
    assert 0 < sum(isinstance(rule, StackRule) for rule in RULES) < len(RULES) / 3
