"""The pack: levels, configuration, exceptions and what is wrong with them, and what rules see of a resource."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_policy as sdk
import pytest

from judging import graph_of, judged, unknown
from mlplatform_policies.catalogue import RULES
from mlplatform_policies.exceptions import FILE, Exceptions
from mlplatform_policies.model import Subject
from mlplatform_policies.pack import AUDIT, policies, subject_of

BY_ID = {rule.id: rule for rule in RULES}
ROTATION, VERSIONING = BY_ID["kms-rotation"], BY_ID["s3-versioning"]
KEY = "aws:kms/key:Key::key"
ROW: dict[str, Any] = {
    "rule": "kms-rotation",
    "resource": KEY,
    "reason": "Imported key material cannot be rotated.",
    "owner": "ml-platform",
    "expires": "2027-06-30",
}
DAY = {AUDIT: {"enforcementLevel": "mandatory", "today": "2027-06-30"}}
NEXT_DAY = {AUDIT: {"enforcementLevel": "mandatory", "today": "2027-07-01"}}
FIX = "Correct or take out the row in exceptions.json."


def resting_key() -> None:
    aws.kms.Key("key")


def messages(program: Any, row: Mapping[str, Any], config: Mapping[str, Any] = DAY) -> list[tuple[str, str]]:
    results = judged(graph_of(program), [ROTATION, VERSIONING], config, Exceptions([row]))
    return [(result["policy"], result["message"]) for result in results]


def about(what: str) -> list[tuple[str, str]]:
    return [(AUDIT, f"{what} {FIX}")]


NAMED = f"The exception from kms-rotation for {KEY} (ml-platform)"
FOUND = [("kms-rotation", f"The key's material never rotates. {ROTATION.fix}")]


def test_exception_exempts_what_it_covers_and_is_no_finding_on_its_last_day() -> None:
    assert messages(resting_key, ROW) == []


def test_exception_of_another_resource_exempts_nothing_and_is_unused() -> None:
    row = {**ROW, "resource": "aws:kms/key:Key::other"}
    name = "The exception from kms-rotation for aws:kms/key:Key::other (ml-platform)"
    assert messages(resting_key, row) == FOUND + about(f"{name} is not used: nothing that it covers breaks the rule.")


def test_pattern_knows_no_stack_and_project_and_stars_stand_for_anything() -> None:
    assert messages(resting_key, {**ROW, "resource": "*::k*"}) == []
    assert messages(resting_key, {**ROW, "resource": "urn:pulumi:test::tests::*"})[:1] == FOUND


def test_expired_exception_is_a_finding_of_its_own() -> None:
    assert messages(resting_key, ROW, NEXT_DAY) == about(f"{NAMED} expired on 2027-06-30.")


def test_exception_that_nothing_needs_is_a_finding() -> None:
    def rotating() -> None:
        aws.kms.Key("key", enable_key_rotation=True)

    assert messages(rotating, ROW) == about(f"{NAMED} is not used: nothing that it covers breaks the rule.")


def test_exception_for_what_is_not_known_yet_counts_as_used() -> None:
    def program() -> None:
        aws.kms.Key("key", enable_key_rotation=unknown(True))

    assert messages(program, ROW) == []


def test_exception_for_no_rule_is_a_finding() -> None:
    row = {**ROW, "rule": "kms-rotated"}
    name = f"The exception from kms-rotated for {KEY} (ml-platform)"
    assert messages(resting_key, row) == FOUND + about(f"{name} names no rule.")


@pytest.mark.parametrize(
    ("edit", "wrong"),
    [
        ({"reason": ""}, "reason: String should have at least 10 characters"),
        ({"owner": ""}, "owner: String should have at least 1 character"),
        ({"expires": "never"}, "expires: Input should be a valid date or datetime, input is too short"),
        ({"until": "2027-01-01"}, "until: Extra inputs are not permitted"),
    ],
)
def test_exception_that_cannot_be_used_exempts_nothing_and_says_why(edit: dict[str, str], wrong: str) -> None:
    assert messages(resting_key, {**ROW, **edit}) == FOUND + about(f"Exception 0 cannot be used: {wrong}.")


def test_exception_from_a_rule_about_the_stack() -> None:
    row = {**ROW, "rule": "s3-versioning", "resource": "aws:s3/bucket:Bucket::logs"}
    assert messages(lambda: aws.s3.Bucket("logs"), row) == []


def test_engine_and_environment_without_configuration_get_productions_levels() -> None:
    levels = {policy.name: policy.enforcement_level for policy in policies(RULES, Exceptions([]))}
    assert levels.pop(AUDIT) is sdk.EnforcementLevel.MANDATORY
    assert levels == {rule.id: sdk.EnforcementLevel(rule.levels.prod.value) for rule in RULES}


def test_rule_can_be_disabled_and_its_level_changed() -> None:
    graph = graph_of(resting_key)
    assert [result["level"] for result in judged(graph, [ROTATION])] == ["mandatory"]
    assert [result["level"] for result in judged(graph, [ROTATION], {"kms-rotation": "advisory"})] == ["advisory"]
    assert judged(graph, [ROTATION], {"kms-rotation": "disabled"}) == []


def test_all_sets_what_no_rule_sets_itself() -> None:
    config = {"all": "advisory", "s3-versioning": "mandatory"}
    graph = graph_of(lambda: [aws.kms.Key("key"), aws.s3.Bucket("bucket")])
    levels = {result["policy"]: result["level"] for result in judged(graph, [ROTATION, VERSIONING], config)}
    assert levels == {"kms-rotation": "advisory", "s3-versioning": "mandatory"}


def test_rule_returns_at_once_for_other_kinds() -> None:
    def never(*_: object) -> Any:
        raise AssertionError("was asked")

    rule = type(ROTATION)(
        **{**{name: getattr(ROTATION, name) for name in ROTATION.__dataclass_fields__}, "check": never}
    )
    assert judged(graph_of(lambda: aws.s3.Bucket("bucket")), [rule]) == []


def test_subject_has_protection_parent_explicit_provider_and_what_properties_were_made_of() -> None:
    seen: dict[str, Subject] = {}

    def program() -> None:
        whole = pulumi.ComponentResource("tests:index:Whole", "whole")
        provider = aws.Provider("own", region="eu-west-1")
        options = pulumi.ResourceOptions(parent=whole, provider=provider, protect=True)
        bucket = aws.s3.Bucket("bucket", opts=options)
        aws.s3.BucketVersioning("versioning", bucket=bucket.id, versioning_configuration={"status": "Enabled"})

    def look(subjects: Any, _: Any) -> Any:
        seen.update({subject.name: subject for subject in subjects})
        yield from ()

    fields = {name: getattr(VERSIONING, name) for name in VERSIONING.__dataclass_fields__}
    judged(graph_of(program), [type(VERSIONING)(**{**fields, "check": look})])
    bucket, versioning = seen["bucket"], seen["versioning"]
    assert (bucket.protect, versioning.protect) == (True, False)
    assert (bucket.parent, versioning.parent) == (seen["whole"].urn, None)
    assert (bucket.provider and bucket.provider.name, versioning.provider) == ("own", None)
    assert versioning.needs == {"bucket": [bucket.urn]}


def test_engines_own_default_provider_is_none() -> None:
    provider = sdk.PolicyProviderResource("pulumi:providers:aws", {}, "urn", "default_7_51_0")
    args = sdk.ResourceValidationArgs("t", {}, "urn", "n", None, provider, None, {})
    assert subject_of(args).provider is None


def test_packs_own_exceptions_can_all_be_used() -> None:
    given = Exceptions.of(FILE)
    assert given.good
    assert given.problems == []
