"""What the drift job compares: `DRIFT_CONFIG`."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

Share = Field(gt=0, lt=1)
Rows = Field(ge=1)


class Metric(StrEnum):
    """How good predictions are, once labels are known."""

    ACCURACY = "accuracy"
    """Share of predictions that were right; higher is better."""
    MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
    """How far predictions were from the label, on average; lower is better."""

    def worse(self, value: float, threshold: float) -> bool:
        """Whether a value is on the wrong side of a threshold."""
        return value < threshold if self is Metric.ACCURACY else value > threshold


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Folder(_Model):
    """A folder of a bucket."""

    bucket: str
    """Name of the bucket."""
    prefix: str = Field(min_length=1)
    """What the keys of its objects begin with."""


class Quality(_Model):
    """How good predictions must be."""

    metric: Metric
    """What is measured."""
    threshold: float
    """Where it is too bad."""
    labels: Folder
    """Where labels arrive."""
    window_hours: int = Rows
    """Hours of requests whose labels are looked for."""
    min_rows: int = Rows
    """Labelled requests below which nothing is decided."""


class Settings(_Model):
    """What is compared, and where the results go."""

    endpoint: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The endpoint."""
    bucket: str
    """Bucket of its request log."""
    reference: Folder
    """What its model was trained on; the prefix may hold the placeholder for the model's version."""
    reports: Folder
    """Where reports go."""
    pushgateway_url: str = Field(pattern=r"^https?://[^\s/]+")
    """Where gauges go."""
    window_hours: int = Rows
    """Hours that are compared."""
    min_rows: int = Rows
    """Requests in the window below which nothing is decided."""
    max_rows: int = Rows
    """Rows of each side that are compared."""
    max_invalid_percent: float = Field(ge=0, le=100)
    """Share of rows, in percent, that may be bad in a column."""
    significance: float = Share
    """Chance that a run finds a drift where there is none, over all columns."""
    threshold: float = Share
    """Distance from which a column has drifted."""
    thresholds: Mapping[str, float] = {}
    """The same by column."""
    ignored: Sequence[str] = ()
    """Columns that are not looked at."""
    quality: Quality | None = None
    """How good predictions must be; not looked at when left out."""
