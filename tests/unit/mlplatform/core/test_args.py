"""Arguments: what is accepted, and each message in full."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Optional, Self

import pulumi
import pytest
from pydantic import BaseModel, ValidationError, model_validator

import placeholders
from mlplatform.core.args import (
    Args,
    In,
    InvalidArgs,
    applied,
    at_least,
    between,
    checked,
    each,
    each_value,
    explain,
    matching,
    one_of,
    settled,
)
from recorded import Refused, record

NAME = matching("[a-z]+", "lower-case letters, such as dev")


class Mode(StrEnum):
    """How."""

    FAST = "fast"
    SLOW = "slow"


class Inner(Args):
    """A sub-model."""

    days: In[int]
    """Days that it lasts. There is no default."""
    label: Optional[str] = None
    """What it is called."""

    _days = checked(between(1, 30, "days"), "days")


class Outer(Args):
    """A component's arguments."""

    name: str
    """Name of it, lower-case."""
    size: Optional[In[int]] = 2
    """How many; 2 by default."""
    mode: Optional[Mode] = Mode.FAST
    """How; fast by default."""
    inner: Optional[Inner] = Inner(days=7)
    """What is inside."""
    inners: Optional[Sequence[Inner]] = []
    """More of it."""
    by_key: Optional[Mapping[str, Inner]] = {}
    """Still more of it."""
    names: Optional[In[Sequence[In[str]]]] = []  # noqa: RUF012 - a pydantic field
    """Names of others."""

    _name = checked(NAME, "name")
    _size = checked(at_least(1, "pieces"), "size")
    _names = checked(each(NAME), "names")

    @model_validator(mode="after")
    def _fast_is_small(self) -> Self:
        if self.mode is Mode.FAST and isinstance(self.size, int) and self.size > 100:
            raise ValueError(f"mode fast and size {self.size}: fast goes up to 100; set mode to slow")
        return self


class Config(Args):
    """A stack's configuration."""

    _path_root: ClassVar[str] = "project:"

    region: str
    """Where."""
    outer: Optional[Outer] = None
    """What."""


def refusal(given: Mapping[str, Any], model: type[Args] = Outer) -> str:
    with pytest.raises(InvalidArgs) as refused:
        model.of(given)
    return str(refused.value)


def resolved(make: Callable[[], object]) -> object:
    """What an output made in a program resolves to."""

    def program() -> None:
        pulumi.export("value", make())

    return record(program).outputs["value"]


