"""What a person says of costs beside the stack files: prices that no source at hand states, and how much is used."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mlplatform.facts.aws.prices import MONTH_HOURS

FILE: Final = "costs.yaml"
"""Beside the stacks' files."""


class BadSettings(Exception):  # noqa: N818 - says what is wrong
    """The settings cannot be used; the text has a line for each mistake: path, value given, what is allowed."""


def _number(value: Any) -> Any:
    """Numbers as YAML has them, by the digits that were written."""
    return str(value) if isinstance(value, float) else value


Amount = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Usage(_Settings):
    """How much of something is used in a month: at least, probably, at most."""

    floor: Amount = Decimal(0)
    """At least; 0 when omitted."""
    expected: Amount
    """Probably."""
    ceiling: Amount
    """At most."""

    @model_validator(mode="before")
    @classmethod
    def _one_number_is_all_three(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            return given
        return {"floor": given, "expected": given, "ceiling": given}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.floor <= self.expected <= self.ceiling:
            raise ValueError(
                f"floor is {self.floor}, expected {self.expected}, ceiling {self.ceiling}; "
                "allowed is floor <= expected <= ceiling"
            )
        return self


class Assumptions(_Settings):
    """What no program says: hours, and what is used of services that are paid by use.

    None, the default of all that is used: it is not counted, the report says so, and the total is a floor.
    """

    hours: Amount = Decimal(MONTH_HOURS)
    """Hours of a month that things run; 730 when omitted, as in AWS's estimates."""
    node_share: Annotated[Amount, Field(le=1)] = Decimal("0.5")
    """Share of a pool's nodes between minimum and limit that is expected to run; the middle, 0.5, when omitted."""
    nat_gib: Usage | None = None
    """GiB that each NAT gateway processes."""
    vpc_endpoint_gib: Usage | None = None
    """GiB that each interface endpoint processes."""
    logs_ingested_gib: Usage | None = None
    """GiB that each log group takes in."""
    logs_stored_gib: Usage | None = None
    """GiB that each log group keeps."""
    s3_gib: Usage | None = None
    """GiB that each bucket holds."""
    s3_put_thousands: Usage | None = None
    """Thousands of PUT and LIST requests to each bucket."""
    s3_get_thousands: Usage | None = None
    """Thousands of GET requests to each bucket."""
    dynamodb_gib: Usage | None = None
    """GiB that each table holds; its continuous backup, where that is on, has the same size."""
    dynamodb_read_millions: Usage | None = None
    """Millions of read request units of each table."""
    dynamodb_write_millions: Usage | None = None
    """Millions of write request units of each table."""
    load_balancer_lcus: Usage | None = None
    """Capacity units that each load balancer uses on average."""
    sqs_millions: Usage | None = None
    """Millions of requests to each queue."""
    lambda_millions: Usage | None = None
    """Millions of requests to each function."""
    lambda_seconds: Usage | None = None
    """Seconds that each of those requests takes; the memory is the function's."""


class CostSettings(_Settings):
    """The file `costs.yaml` beside the stacks' files."""

    prices: Mapping[str, Amount] = Field(default_factory=dict)
    """USD by what is paid for, such as `nat.hour` or `ec2.m7i.large.on_demand_hour`; they win over those of the tables.
    A key may end in `@REGION` to be for that region only."""
    assumptions: Assumptions = Assumptions()
    """How much runs and is used."""
    ec2_price_region: str | None = None
    """Region whose EC2 prices stand in for those of a region without any; none when omitted: then such instances are
    unpriced. Regions differ by a tenth and more, so an estimate says when it rests on this."""
    service_price_region: str | None = None
    """The same for all other services."""

    @classmethod
    def of(cls, given: Mapping[str, Any], file: str = FILE) -> Self:
        """The settings of decoded YAML; raises BadSettings."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise BadSettings("\n".join(_lines(file, error))) from None


def _lines(file: str, error: ValidationError) -> list[str]:
    return [f"{file}: {_path(one['loc'])}{_why(one)}" for one in error.errors()]


def _path(loc: tuple[int | str, ...]) -> str:
    return f"{'.'.join(str(step) for step in loc)} " if loc else ""


def _why(one: Any) -> str:
    if one["type"] == "extra_forbidden":
        return f"is nothing that can be set; allowed are {', '.join(_model_at(one['loc']).model_fields)}"
    if one["type"] == "missing":
        return "is missing; add a number"
    if one["type"] == "value_error":
        return f"does not fit: {one['ctx']['error']}"
    allowed = {
        "greater_than_equal": "a number of 0 or more",
        "less_than_equal": "a number from 0 to 1",
        "string_type": "a text",
        "dict_type": "a mapping",
        "mapping_type": "a mapping",
        "model_type": "a mapping",
    }
    return f"is {one['input']!r}; allowed is {allowed.get(one['type'], 'a number')}"


def _model_at(loc: tuple[int | str, ...]) -> type[_Settings]:
    """The model that the last step of a path is not a field of."""
    return (CostSettings, Assumptions, Usage)[len(loc) - 1]
