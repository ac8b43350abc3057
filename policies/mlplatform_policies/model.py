"""What a rule is: a row of the catalogue and a pure function, none of which knows how Pulumi runs it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

ENVIRONMENTS: Final = ("dev", "staging", "prod")
"""Environments that the catalogue has a level for."""


class Level(StrEnum):
    """What a violation does, by Pulumi's names."""

    ADVISORY = "advisory"
    """It is printed."""
    MANDATORY = "mandatory"
    """It ends the update."""
    DISABLED = "disabled"
    """The rule is not run."""


class Severity(StrEnum):
    """How bad a violation is, for people who sort findings; by Pulumi's names."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Levels:
    """A rule's level in each environment."""

    dev: Level
    staging: Level
    prod: Level

    def of(self, environment: str) -> Level:
        """The level in one of `ENVIRONMENTS`."""
        return Level(getattr(self, environment))


ALWAYS: Final = Levels(Level.MANDATORY, Level.MANDATORY, Level.MANDATORY)
"""No environment may contain it."""
PRODUCTION: Final = Levels(Level.ADVISORY, Level.ADVISORY, Level.MANDATORY)
"""Production may not contain it; elsewhere it is worth knowing."""
ADVICE: Final = Levels(Level.ADVISORY, Level.ADVISORY, Level.ADVISORY)
"""Worth knowing everywhere."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a rule that a configuration may change."""

    default: Any
    """The value where the configuration has none: the strictest that makes sense."""
    schema: Mapping[str, Any]
    """JSON schema of the value."""
    what: str
    """What it means, with its unit."""


Parameters = Mapping[str, Any]
"""Values of a rule's parameters by name, defaults filled in."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A resource as a rule sees it: the same in Pulumi's engine and in the offline preview."""

    kind: str
    """Type token, such as `aws:kms/key:Key`."""
    name: str
    """Logical name."""
    urn: str
    """URN."""
    props: Mapping[str, Any]
    """Properties as the provider gets them, in camelCase; in a rule over the whole stack, the outputs too. To touch one
    that is not known yet raises, which leaves the rule undecided."""
    protect: bool = False
    """Whether Pulumi refuses to delete it."""
    parent: str | None = None
    """URN of its parent; None where it has none, or only the stack."""
    provider: "Subject | None" = None
    """The explicit provider resource that makes it; None for the default one."""
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """URNs of the resources that each property was made of, by property; in a rule over the whole stack only."""


Findings = Iterator[str]
"""One sentence a finding: what is wrong, the value given, what is allowed."""
Found = Iterator[tuple[Subject | None, str]]
"""The same, each with the resource that it is about; None for the stack."""
Check = Callable[[Subject, Parameters], Findings]
"""Judges one resource."""
StackCheck = Callable[[Sequence[Subject], Parameters], Found]
"""Judges all resources together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    id: str
    """Name of the policy, as configuration and findings show it."""
    kinds: Sequence[str]
    """Type tokens of the resources that it is about; a `*` in one stands for anything."""
    severity: Severity
    """How bad a violation is."""
    levels: Levels
    """What a violation does, by environment."""
    why: str
    """What goes wrong without the rule, in one sentence."""
    fix: str
    """What to change, in the imperative."""
    frameworks: Sequence[str] = ()
    """Controls that ask for the same, such as `AWS FSBP KMS.4`; none by default."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """Values that a configuration may change, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(_Row):
    """A rule about single resources; it prevents what it finds, since it runs before the change."""

    check: Check
    """Judges a resource of one of its kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRule(_Row):
    """A rule about resources together: companions and sums. It runs after the change."""

    check: StackCheck
    """Judges all resources of the stack."""
