"""What the sidecar is told by its environment."""

from collections.abc import Mapping
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlplatform.contracts import request_log
from mlplatform.runtime.jobs import SettingsError, explain

READS: Final[Mapping[str, str]] = {
    request_log.PORT: "port that it listens on",
    request_log.UPSTREAM: "server that it passes requests on to, such as http://127.0.0.1:8080",
    request_log.BUCKET: "bucket that lines go to",
    request_log.PREFIX: "what their keys begin with, such as requests/fraud/",
    request_log.SAMPLE_PERCENT: "share of the requests that is logged, 1 to 100",
    request_log.MODEL_VERSION: "model and version that answer, such as fraud/7",
    request_log.VERSION: f"version of the lines' schema: {request_log.SCHEMA_VERSION}",
    "AWS_DEFAULT_REGION": "region of the bucket",
}


class Settings(BaseModel):
    """The variables, each by its name."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    port: int = Field(alias=request_log.PORT, ge=1, le=65535)
    """Where it listens."""
    upstream: str = Field(alias=request_log.UPSTREAM, pattern=r"^http://[^/?#\s]+$")
    """Where it passes requests on to."""
    bucket: str = Field(alias=request_log.BUCKET, min_length=3)
    """Bucket that lines go to."""
    prefix: str = Field(alias=request_log.PREFIX, pattern=rf"^{request_log.FOLDER}[^/]+/$")
    """What keys begin with, day excluded."""
    sample_percent: float = Field(alias=request_log.SAMPLE_PERCENT, ge=1, le=request_log.PERCENT)
    """Share of the requests that is logged."""
    model_version: str = Field(alias=request_log.MODEL_VERSION, pattern=r"^[^/]+/[^/]+$")
    """Model and version that answer."""
    schema_version: str = Field(alias=request_log.VERSION, pattern=rf"^{request_log.SCHEMA_VERSION}$")
    """Version of the schema that lines must have: the one that is known here."""
    region: str = Field(alias="AWS_DEFAULT_REGION", min_length=1)
    """Region of the bucket. Without it requests would go to the global endpoint, which private networks don't reach."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The settings in the environment; SettingsError for others."""
        try:
            return cls.model_validate({name: environment[name] for name in READS if name in environment})
        except ValidationError as error:
            raise SettingsError("; ".join(explain(error))) from None
