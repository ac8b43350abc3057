"""A compiled Kubeflow pipeline: what it must be, what it may be given, and what the job that submits it reads."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import yaml

CONFIG: Final = "KUBEFLOW_CONFIG"
"""Environment variable of the job: where the pipeline is submitted, and with which parameters, as JSON."""
PACKAGE: Final = "KUBEFLOW_PACKAGE"
"""Environment variable of the job: path of the compiled pipeline."""
TOKEN: Final = "KF_PIPELINES_SA_TOKEN_PATH"  # noqa: S105 - a variable's name
"""Environment variable of the job: path of the ServiceAccount token that a Kubeflow with several users wants; none when
unset (kfp 2.17, client/set_volume_credentials.py)."""
AUDIENCE: Final = "pipelines.kubeflow.org"
"""Audience of that token (Kubeflow documentation, Connect the SDK to the API)."""
TRACKING_URI: Final = "MLFLOW_TRACKING_URI"
"""Environment variable of the job: address of the model registry, where it is known (MLflow documentation)."""

SCHEMA_VERSION: Final = "2.1.0"
"""The one version that the server takes (kubeflow/pipelines, backend/src/apiserver/template/v2_template.go)."""
LARGEST: Final = 1024 * 1024
"""Bytes of a package: what the data of a ConfigMap may have (Kubernetes documentation, ConfigMaps)."""

GIVEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "data_uri": "the data that the run is trained on",
        "model": "the registered model",
        "request_id": "id of the request for retraining that the run answers; empty for none",
        "requested_by": "who or what asked for the run, and why",
        "run": "name of the Workflow",
        "tracking_uri": "address of the model registry",
    }
)
"""Parameters, all of them text, that a run is given where its package declares them."""

_TYPES: Final[Mapping[str, tuple[tuple[type, ...], str]]] = MappingProxyType(
    {
        "STRING": ((str,), "text"),
        "NUMBER_INTEGER": ((int,), "a whole number"),
        "NUMBER_DOUBLE": ((int, float), "a number"),
        "BOOLEAN": ((bool,), "true or false"),
        "LIST": ((list, tuple), "a list"),
        "STRUCT": ((Mapping,), "a mapping"),
    }
)
"""What a parameter's value is, by its type (kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto, ParameterType)."""
_PIPELINE: Final = ("pipelineInfo", "root", "deploymentSpec", "schemaVersion")
"""What every compiled pipeline has (the same file, PipelineSpec)."""


class PackageError(ValueError):
    """Not a compiled pipeline, or not one for these parameters; the text says what is wrong, in one line."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a pipeline."""

    type: str
    """Its type, such as NUMBER_INTEGER."""
    required: bool
    """Whether it has no default."""

    def takes(self, value: object) -> bool:
        """Whether a value is of its type; a number without fraction is a whole one, and a truth value is no number."""
        if isinstance(value, bool):
            return self.type == "BOOLEAN"
        if self.type == "NUMBER_INTEGER" and isinstance(value, float):
            return value.is_integer()
        return isinstance(value, _TYPES[self.type][0]) and _sayable(value)


