"""How rules read: narrowly, and never hiding what is known behind what is not."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy

from mlplatform_policies.documents import Statement, statements
from mlplatform_policies.pods import group_and_kind
from mlplatform_policies.reading import (
    UnreadableError,
    decoded,
    each,
    gathered,
    listed,
    mapping,
    matches_any,
    number,
    plain,
    quantity,
    settle,
    text,
    texts,
    truth,
    within,
)


def test_what_is_not_known_hides_nothing_and_comes_last() -> None:
    items: Any = unknown_checking_proxy({"list": ["a", UNKNOWN_STRING_VALUE, "b", UNKNOWN_STRING_VALUE]})["list"]
    found = each(items, lambda item: [item.upper()])
    assert [next(found), next(found)] == ["A", "B"]
    with pytest.raises(UnknownValueError) as error:
        next(found)
    assert error.value.message == "string value at .list.1 can't be known during preview"


def test_items_that_end_in_an_error_are_judged_before_it() -> None:
    def items() -> Iterator[str]:
        yield "a"
        raise LookupError("not known")

    found = each(items(), lambda item: [item, item])
    assert [next(found), next(found)] == ["a", "a"]
    with pytest.raises(LookupError, match="not known"):
        next(found)


def test_only_what_is_on_the_path_is_touched() -> None:
    props: Any = unknown_checking_proxy({"a": {"b": 1, "c": UNKNOWN_STRING_VALUE}, "d": UNKNOWN_STRING_VALUE})
    assert within(props, "a", "b") == 1
    assert within(props, "a", "none", "deeper") is None
    with pytest.raises(UnreadableError, match=r"a\.b: got a number; must be an object"):
        within(props, "a", "b", "deeper")
    with pytest.raises(UnknownValueError):
        within(props, "d", "e")


def test_one_value_stands_for_a_list_of_one() -> None:
    assert listed({"a": "x"}, "a") == ("x",)
    assert listed({"a": ["x", "y"]}, "a") == ["x", "y"]
    assert listed({}, "a") == ()


PROPS: dict[str, Any] = {
    "yes": True,
    "text": "some",
    "true": "true",
    "number": 8.0,
    "list": ["a", 7],
    "object": {"a": 1},
}


@pytest.mark.parametrize(
    ("read", "found"),
    [
        (lambda: text(PROPS, "text"), "some"),
        (lambda: text(PROPS, "none"), ""),
        (lambda: texts(PROPS, "text"), ["some"]),
        (lambda: texts(PROPS, "none"), []),
        (lambda: mapping(PROPS, "object"), {"a": 1}),
        (lambda: mapping(PROPS, "none", "deeper"), {}),
        (lambda: truth(PROPS, "yes"), True),
        (lambda: truth(PROPS, "true"), True),
        (lambda: truth(PROPS, "none"), False),
        (lambda: truth(PROPS, "none", default=True), True),
        (lambda: number(PROPS, "number"), 8),
        (lambda: number({"days": "30"}, "days"), 30),
        (lambda: number(PROPS, "none"), None),
        (lambda: quantity(PROPS, "none"), None),
        (lambda: decoded({"a": '{"b": 1}'}, "a"), {"b": 1}),
        (lambda: decoded({"a": ""}, "a"), None),
        (lambda: decoded(PROPS, "object"), {"a": 1}),
    ],
)
def test_value_of_the_right_kind_or_absent(read: Callable[[], Any], found: Any) -> None:
    assert read() == found


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: text(PROPS, "number"), "number: got a number; must be text"),
        (lambda: texts(PROPS, "list"), "list: got a number; must be text"),
        (lambda: mapping(PROPS, "list"), "list: got a list; must be an object"),
        (lambda: within("some", "key"), "parent of key: got text; must be an object"),
        (lambda: truth(PROPS, "text"), "text: got text; must be true or false"),
        (lambda: truth(PROPS, "object"), "object: got an object; must be true or false"),
        (lambda: number(PROPS, "yes"), "yes: got a boolean; must be a number"),
        (lambda: number({"days": "1e999"}, "days"), "days: got text; must be a number"),
        (lambda: quantity(PROPS, "yes"), 'yes: got a boolean; must be a quantity, such as 8, "500m" or "64Gi"'),
        (lambda: decoded(PROPS, "text"), "text: got text; must be JSON"),
        (lambda: decoded({"a": "[" * 100_000}, "a"), "a: got text; must be JSON"),
    ],
)
def test_value_of_another_kind_is_unreadable_and_not_shown(read: Callable[[], Any], message: str) -> None:
    with pytest.raises(UnreadableError) as error:
        read()
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (8.0, 8),
        ("8", 8),
        ("1.5", "1.5"),
        ("5u", "0.000005"),
        ("500m", "0.5"),
        ("1k", 1000),
        ("1e3", 1000),
        ("1E", 10**18),
        ("2Ki", 2048),
        ("64Gi", 64 * 1024**3),
    ],
)
def test_quantity(given: Any, found: Any) -> None:
    assert quantity({"limit": given}, "limit") == Decimal(found)


@pytest.mark.parametrize("given", ["many", "", "NaN", "Infinity", "1e999", "8 Gi", "Gi", "1_000", "\u0668"])
def test_what_is_no_quantity_is_unreadable(given: str) -> None:
    with pytest.raises(UnreadableError, match="limit: got text; must be a quantity"):
        quantity({"limit": given}, "limit")


@pytest.mark.parametrize(("number", "text"), [("8.0", "8"), ("800", "800"), ("0.125", "0.125"), ("1E+2", "100")])
def test_numbers_are_plain(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


def test_patterns_match_the_whole_text() -> None:
    assert matches_any("docker.io/org/app:1", ["docker.io/org/*"])
    assert not matches_any("evil.io/docker.io/org/app", ["docker.io/org/*"])


@pytest.mark.parametrize(
    ("token", "found"),
    [
        ("kubernetes:core/v1:Pod", ("", "Pod")),
        ("kubernetes:apps/v1:DeploymentPatch", ("apps", "Deployment")),
        ("kubernetes:serving.kserve.io/v1beta1:InferenceService", ("serving.kserve.io", "InferenceService")),
    ],
)
def test_group_and_kind_of_a_token(token: str, found: tuple[str, str]) -> None:
    assert group_and_kind(token) == found


def one(**parts: Any) -> Statement:
    (found,) = statements({"Statement": {"Effect": "Allow", **parts}})
    return found


def test_actions_match_as_iam_matches_them() -> None:
    assert one(Action="S3:get*").can("s3:GetObject")
    assert not one(Action=["s3:PutObject"]).can("s3:GetObject")
    assert one(NotAction="iam:*").can("s3:GetObject")
    assert not one(NotAction=["iam:*", "s3:*"]).can("s3:GetObject")


def test_condition_keys_have_no_case() -> None:
    statement = one(Action="s3:*", Condition={"Bool": {"AWS:securetransport": False}})
    assert statement.asks("aws:SecureTransport") == ("false",)
    assert statement.asks("aws:SourceArn") is None


def test_public_is_everybody_without_a_condition() -> None:
    assert one(Principal="*").public
    assert one(NotPrincipal={"AWS": "1"}).public
    assert not one(Principal={"Service": "*"}).public
    assert not one(Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o"}}).public
    (denied,) = statements('{"Statement": [{"Effect": "Deny", "Principal": "*"}]}')
    assert not denied.public


@pytest.mark.parametrize("document", ["[]", "text", 7, {"Statement": ["x"]}, {"Statement": [{"Action": 7}]}])
def test_what_is_no_document_is_unreadable(document: Any) -> None:
    with pytest.raises(UnreadableError):
        statements({"policy": document}, "policy")


def test_what_cannot_be_read_is_put_aside_and_raised_at_the_end() -> None:
    late: list[Exception] = []
    assert gathered(["1", "x", "2"], int, late) == [1, 2]
    with pytest.raises(ValueError, match="invalid literal"):
        settle(late)
    settle([])
