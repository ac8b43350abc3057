"""Where a pipeline is submitted, and with what: `KUBEFLOW_CONFIG`."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """One pipeline at one Kubeflow Pipelines."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    endpoint: str = Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")
    """Address of the API, with the path before `/apis` where there is one."""
    experiment: str = Field(min_length=1)
    """Experiment of the runs, by name; made where there is none."""
    namespace: str | None = None
    """Namespace of the experiment, which a Kubeflow with several users wants; none by default."""
    parameters: dict[str, Any] = {}
    """What runs are given, beside what each of them is given anyway."""
    timeout_minutes: int = Field(ge=1)
    """Minutes after which a run that has not ended is ended."""
    model: str = Field(min_length=1)
    """Registered model that the pipeline trains."""
