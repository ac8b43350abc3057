"""The page about the pack, made of the catalogue."""

import json
from collections.abc import Iterator, Mapping, Sequence

from mlplatform_policies.model import ENVIRONMENTS, Rule, StackRule

Rules = Sequence[Rule | StackRule]

INTRODUCTION = """\
# Policies

What no environment may contain, as a Pulumi policy pack. This page is made of its catalogue; do not edit it.

    mlplatform preview prod                                   the rules offline, over what the program would create
    mlplatform preview prod --format sarif --out findings.sarif
    pulumi preview --policy-pack policies --policy-pack-config policies/config.prod.json

Mandatory findings end the preview with exit code 3, and the engine's update before anything is changed. A rule marked
*stack* judges resources together; the engine runs it after the change. A finding that rests on a placeholder is marked
so: the engine would not know it before the update.

A rule is *undecided*, never passed, on a resource if it reads

- a value that a preview cannot know; offline, a secret is unknown too;
- a value that nobody can read, such as a `policy` that is not JSON, or text where an object must be. Empty text where
  JSON must be counts as absent: that is how the AWS provider says that a bucket has no policy.

The message says which value. Everything else is judged: the same rule on other resources, and all other rules. A rule
that fails by a mistake of its own is undecided too, and the message names the line. The engine prints an undecided rule
as advisory (`can't run policy ...`), also where its level is mandatory.

Each environment has a configuration, `policies/config.<environment>.json`, in Pulumi's format: the level of every rule
(`mandatory`, `advisory`, `disabled`) and its parameters. Without one, the levels and defaults of production hold.

## Exceptions

`policies/exceptions.json` is a list of rows, each with all of these fields:

| field | what |
|---|---|
| `rule` | id of the rule |
| `resource` | pattern of URNs from the type on, without stack and project; `*` stands for anything |
| `reason` | why it may be, in a sentence |
| `owner` | who answers for it |
| `expires` | last day on which it holds, as 2027-06-30 |

The policy `policy-exceptions` is mandatory. It reports a row that cannot be read, that names no rule, that has expired
(a row that has still exempts, so that one finding says what to do), and that nothing needs. Its parameter `today` sets
the day.
"""
COLUMNS = ("rule", "severity", *ENVIRONMENTS, "what goes wrong without it", "what to do", "asked for by")


def page(topics: Mapping[str, Rules]) -> str:
    """The whole page in Markdown, the same bytes for the same catalogue."""
    count = sum(map(len, topics.values()))
    lines = [INTRODUCTION, f"## The {count} rules", ""]
    for topic, rules in topics.items():
        lines += [f"### {topic}", "", *_table(COLUMNS, [_row(rule) for rule in rules]), ""]
    lines += ["## What each rule is about", ""]
    about = [(f"`{rule.id}`", _codes(rule.kinds)) for rules in topics.values() for rule in rules]
    lines += [*_table(("rule", "type tokens"), about), "", "## Parameters", ""]
    parameters = [row for rules in topics.values() for rule in rules for row in _parameters(rule)]
    lines += [*_table(("rule", "parameter", "default", "what"), parameters), ""]
    return "\n".join(lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _line(columns)
    yield _line(["---"] * len(columns)).replace(" ", "")
    for row in rows:
        yield _line([cell.replace("|", "\\|") for cell in row])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(rule: Rule | StackRule) -> list[str]:
    levels = [rule.levels.of(environment).value for environment in ENVIRONMENTS]
    name = f"`{rule.id}`" + (" *stack*" if isinstance(rule, StackRule) else "")
    return [name, rule.severity.value, *levels, rule.why, rule.fix, ", ".join(rule.frameworks)]


def _parameters(rule: Rule | StackRule) -> Iterator[list[str]]:
    for name, parameter in rule.parameters.items():
        yield [f"`{rule.id}`", f"`{name}`", f"`{json.dumps(parameter.default)}`", parameter.what]


def _codes(values: Sequence[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)