def late_refusal(make: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        resolved(make)
    return str(refused.value)


# --- the model


def test_arguments_have_their_defaults() -> None:
    args = Outer(name="dev")
    assert (args.size, args.mode, args.names) == (2, Mode.FAST, [])


def test_arguments_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Outer(name="dev").name = "prod"  # type: ignore[misc]  # the point


def test_null_counts_as_left_out() -> None:
    args = Outer.of({"name": "dev", "size": None, "inner": {"days": 3, "label": None}})
    assert args.size == 2
    assert args.model_fields_set == {"name", "inner"}
    assert refusal({"name": None}) == "Outer.name: missing; set it: Name of it, lower-case"


def test_docstrings_are_descriptions() -> None:
    assert Outer.model_fields["size"].description == "How many; 2 by default."


def test_arguments_of_themselves_are_the_same_object() -> None:
    args = Outer(name="dev")
    assert Outer.of(args) is args


def test_arguments_of_a_mapping() -> None:
    assert Outer.of({"name": "dev", "inner": {"days": 3}}) == Outer(name="dev", inner=Inner(days=3))


def test_arguments_of_others_are_the_fields_that_were_set() -> None:
    class Settings(Args):
        name: str
        size: Optional[In[int]] = 5

    assert Outer.of(Settings(name="dev")) == Outer(name="dev", size=2)
    assert Outer.of(Settings(name="dev", size=5)) == Outer(name="dev", size=5)


def test_further_fields_win() -> None:
    assert Outer.of({"name": "dev"}, name="prod").name == "prod"
    assert Outer.of(Outer(name="dev", size=3), name="prod") == Outer(name="prod", size=3)
    assert Outer.of(name="dev").name == "dev"


def test_error_is_one_that_pulumi_prints_without_traceback() -> None:
    assert issubclass(InvalidArgs, pulumi.RunError)


def test_numbers_of_the_wire_are_whole() -> None:
    assert Outer.of({"name": "dev", "size": 7.0}).size == 7


# --- what is wrong, in full


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Outer.name: missing; set it: Name of it, lower-case"),
        ({"name": "Dev"}, "Outer.name: got 'Dev'; allowed is lower-case letters, such as dev"),
        ({"name": 7}, "Outer.name: got 7; allowed is text; put it in quotes"),
        (
            {"name": "dev", "naem": "x"},
            (
                "Outer.naem: unknown field; known are by_key, inner, inners, mode, name, names, size; did you mean "
                "'name'?"
            ),
        ),
        (
            {"name": "dev", "zzz": "x"},
            "Outer.zzz: unknown field; known are by_key, inner, inners, mode, name, names, size",
        ),
        ({"name": "dev", "mode": "quick"}, "Outer.mode: got 'quick'; allowed are 'fast', 'slow'"),
        ({"name": "dev", "inner": "x"}, "Outer.inner: got 'x'; allowed is a mapping of days, label"),
        ({"name": "dev", "inners": {}}, "Outer.inners: got {}; allowed is a list"),
        ({"name": "dev", "by_key": 7}, "Outer.by_key: got 7; allowed is a mapping"),
        ({"name": "dev", "size": 0}, "Outer.size: got 0; allowed are 1 pieces or more"),
        (
            {"name": "dev", "size": "many"},
            "Outer.size: got 'many'; allowed is a whole number",
        ),
        (
            {"name": "dev", "size": 101},
            "Outer: mode fast and size 101: fast goes up to 100; set mode to slow",
        ),
        ({"name": "dev", "inner": {}}, "Outer.inner.days: missing; set it: Days that it lasts"),
        ({"name": "dev", "inner": {"days": 31}}, "Outer.inner.days: got 31; allowed are 1 to 30 days"),
        (
            {"name": "dev", "inner": {"days": 3, "lable": "x"}},
            "Outer.inner.lable: unknown field; known are days, label; did you mean 'label'?",
        ),
        (
            {"name": "dev", "inners": [{"days": 1}, {"days": 0}]},
            "Outer.inners[1].days: got 0; allowed are 1 to 30 days",
        ),
        ({"name": "dev", "inners": [{}]}, "Outer.inners[0].days: missing; set it: Days that it lasts"),
        (
            {"name": "dev", "by_key": {"a": {"days": "x"}}},
            "Outer.by_key.a.days: got 'x'; allowed is a whole number",
        ),
        ({"name": "dev", "names": ["a", "B"]}, "Outer.names: got 'B'; allowed is lower-case letters, such as dev"),
        ({"name": "dev", "names": ["a", 7]}, "Outer.names[1]: got 7; allowed is text; put it in quotes"),
    ],
)
def test_each_field_has_one_line(given: dict[str, Any], message: str) -> None:
    assert refusal(given) == message


def test_every_bad_field_is_named_at_once() -> None:
    assert refusal({"size": "x", "inner": {"days": "y"}, "what": 1}).splitlines() == [
        "Outer.inner.days: got 'y'; allowed is a whole number",
        "Outer.name: missing; set it: Name of it, lower-case",
        "Outer.size: got 'x'; allowed is a whole number",
        "Outer.what: unknown field; known are by_key, inner, inners, mode, name, names, size",
    ]


