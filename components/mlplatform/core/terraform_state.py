"""Values of a stack's configuration that stand in a Terraform state: a VPC, a cluster, a key that Terraform made.

In the place of any value:

    vpc_id: {terraform: {state: ../network/terraform.tfstate, output: vpc_id}}
    vpc_id: {terraform: {s3: {bucket: acme-states, key: network.tfstate, region: eu-west-1}, output: vpc_id}}

They are read before anything is created, so that they are checked, and shown, like any other value.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Optional, Self

import pulumi
from pydantic import model_validator

from mlplatform.core.args import Args, InvalidArgs

REFERENCE: Final = "terraform"
"""The only key of a mapping that stands for an output."""
STATE_VERSION: Final = 4
"""Format of a state file that is read; Terraform 1.11 writes it."""
PROVIDER_VERSION: Final = "6.1.0"
"""Version of Pulumi's provider `terraform`, which reads remote states (pulumi-terraform on PyPI, July 2026)."""
S3_TOKEN: Final = "terraform:state:getS3Reference"  # noqa: S105 - the name of a function
"""The provider's function that reads a state in S3, and its arguments (`get_s3_reference` of pulumi-terraform 6.1)."""


class TerraformS3State(Args):
    """A state in S3, read with the credentials of whoever runs Pulumi: none stand in a configuration."""

    bucket: str
    """Name of the bucket."""
    key: str
    """Path of the state in it, as in Terraform's backend."""
    region: str
    """Region of the bucket; required, for otherwise the environment of whoever runs it would decide."""
    workspace: Optional[str] = "default"
    """Terraform workspace; the default one when omitted."""
    workspace_key_prefix: Optional[str] = None
    """What stands before the names of other workspaces in the bucket; Terraform's default when omitted."""
    role_arn: Optional[str] = None
    """Role that may read the state, where the deploying one may not; none by default."""


class TerraformReference(Args):
    """An output of a Terraform state: exactly one of `state` and `s3` says of which."""

    output: str
    """Name of the output of the root module. It must not be sensitive: configuration is kept, and shown, in clear."""
    state: Optional[str] = None
    """A state file of version 4, or what `terraform output -json` wrote, which can be committed; its path is absolute
    or begins at the folder of the stack files."""
    s3: Optional[TerraformS3State] = None
    """A state in S3. Its answer does not say which outputs are sensitive: name none of those."""

    @model_validator(mode="after")
    def _one_state(self) -> Self:
        if (self.state is None) == (self.s3 is None):
            given = "both state and s3" if self.state else "neither state nor s3"
            raise ValueError(f"got {given}; allowed is one of them")
        return self


class _Output(NamedTuple):
    """An output of a state."""

    value: Any
    sensitive: bool


_Outputs = Mapping[str, _Output]


def with_terraform_outputs(values: Mapping[str, Any], folder: Path, root: str = "") -> dict[str, Any]:
    """The values with the output in place of every reference; raises InvalidArgs with a line for each that has none.

    Paths of state files begin at `folder`; what is said of a value begins with `root` and its path.
    """
    reader = _Reader(folder)
    found = {key: reader.resolved(value, f"{root}{key}") for key, value in values.items()}
    if reader.problems:
        raise InvalidArgs("\n".join(reader.problems))
    return found


class _Reader:
    """Reads every state once, and collects what is wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self._states: dict[str, _Outputs | ValueError] = {}

    def resolved(self, value: Any, path: str) -> Any:
        """The value with the output in place of every reference in it."""
        if isinstance(value, list):
            return [self.resolved(item, f"{path}[{at}]") for at, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        if list(value) != [REFERENCE]:
            return {key: self.resolved(item, f"{path}.{key}") for key, item in value.items()}
        try:
            return self._output(TerraformReference.of(_mapping(value[REFERENCE])))
        except InvalidArgs as refused:
            name = TerraformReference.__name__
            self.problems += [line.replace(name, f"{path}.{REFERENCE}", 1) for line in str(refused).splitlines()]
        except ValueError as problem:
            self.problems.append(f"{path}.{REFERENCE}: {problem}")
        return None

    def _output(self, reference: TerraformReference) -> Any:
        place, outputs = self._outputs(reference)
        if reference.output not in outputs:
            known = ", ".join(sorted(outputs)) or "none"
            raise ValueError(f"{place} has no output {reference.output}; allowed are {known}")
        found = outputs[reference.output]
        if found.sensitive:
            raise ValueError(
                f"output {reference.output} of {place} is sensitive, and configuration is kept in clear; put the value "
                "into Secrets Manager, and give its name or ARN where one is asked for"
            )
        if found.value is None:
            raise ValueError(f"output {reference.output} of {place} is null; allowed is one with a value")
        return found.value

    def _outputs(self, reference: TerraformReference) -> tuple[str, _Outputs]:
        place = reference.state or (f"s3://{reference.s3.bucket}/{reference.s3.key}" if reference.s3 else "")
        source = reference.model_dump_json(exclude={"output"})
        if source not in self._states:
            try:
                self._states[source] = _in_s3(reference.s3) if reference.s3 else _in_file(self.folder / place)
            except ValueError as problem:
                self._states[source] = ValueError(f"{place} {problem}")
        found = self._states[source]
        if isinstance(found, ValueError):
            raise found
        return place, found


def _mapping(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(f"got {given!r}; allowed is a mapping of {', '.join(TerraformReference.model_fields)}")  # noqa: TRY004 - caught as such
    return given


def _in_file(file: Path) -> _Outputs:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        allowed = "a path from the folder of the stack files, or an absolute one"
        raise ValueError(f"cannot be read: {error.strerror}; allowed is {allowed}") from None
    except ValueError:
        document = None
    if isinstance(document, Mapping) and isinstance(document.get("version"), int):
        if document["version"] != STATE_VERSION:
            raise ValueError(f"is a state of version {document['version']}; allowed is {STATE_VERSION}")
        document = document.get("outputs")
    if not isinstance(document, Mapping) or not all(_is_output(one) for one in document.values()):
        raise ValueError("is no Terraform state; allowed is one, or what `terraform output -json` writes")
    return {name: _Output(one["value"], bool(one.get("sensitive"))) for name, one in document.items()}


def _is_output(one: Any) -> bool:
    return isinstance(one, Mapping) and "value" in one


def _in_s3(state: TerraformS3State) -> _Outputs:
    given = {
        "bucket": state.bucket,
        "key": state.key,
        "region": state.region,
        "workspace": state.workspace,
        "workspaceKeyPrefix": state.workspace_key_prefix,
        "roleArn": state.role_arn,
    }
    asked = {key: value for key, value in given.items() if value is not None}
    answer = pulumi.runtime.invoke(S3_TOKEN, asked, pulumi.InvokeOptions(version=PROVIDER_VERSION)).value
    if not answer or not isinstance(answer.get("outputs"), Mapping):
        raise ValueError("gave no outputs; allowed is a state that this stack's credentials can read")
    return {name: _Output(value, sensitive=False) for name, value in answer["outputs"].items()}
