"""Exceptions from the rules, as data: which rule, for which resources, why, on whose word, and until when."""

import fnmatch
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlplatform_policies.model import Found, Rule, StackRule, Subject
from mlplatform_policies.reading import each

FILE = Path(__file__).parent.parent / "exceptions.json"
"""Where the exceptions of this pack are: beside its configuration."""

Exempt = Callable[[str, str], bool]
"""Whether a rule, by its id, is not held against a resource, by its URN."""
Finder = Callable[[Rule | StackRule, Sequence[Subject]], Found]
"""What a rule finds when nothing is exempt from it."""


class PolicyException(BaseModel):
    """One row of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    """Id of the rule."""
    resource: str
    """Pattern of the resources' URNs from the type on, without stack and project: `*` stands for anything. For example
    `*$aws:s3/bucket:Bucket::features-offline-logs-bucket`."""
    reason: str = Field(min_length=10)
    """Why it may be, in a sentence that convinces a reviewer."""
    owner: str = Field(min_length=1)
    """Who answers for it."""
    expires: date
    """Last day on which it holds, as 2027-06-30."""

    def covers(self, rule_id: str, urn: str) -> bool:
        """Whether it exempts that resource from that rule."""
        return rule_id == self.rule and fnmatch.fnmatchcase(_from_type(urn), self.resource)


def _from_type(urn: str) -> str:
    # urn:pulumi:<stack>::<project>::<types of parents and own>::<name>
    return urn.split("::", 2)[-1]


class Exceptions:
    """The rows of a file, and what is wrong with those that cannot be used."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Takes decoded rows; a bad one is kept as a problem and exempts nothing."""
        self.good: list[PolicyException] = []
        self.problems: list[str] = []
        for at, row in enumerate(rows):
            try:
                self.good.append(PolicyException.model_validate(row))
            except ValidationError as error:
                wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
                self.problems.append(f"Exception {at} cannot be used: {wrong}.")

    @classmethod
    def of(cls, file: Path = FILE) -> "Exceptions":
        """The exceptions of a JSON file, a list; none where there is no file."""
        return cls(json.loads(file.read_text(encoding="utf-8")) if file.exists() else [])

    def exempt(self, rule_id: str, urn: str) -> bool:
        """Whether some row covers the rule and the resource; a row that has expired is a finding of its own instead."""
        return any(row.covers(rule_id, urn) for row in self.good)

    def findings(
        self, catalogue: Sequence[Rule | StackRule], subjects: Sequence[Subject], found: Finder, today: date
    ) -> Iterator[str]:
        """What is wrong with the exceptions themselves: unreadable, expired, for no rule, for nothing that is found."""
        yield from self.problems
        rules = {rule.id: rule for rule in catalogue}

        def judge(row: PolicyException) -> Iterator[str]:
            name = f"The exception from {row.rule} for {row.resource} ({row.owner})"
            if row.rule not in rules:
                yield f"{name} names no rule."
            elif row.expires < today:
                yield f"{name} expired on {row.expires}."
            elif not any(s and row.covers(row.rule, s.urn) for s, _ in found(rules[row.rule], subjects)):
                yield f"{name} is not used: nothing that it covers breaks the rule."

        yield from each(self.good, judge)