def test_output_for_a_plain_field_is_called_so() -> None:
    def program() -> None:
        later = pulumi.Output.from_input("x")
        Outer(name=later, mode=later, inner=later, naem=later)

    with pytest.raises(Refused) as refused:
        record(program)
    assert str(refused.value).splitlines() == [
        "Outer.inner: got an output; allowed is a plain value, known before anything is created",
        "Outer.mode: got an output; allowed is a plain value, known before anything is created",
        ("Outer.naem: unknown field; known are by_key, inner, inners, mode, name, names, size; did you mean 'name'?"),
        "Outer.name: got an output; allowed is a plain value, known before anything is created",
    ]


def test_configuration_has_paths_of_its_own() -> None:
    given = {"regoin": "x", "outer": {"name": "dev", "inner": {"days": 0}}}
    assert refusal(given, Config).splitlines() == [
        "project:outer.inner.days: got 0; allowed are 1 to 30 days",
        "project:region: missing; set it: Where",
        "project:regoin: unknown field; known are outer, region; did you mean 'region'?",
    ]


def test_models_inside_do_not_hide_each_other() -> None:
    given = {"name": "dev", "inner": {"days": 0}, "inners": [{"days": 0}]}
    assert refusal(given).splitlines() == [
        "Outer.inner.days: got 0; allowed are 1 to 30 days",
        "Outer.inners[0].days: got 0; allowed are 1 to 30 days",
    ]


def test_explain_names_any_model() -> None:
    class Plain(BaseModel):
        count: int

    with pytest.raises(ValidationError) as refused:
        Plain(count="x")  # type: ignore[arg-type]  # the point
    assert explain(Plain, refused.value) == ["Plain.count: got 'x'; allowed is a whole number"]


# --- rules


@pytest.mark.parametrize("value", [1, 15, 30])
def test_between_includes_its_ends(value: int) -> None:
    assert between(1, 30, "days")(value) == value


@pytest.mark.parametrize("value", [0, 31])
def test_between_refuses_the_rest(value: int) -> None:
    with pytest.raises(ValueError, match=f"^got {value}; allowed are 1 to 30 days$"):
        between(1, 30, "days")(value)


def test_at_least() -> None:
    assert at_least(2, "nodes")(2) == 2
    with pytest.raises(ValueError, match=r"^got 1; allowed are 2 nodes or more$"):
        at_least(2, "nodes")(1)


@pytest.mark.parametrize(
    ("rule", "value", "message"),
    [
        (one_of([1, 3, 5]), 2, "got 2; allowed are 1, 3, 5"),
        (one_of([1, 3], "in days"), 2, "got 2; allowed are 1, 3 (in days)"),
        (one_of(["fast", "slow"]), "fsat", "got 'fsat'; allowed are fast, slow; did you mean 'fast'?"),
        (one_of(["fast", "slow"]), "quick", "got 'quick'; allowed are fast, slow"),
        (one_of([1, 10]), "10", "got '10'; allowed are 1, 10"),
        (one_of(iter(["a", "b"])), "c", "got 'c'; allowed are a, b"),
    ],
)
def test_one_of_refuses_the_rest(rule: Callable[[Any], Any], value: object, message: str) -> None:
    with pytest.raises(ValueError, match=r"^got ") as refused:
        rule(value)
    assert str(refused.value) == message


def test_one_of_accepts_what_is_listed() -> None:
    assert one_of(["fast", "slow"])("slow") == "slow"


@pytest.mark.parametrize("value", ["", "dev1", "dev\n", "Dev"])
def test_matching_takes_the_whole_text(value: str) -> None:
    with pytest.raises(ValueError, match=r"^got ") as refused:
        NAME(value)
    assert str(refused.value) == f"got {value!r}; allowed is lower-case letters, such as dev"


def test_each_returns_the_items() -> None:
    assert each(NAME)(["a", "b"]) == ["a", "b"]


# --- outputs


def test_plain_value_is_settled_at_once() -> None:
    assert settled(3, at_least(1, "pieces"), "X.size") == 3
    with pytest.raises(ValueError, match=r"^got 0; allowed are 1 pieces or more$"):
        settled(0, at_least(1, "pieces"), "X.size")


