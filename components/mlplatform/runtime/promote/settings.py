"""What is rolled out, where, and past which gates: `ROLLOUT_CONFIG`."""

from collections.abc import Mapping, Sequence
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlplatform.contracts.rollout import CONFIG
from mlplatform.runtime.jobs import SettingsError, explain

KINDS: Final = ("kserve", "container", "serverless")
_Url = Field(pattern=r"^https?://[^\s/]+")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Tracks(_Model):
    """Names of the same kind of object of both tracks."""

    stable: str
    """Of what is served."""
    canary: str
    """Of the candidate."""


class OnKubernetes(_Model):
    """Where an endpoint's objects are."""

    namespace: str
    """Their namespace."""
    route: str
    """The HTTPRoute."""
    services: Tracks
    """The Services that it leads to, in this order."""
    deployments: Tracks
    """The Deployments of the pods."""
    replicas: int = Field(ge=1)
    """Replicas of a candidate."""


class KServe(OnKubernetes):
    """An endpoint that KServe runs."""

    service: str
    """The InferenceService."""
    stable_replicas: int = Field(ge=1)
    """Replicas of what is served, without those of a candidate."""


class Container(OnKubernetes):
    """An endpoint of one's own Deployments."""


class Serverless(_Model):
    """An endpoint in AWS Lambda."""

    function: str
    """Name of the function."""
    alias: str
    """The alias that callers invoke."""


class Queries(_Model):
    """PromQL that yields one number for the candidate each."""

    requests: str
    """Its requests."""
    errors: str
    """Those of them that failed."""
    p99: str
    """Milliseconds within which 99 percent were answered."""


class Check(_Model):
    """A further gate."""

    name: str
    """What it is, in a word."""
    query: str
    """PromQL that yields one number."""
    max: float
    """The greatest that is well."""


class Gates(_Model):
    """What a candidate must be before it gets more requests."""

    min_requests: int = Field(ge=1)
    """Its requests below which nothing is said of it."""
    patience_minutes: int = Field(ge=0)
    """Minutes that a gate waits for them, and for a Prometheus that does not answer."""
    max_error_percent: float = Field(ge=0, le=100)
    """Share of its requests that may fail."""
    max_p99_milliseconds: float = Field(gt=0)
    """Time within which 99 percent must be answered."""
    queries: Queries | None = None
    """Where its requests are counted; a function's are in CloudWatch."""
    checks: Sequence[Check] = ()
    """Further gates."""


class Settings(_Model):
    """An endpoint, and how its model is rolled out."""

    endpoint: str = Field(min_length=1)
    """The endpoint."""
    model: str = Field(min_length=1)
    """The registered model, and its folder in the bucket."""
    bucket: str = Field(min_length=1)
    """Bucket of the promoted models."""
    initial_version: str = Field(min_length=1)
    """Version that was deployed first, which serves as long as there is no champion."""
    ready_minutes: int = Field(ge=1)
    """Minutes within which replicas must be ready."""
    prometheus_url: str = _Url
    """Prometheus."""
    gates: Gates
    """What a candidate must be."""
    kserve: KServe | None = None
    """Exactly one of the three."""
    container: Container | None = None
    """Exactly one of the three."""
    serverless: Serverless | None = None
    """Exactly one of the three."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"got {' and '.join(given) or 'none'} of {', '.join(KINDS)}; allowed is exactly one")
        if bool(self.gates.queries) == bool(self.serverless):
            raise ValueError("gates.queries: allowed for kserve and container, which need them, and not for serverless")
        return self

    def uri(self, version: str) -> str:
        """Where a promoted version lies, as servers are told."""
        return f"s3://{self.bucket}/{self.model}/{version}/"


def settings_of(environment: Mapping[str, str]) -> Settings:
    """The settings in the environment; SettingsError for others."""
    try:
        return Settings.model_validate_json(environment.get(CONFIG, ""))
    except ValidationError as error:
        raise SettingsError(f"{CONFIG}: {'; '.join(explain(error))}") from None