@dataclass(frozen=True, slots=True)
class Package:
    """A compiled pipeline."""

    name: str
    """Its name."""
    spec: Mapping[str, Any]
    """The pipeline."""
    platform: Mapping[str, Any] | None
    """What it says about Kubernetes alone, where it does."""
    parameters: Mapping[str, Parameter]
    """What a run may be given, by name."""

    @property
    def body(self) -> Mapping[str, Any]:
        """The pipeline as the API takes it with a run (kfp 2.17, client/client.py, _PipelineDoc)."""
        return self.spec if self.platform is None else {"pipeline_spec": self.spec, "platform_spec": self.platform}

    def check(self, configured: Mapping[str, Any]) -> None:
        """PackageError where no run can be made with these parameters beside those of GIVEN."""
        for name, value in configured.items():
            if name not in self.parameters:
                declared = ", ".join(sorted(self.parameters)) or "none"
                raise PackageError(f"parameters.{name}: the package declares no such parameter; it declares {declared}")
            if not self.parameters[name].takes(value):
                wanted = _TYPES[self.parameters[name].type][1]
                raise PackageError(f"parameters.{name}: got {value!r}; the package wants {wanted}")
        for name, parameter in sorted(self.parameters.items()):
            if name in configured:
                continue
            if name in GIVEN and not parameter.takes(""):
                wanted = _TYPES[parameter.type][1]
                raise PackageError(f"{name}: the package wants {wanted}, and a run gives text; declare it as str")
            if name not in GIVEN and parameter.required:
                raise PackageError(f"parameters.{name}: the package has no default for it; give it a value")

    def arguments(self, configured: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
        """What a run is given: configured values, and those of `given` that the package declares.

        An empty one goes only where the package has no default. PackageError as for `check`.
        """
        self.check(configured)
        declared = {name: value for name, value in given.items() if name in self.parameters}
        filled = {name: value for name, value in declared.items() if value or self.parameters[name].required}
        return {**filled, **configured}


def read(text: str) -> Package:
    """The package; PackageError for anything else."""
    size = len(text.encode())
    if size > LARGEST:
        raise PackageError(f"got {size} bytes; allowed are at most {LARGEST}, the most that a ConfigMap holds")
    pipelines: list[dict[str, Any]] = []
    platforms: list[dict[str, Any]] = []
    for document in _documents(text):
        (platforms if "platforms" in document else pipelines).append(document)
    if len(pipelines) != 1 or len(platforms) > 1:
        counts = f"{len(pipelines)} pipelines and {len(platforms)} platform specs"
        raise PackageError(f"got {counts}; allowed are one and at most one, as kfp 2 compiles")
    spec = pipelines[0]
    _check_pipeline(spec)
    return Package(spec["pipelineInfo"]["name"], spec, platforms[0] if platforms else None, _parameters(spec))


def _sayable(value: object) -> bool:
    """Whether JSON has a form for it, which NaN and dates have not."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _documents(text: str) -> Iterator[dict[str, Any]]:
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise PackageError(f"not YAML: {_place(error)}") from None
    if not _sayable(documents):
        raise PackageError("a value has no form in JSON, such as a date or .nan; quote it")
    for document in documents:
        if not isinstance(document, dict):
            raise PackageError(f"got a document that is a {type(document).__name__}; allowed are mappings")
        yield document


def _place(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"{error.problem} in line {error.problem_mark.line + 1}"
    return str(error).partition("\n")[0]


def _check_pipeline(spec: Mapping[str, Any]) -> None:
    if str(spec.get("apiVersion", "")).startswith("argoproj.io/"):
        raise PackageError("got a Workflow of Argo, which kfp 1 compiles to; compile the pipeline with kfp 2")
    if "pipelineSpec" in spec:
        raise PackageError("got a PipelineJob; give its `pipelineSpec` alone, which TFX writes to a file named .yaml")
    missing = [name for name in _PIPELINE if not spec.get(name)]
    if missing:
        raise PackageError(f"got no compiled pipeline: {', '.join(missing)} is missing; give what kfp 2 compiles")
    if spec["schemaVersion"] != SCHEMA_VERSION:
        version = spec["schemaVersion"]
        raise PackageError(
            f"schemaVersion: got {version!r}; allowed is {SCHEMA_VERSION}, with TFX by use_pipeline_spec_2_1=True"
        )
    if not _part(spec, "pipelineInfo").get("name"):
        raise PackageError("pipelineInfo.name: the pipeline has no name; give it one")


def _parameters(spec: Mapping[str, Any]) -> dict[str, Parameter]:
    inputs = _part(_part(spec, "root"), "inputDefinitions")
    artifacts = _part(inputs, "artifacts")
    required = sorted(name for name in artifacts if not _part(artifacts, name).get("isOptional"))
    if required:
        # The API has no field for them (kfp_server_api 2.17, models/v2beta1_runtime_config.py).
        raise PackageError(f"the pipeline takes artifacts, {', '.join(required)}; a run can be given parameters only")
    parameters = _part(inputs, "parameters")
    return {name: _parameter(name, _part(parameters, name)) for name in parameters}


def _parameter(name: str, given: Mapping[str, Any]) -> Parameter:
    kind = str(given.get("parameterType"))
    if kind not in _TYPES:
        raise PackageError(f"parameters.{name}: got {kind}; allowed are {', '.join(_TYPES)}")
    return Parameter(kind, not given.get("isOptional") and "defaultValue" not in given)


def _part(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of a mapping that is one itself; empty where it is left out."""
    part = parent.get(name, {})
    if not isinstance(part, Mapping):
        raise PackageError(f"{name}: got {type(part).__name__}; allowed is a mapping")
    return part
