"""What a message may say, and what makes one malformed; reasons never show a value of the spec, which may be secret."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlplatform.contracts.labels import KUEUE_PRIORITY_CLASS, KUEUE_QUEUE_NAME
from mlplatform.runtime.jobs import explain

SERVICE_ACCOUNT: Final = "worker"
"""The ServiceAccount of jobs: the only identity that a team's namespace offers them."""
_ACCOUNTS: Final = frozenset({"serviceAccountName", "serviceAccount"})
_REFUSED: Final[Mapping[str, str]] = {
    KUEUE_QUEUE_NAME: "the queue is the team's own",
    KUEUE_PRIORITY_CLASS: "give it as `priority` beside the spec",
    "priorityClassName": "give the priority as `priority` beside the spec",
    "podPriorityClassName": "give the priority as `priority` beside the spec",
    "nodeName": "it passes by the scheduler, and so by the quota of the nodes' pool",
    "podSpecPatch": "it is a text that could hold any of the fields refused here",
}
"""Fields that are refused at any depth of a spec, with the reason.

Only what the namespace itself cannot refuse: its Pod Security Standard forbids host access and privileges. What the
manifest in a `resource` template of a Workflow may make is bounded by the rights of `worker`.
"""
_SHOWN: Final = 80
"""Characters of a wrong value that a reason shows."""


class MessageError(Exception):
    """A message that can never be dispatched; the text is the reason."""


class Kind(StrEnum):
    """What a message can ask for."""

    JOB = "Job"
    """batch/v1: one step, on one pod or several."""
    WORKFLOW = "Workflow"
    """argoproj.io/v1alpha1: several steps."""
    TRAIN_JOB = "TrainJob"
    """trainer.kubeflow.org/v1alpha1: distributed training after a runtime that the platform holds."""


class Team(BaseModel):
    """Where the jobs of one team wait."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    queue: str
    """The LocalQueue in the team's namespace."""


class Config(BaseModel):
    """Who may ask for what: `DISPATCH_CONFIG`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    teams: Mapping[str, Team] = Field(min_length=1)
    """The teams by their namespaces."""
    priorities: Sequence[str]
    """Names of the WorkloadPriorityClasses that a message may ask for."""
    default_priority: str
    """The one of a message that asks for none."""

    @model_validator(mode="after")
    def _default_is_listed(self) -> Self:
        if self.default_priority not in self.priorities:
            raise ValueError(f"default_priority: {_wrong(self.default_priority, self.priorities)}")
        return self


class Message(BaseModel):
    """The body of a message, as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    version: Literal[1]
    """Version of this schema."""
    team: str
    """Namespace of the team; also the message's group, so that one team's messages never hold up another's."""
    kind: Kind
    """What to make."""
    priority: str | None = None
    """Its WorkloadPriorityClass; the default one when left out."""
    spec: dict[str, Any]
    """The object's own `spec`; all else of the object is made here."""


SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **Message.model_json_schema(),
}
"""JSON Schema of the body of a message: the contract with whoever sends one. What depends on the environment is not in
it: the names of teams and priorities, and the message group, which is the team."""


def parse(body: str, group: str, config: Config) -> Message:
    """The message; MessageError where anything about it is not allowed."""
    try:
        message = Message.model_validate_json(body)
    except ValidationError as error:
        raise MessageError("; ".join(explain(error))) from None
    if message.team not in config.teams:
        raise MessageError(f"team: {_wrong(message.team, config.teams)}")
    if group != message.team:
        raise MessageError(f"team: got {message.team!r} in the message group {group[:_SHOWN]!r}; they must be the same")
    if message.priority is not None and message.priority not in config.priorities:
        raise MessageError(f"priority: {_wrong(message.priority, config.priorities)}")
    problem = next(_refused(message.spec), None)
    if problem:
        raise MessageError(problem)
    return message


def _wrong(given: str, allowed: Mapping[str, Any] | Sequence[str]) -> str:
    return f"got {given[:_SHOWN]!r}; allowed are {', '.join(sorted(allowed))}"


def _refused(spec: Mapping[str, Any]) -> Iterator[str]:
    for path, key, value in _items(spec, "spec"):
        if key in _REFUSED:
            yield f"{path}: not allowed; {_REFUSED[key]}"
        if key in _ACCOUNTS and value != SERVICE_ACCOUNT:
            yield f"{path}: allowed is {SERVICE_ACCOUNT} only; leave it out"


def _items(value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """Every item of every mapping in a value, with its path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{path}.{key}", key, item
            yield from _items(item, f"{path}.{key}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _items(item, f"{path}[{at}]")
