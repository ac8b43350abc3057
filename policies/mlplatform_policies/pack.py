"""The catalogue as Pulumi's own policy objects: levels, configuration and exceptions, and nothing of any rule."""

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pulumi_policy as sdk
from pulumi_policy.proxy import UnknownValueError

from mlplatform_policies.exceptions import Exceptions
from mlplatform_policies.model import ALWAYS, Found, Parameter, Parameters, Rule, Severity, StackRule, Subject
from mlplatform_policies.reading import UnreadableError, matches_any

STRICTEST = "prod"
"""Environment whose levels hold where no configuration gives others."""
AUDIT = "policy-exceptions"
"""Name of the policy about the exceptions themselves."""
Catalogue = Sequence[Rule | StackRule]


class UndecidedError(UnknownValueError):
    """What the SDK takes for a rule that cannot decide; anything else that a rule raises ends all rules of the pack."""

    def __init__(self, message: str) -> None:
        """Takes what keeps the rule from its decision."""
        Exception.__init__(self, message)
        self.message = message


@contextmanager
def deciding() -> Iterator[None]:
    """Leaves a rule undecided that meets a value which it cannot read, or that has a mistake of its own."""
    try:
        yield
    except UnknownValueError:
        raise
    except UnreadableError as error:
        raise UndecidedError(str(error)) from error
    except Exception as error:
        raise UndecidedError(_mistake(error)) from error


def _mistake(error: Exception) -> str:
    """What is said of a mistake in a rule: where it is, and no more, since its text may quote a secret."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}, line {last.lineno}"
    return f"the rule fails with {type(error).__name__} in {place}; this is a mistake in the policy pack"


def policies(catalogue: Catalogue, exceptions: Exceptions) -> list[sdk.Policy]:
    """One Pulumi policy a rule, in the catalogue's order, and one about the exceptions themselves."""
    rules = [*catalogue, audit(catalogue, exceptions)]
    return [
        _of_stack(rule, exceptions) if isinstance(rule, StackRule) else _of_resource(rule, exceptions) for rule in rules
    ]


def audit(catalogue: Catalogue, exceptions: Exceptions) -> StackRule:
    """The rule about the exceptions: it judges every resource again, since policies share no state."""

    def check(subjects: Sequence[Subject], given: Parameters) -> Found:
        try:
            today = date.fromisoformat(given["today"]) if given["today"] else datetime.now(UTC).date()
        except ValueError:
            yield None, f"today: got {given['today']!r}; must be a date, as 2027-06-30."
            return
        for finding in exceptions.findings(catalogue, subjects, found, today):
            yield None, finding

    return StackRule(
        id=AUDIT,
        kinds=("*",),
        severity=Severity.MEDIUM,
        levels=ALWAYS,
        why="An exception that has expired, or that nothing needs, hides the next mistake.",
        fix="Correct or take out the row in exceptions.json.",
        parameters={
            "today": Parameter("", {"type": "string"}, "Day on which the exceptions are judged, as 2027-06-30; today.")
        },
        check=check,
    )


def found(rule: Rule | StackRule, subjects: Sequence[Subject]) -> Found:
    """What a rule finds with its defaults; a resource that it cannot judge yet counts as one that it may find."""
    if isinstance(rule, StackRule):
        yield from rule.check(subjects, parameters(rule, {}))
        return
    for subject in subjects:
        if matches(rule, subject.kind):
            try:
                with deciding():
                    yield from ((subject, finding) for finding in rule.check(subject, parameters(rule, {})))
            except UnknownValueError:
                yield subject, "undecided"


def parameters(rule: Rule | StackRule, config: Mapping[str, Any]) -> Parameters:
    """A rule's parameters: its defaults, and above them what the configuration gives."""
    return {name: config.get(name, parameter.default) for name, parameter in rule.parameters.items()}


def matches(rule: Rule, kind: str) -> bool:
    """Whether the rule judges resources of that type."""
    return _matches(tuple(rule.kinds), kind)


@cache
def _matches(kinds: tuple[str, ...], kind: str) -> bool:
    return matches_any(kind, kinds)


def _of_resource(rule: Rule, exceptions: Exceptions) -> sdk.ResourceValidationPolicy:
    def validate(args: sdk.ResourceValidationArgs, report: sdk.ReportViolation) -> None:
        if not matches(rule, args.resource_type) or exceptions.exempt(rule.id, args.urn):
            return
        with deciding():
            for finding in rule.check(subject_of(args), parameters(rule, args.get_config())):
                report(f"{finding} {rule.fix}", None)

    return sdk.ResourceValidationPolicy(validate=validate, **_row(rule))


def _of_stack(rule: StackRule, exceptions: Exceptions) -> sdk.StackValidationPolicy:
    def validate(args: sdk.StackValidationArgs, report: sdk.ReportViolation) -> None:
        with deciding():
            subjects = [subject_of(resource) for resource in args.resources]
            for subject, finding in rule.check(subjects, parameters(rule, args.get_config())):
                if subject is None or not exceptions.exempt(rule.id, subject.urn):
                    report(f"{finding} {rule.fix}", subject.urn if subject else None)

    return sdk.StackValidationPolicy(validate=validate, **_row(rule))


def subject_of(resource: sdk.ResourceValidationArgs | sdk.PolicyResource) -> Subject:
    """What rules see of one of the SDK's resources."""
    options = resource.opts
    parent = options.parent if options else None
    made_of = resource.property_dependencies if isinstance(resource, sdk.PolicyResource) else {}
    return Subject(
        kind=resource.resource_type,
        name=resource.name,
        urn=resource.urn,
        props=resource.props,
        protect=bool(options and options.protect),
        parent=parent if parent and "::pulumi:pulumi:Stack::" not in parent else None,
        provider=_explicit(resource.provider),
        needs={name: [needed.urn for needed in found] for name, found in made_of.items()},
    )


def _explicit(provider: sdk.PolicyProviderResource | None) -> Subject | None:
    """The provider, unless it is the one that the engine makes itself: `default`, with a version where one is asked."""
    if provider is None or provider.name.startswith("default"):
        return None
    return Subject(kind=provider.resource_type, name=provider.name, urn=provider.urn, props=provider.props)


def _row(rule: Rule | StackRule) -> dict[str, Any]:
    properties = {
        name: {**given.schema, "description": given.what, "default": given.default}
        for name, given in rule.parameters.items()
    }
    return {
        "name": rule.id,
        "description": rule.why,
        "enforcement_level": sdk.EnforcementLevel(rule.levels.of(STRICTEST)),
        "config_schema": sdk.PolicyConfigSchema(properties=properties) if properties else None,
        "severity": sdk.Severity(rule.severity),
        "tags": list(rule.frameworks) or None,
        "remediation_steps": rule.fix,
    }