def test_rule_may_change_the_value() -> None:
    assert settled(3, lambda value: value + 1, "X.size") == 4
    assert resolved(lambda: settled(pulumi.Output.from_input(3), lambda value: value + 1, "X.size")) == 4


def test_output_is_settled_when_it_resolves() -> None:
    assert resolved(lambda: Outer(name="dev", size=pulumi.Output.from_input(3)).size) == 3
    assert late_refusal(lambda: Outer(name="dev", size=pulumi.Output.from_input(0)).size) == (
        "Outer.size: got 0; allowed are 1 pieces or more"
    )


def test_awaitable_is_settled_when_it_resolves() -> None:
    def later(value: int) -> Any:
        future: asyncio.Future[int] = asyncio.get_event_loop().create_future()
        future.set_result(value)
        return future

    assert resolved(lambda: Outer(name="dev", size=later(3)).size) == 3
    assert late_refusal(lambda: Outer(name="dev", size=later(0)).size) == (
        "Outer.size: got 0; allowed are 1 pieces or more"
    )


def test_refusal_of_a_secret_does_not_show_it() -> None:
    text = late_refusal(lambda: Outer(name="dev", names=[pulumi.Output.secret("HUNTER2")]).names)
    assert "HUNTER2" not in text
    assert text == "Outer.names[0]: the value is refused; it is secret and therefore not shown"


def test_settled_secret_stays_secret() -> None:
    def program() -> None:
        pulumi.export("value", Outer(name="dev", size=pulumi.Output.secret(3)).size)

    assert record(program).outputs["value"] == "[secret]"


def test_items_are_settled_one_by_one() -> None:
    def names(*items: str) -> object:
        return Outer(name="dev", names=["a", *map(pulumi.Output.from_input, items)]).names

    assert resolved(lambda: names("b", "c")) == ["a", "b", "c"]
    assert late_refusal(lambda: names("b", "C")) == (
        "Outer.names[2]: got 'C'; allowed is lower-case letters, such as dev"
    )


def test_whole_list_may_be_an_output() -> None:
    def names(*items: str) -> object:
        return Outer(name="dev", names=pulumi.Output.from_input(list(items))).names

    assert resolved(lambda: names("a", "b")) == ["a", "b"]
    assert late_refusal(lambda: names("a", "B")) == "Outer.names: got 'B'; allowed is lower-case letters, such as dev"


def test_values_of_a_mapping_are_settled_one_by_one() -> None:
    class Sizes(Args):
        sizes: Mapping[str, In[int]]

        _sizes = checked(each_value(at_least(1, "pieces")), "sizes")

    def sizes(**values: int) -> object:
        return Sizes(sizes={key: pulumi.Output.from_input(value) for key, value in values.items()}).sizes

    assert resolved(lambda: sizes(a=1, b=2)) == {"a": 1, "b": 2}
    assert late_refusal(lambda: sizes(a=1, b=0)) == "Sizes.sizes.b: got 0; allowed are 1 pieces or more"
    assert refusal({"sizes": {"a": 0}}, Sizes) == "Sizes.sizes: got 0; allowed are 1 pieces or more"


def test_other_instances_are_named_by_their_class() -> None:
    class Holder(Args):
        provider: pulumi.ProviderResource

    assert (
        refusal({"provider": "aws"}, Holder) == "Holder.provider: got 'aws'; allowed is an instance of ProviderResource"
    )


def test_late_paths_begin_like_early_ones() -> None:
    class Late(Args):
        _path_root: ClassVar[str] = "project:"

        size: In[int]

        _size = checked(at_least(1, "pieces"), "size")

    assert late_refusal(lambda: Late(size=pulumi.Output.from_input(0)).size) == (
        "project:size: got 0; allowed are 1 pieces or more"
    )


# --- resources that do not exist


