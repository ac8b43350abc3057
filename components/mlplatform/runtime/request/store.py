"""The table that holds the state of an endpoint: read consistently, written on condition that nobody else wrote."""

from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from mlplatform.contracts.drift import TABLE_KEY, TABLE_TTL
from mlplatform.runtime.request.gate import Request, State

KEPT_SECONDS: Final = 62 * 86_400
"""How long a state is kept after its last request: longer than any cooldown and any month, so that what DynamoDB
deletes says nothing any more."""
_LOST: Final = "ConditionalCheckFailedException"
_REQUEST: Final = ("id", "group", "body", "reason")


class ConflictError(Exception):
    """Somebody else wrote first; read again and decide anew."""


@dataclass(frozen=True, slots=True)
class Store:
    """The state of one endpoint in its table."""

    client: Any
    """A client of DynamoDB."""
    table: str
    """Name of the table."""
    endpoint: str
    """The endpoint."""

    def read(self) -> State | None:
        """What is known; None where nothing was ever asked for."""
        key = {TABLE_KEY: {"S": self.endpoint}}
        item = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        return _state(item) if item else None

    def replace(self, before: State | None, after: State) -> None:
        """Writes the state; ConflictError where it is no longer the one before."""
        guard: dict[str, Any] = {"ConditionExpression": f"attribute_not_exists({TABLE_KEY})"}
        if before is not None:
            guard = {
                "ConditionExpression": "version = :version",
                "ExpressionAttributeValues": {":version": {"N": str(before.version)}},
            }
        try:
            self.client.put_item(TableName=self.table, Item=_item(self.endpoint, after), **guard)
        except ClientError as error:
            if error.response["Error"]["Code"] == _LOST:
                raise ConflictError from None
            raise


def _item(endpoint: str, state: State) -> dict[str, dict[str, Any]]:
    return {
        TABLE_KEY: {"S": endpoint},
        TABLE_TTL: {"N": str(state.asked_at + KEPT_SECONDS)},
        **{f"request_{name}": {"S": getattr(state.request, name)} for name in _REQUEST},
        "asked_at": {"N": str(state.asked_at)},
        "sent": {"BOOL": state.sent},
        "settled": {"BOOL": state.settled},
        "former": {"L": [{"S": name} for name in state.former]},
        "day": {"S": state.day},
        "of_day": {"N": str(state.of_day)},
        "month": {"S": state.month},
        "of_month": {"N": str(state.of_month)},
        "version": {"N": str(state.version)},
    }


def _state(item: dict[str, dict[str, Any]]) -> State:
    return State(
        request=Request(**{name: item[f"request_{name}"]["S"] for name in _REQUEST}),
        asked_at=int(item["asked_at"]["N"]),
        sent=item["sent"]["BOOL"],
        settled=item["settled"]["BOOL"],
        former=tuple(name["S"] for name in item["former"]["L"]),
        day=item["day"]["S"],
        of_day=int(item["of_day"]["N"]),
        month=item["month"]["S"],
        of_month=int(item["of_month"]["N"]),
        version=int(item["version"]["N"]),
    )