class Echo(pulumi.CustomResource):
    size: pulumi.Output[int]

    def __init__(self, size: int) -> None:
        super().__init__("tests:index:Echo", "echo", {"size": size})


def test_an_output_of_what_does_not_exist_is_not_refused() -> None:
    """Without an id, as everything new in the engine's preview, a resource has whatever outputs a provider says."""

    def program() -> None:
        pulumi.export("size", Outer(name="dev", size=Echo(0).size).size)

    assert record(program, strict=True).outputs == {"size": "[unknown]"}
    with pytest.raises(Refused, match=r"^Outer\.size: got 0; "):
        record(program)


def seen(make: Callable[[], pulumi.Output[Any]], *, preview: bool) -> tuple[bool, object]:
    """Whether an output is known, and its value, in a program of which no resource exists."""
    found: list[tuple[bool, object]] = []

    async def look(output: pulumi.Output[Any]) -> None:
        found.append((await output.is_known(), await output.future()))

    def program() -> None:
        output = make()
        pulumi.export("value", output)
        tasks.append(asyncio.ensure_future(look(output)))

    tasks: list[asyncio.Task[None]] = []
    placeholders.run(program, preview=preview)
    return found[0]


def existing(value: Any) -> pulumi.Output[Any]:
    return placeholders.Existing(value).value


def name_of(value: Any) -> pulumi.Output[Any]:
    return pulumi.Output.from_input(settled(value, NAME, "X.name"))


PLACEHOLDERS: list[tuple[str, Callable[[pulumi.Output[str]], pulumi.Output[Any]]]] = [
    ("empty text", name_of),
    ("a text of an empty one", lambda empty: name_of(pulumi.Output.concat("a-", empty))),
    ("a list", lambda empty: pulumi.Output.from_input(settled(pulumi.Output.all(empty, "a"), each(NAME), "X.names"))),
    ("a part of an empty list", lambda empty: applied(empty, lambda known: known[0])),
    ("JSON", lambda empty: applied(empty, json.loads)),
]


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
@pytest.mark.parametrize(("what", "make"), PLACEHOLDERS, ids=[what for what, _ in PLACEHOLDERS])
def test_what_no_resource_gave_is_unknown_and_not_refused(what: str, make: Callable[..., Any], preview: bool) -> None:
    assert seen(lambda: make(placeholders.Skipped().empty(str)), preview=preview) == (False, None)


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
def test_good_value_of_a_resource_that_does_not_exist_is_kept(preview: bool) -> None:
    assert seen(lambda: name_of(placeholders.Skipped().empty(str).apply(lambda _: "a")), preview=preview) == (True, "a")


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
@pytest.mark.parametrize("value", ["A", ""])
@pytest.mark.parametrize("make", [str, pulumi.Output.from_input, existing], ids=["plain", "output", "resource"])
def test_bad_value_of_no_resource_or_of_one_that_exists_is_refused(
    make: Callable[[str], Any], value: str, preview: bool
) -> None:
    with pytest.raises((InvalidArgs, ValueError), match=f"got {value!r}; allowed is lower-case letters, such as dev"):
        seen(lambda: name_of(make(value)), preview=preview)


def test_failure_of_a_function_for_a_resource_that_exists_is_its_own() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        seen(lambda: applied(existing("x"), json.loads), preview=False)


def test_late_none_is_left_out_or_refused() -> None:
    assert resolved(lambda: [Outer(name="dev", size=pulumi.Output.from_input(None)).size]) == [None]
    assert late_refusal(lambda: Inner(days=pulumi.Output.from_input(None)).days) == (
        "Inner.days: got None; allowed is a value of the field's type"
    )


def test_late_value_of_another_type_is_refused_in_one_line() -> None:
    assert late_refusal(lambda: Outer(name="dev", size=pulumi.Output.from_input("many").apply(str)).size) == (
        "Outer.size: got 'many'; allowed is a value of the field's type"
    )
