"""Compiled pipelines: what is one, and what runs of it may be given."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.contracts import kubeflow
from mlplatform.contracts.kubeflow import GIVEN, LARGEST, Package, PackageError, Parameter, read
from recorded import ROOT

PACKAGES = ROOT / "tests" / "kfp" / "packages"
LINE = (PACKAGES / "line.yaml").read_text()
WORKSPACE = (PACKAGES / "with-workspace.yaml").read_text()
TEXT, WHOLE = Parameter("STRING", required=True), Parameter("NUMBER_INTEGER", required=True)
RUN = {"data_uri": "s3://features/day/", "requested_by": "schedule", "run": "fraud-x7k2p", "request_id": ""}


def package(**parameters: Parameter) -> Package:
    return Package("p", {}, None, parameters)


def changed(**fields: Any) -> str:
    """The package of the line with fields replaced, or left out where None."""
    spec = {**yaml.safe_load(LINE), **fields}
    return yaml.safe_dump({name: value for name, value in spec.items() if value is not None})


def test_a_package_of_the_sdk_is_read() -> None:
    found = read(LINE)
    assert found.name == "line"
    assert found.parameters == {
        "data_uri": Parameter("STRING", required=True),
        "rate": Parameter("NUMBER_DOUBLE", required=False),
        "requested_by": Parameter("STRING", required=True),
        "run": Parameter("STRING", required=False),
        "steps": Parameter("NUMBER_INTEGER", required=False),
    }
    assert found.body == yaml.safe_load(LINE)


def test_what_a_package_says_about_kubernetes_goes_with_it() -> None:
    found = read(WORKSPACE)
    pipeline, platform = yaml.safe_load_all(WORKSPACE)
    assert found.body == {"pipeline_spec": pipeline, "platform_spec": platform}


def test_a_pipeline_without_parameters_is_one() -> None:
    assert read(changed(root={"dag": {}})).arguments({}, RUN) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "got 0 pipelines and 0 platform specs; allowed are one and at most one, as kfp 2 compiles",
        ),
        (
            f"{LINE}\n---\n{LINE}",
            "got 2 pipelines and 0 platform specs; allowed are one and at most one, as kfp 2 compiles",
        ),
        ("a: [1", "not YAML: expected ',' or ']', but got '<stream end>' in line 1"),
        ("a: 2026-01-01", "a value has no form in JSON, such as a date or .nan; quote it"),
        ("a: .nan", "a value has no form in JSON, such as a date or .nan; quote it"),
        ("a: \0", "not YAML: unacceptable character #x0000: special characters are not allowed"),
        ("- a", "got a document that is a list; allowed are mappings"),
        (
            "x" * (LARGEST + 1),
            f"got {LARGEST + 1} bytes; allowed are at most {LARGEST}, the most that a ConfigMap holds",
        ),
        (
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow",
            "got a Workflow of Argo, which kfp 1 compiles to; compile the pipeline with kfp 2",
        ),
        (
            "pipelineSpec: {}",
            "got a PipelineJob; give its `pipelineSpec` alone, which TFX writes to a file named .yaml",
        ),
        (
            changed(root=None, deploymentSpec=None),
            "got no compiled pipeline: root, deploymentSpec is missing; give what kfp 2 compiles",
        ),
        (
            changed(schemaVersion="2.0.0"),
            "schemaVersion: got '2.0.0'; allowed is 2.1.0, with TFX by use_pipeline_spec_2_1=True",
        ),
        (changed(pipelineInfo={"description": "nameless"}), "pipelineInfo.name: the pipeline has no name; give it one"),
        (changed(pipelineInfo="line"), "pipelineInfo: got str; allowed is a mapping"),
        (changed(root=["dag"]), "root: got list; allowed is a mapping"),
        (
            changed(root={"inputDefinitions": {"artifacts": {"data": {"artifactType": {}}}}}),
            "the pipeline takes artifacts, data; a run can be given parameters only",
        ),
        (
            changed(root={"inputDefinitions": {"parameters": {"x": {"parameterType": "TASK_CONFIG"}}}}),
            "parameters.x: got TASK_CONFIG; allowed are STRING, NUMBER_INTEGER, NUMBER_DOUBLE, BOOLEAN, LIST, STRUCT",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_what_is_no_package_is_refused(text: str, message: str) -> None:
    with pytest.raises(PackageError) as error:
        read(text)
    assert str(error.value) == message


def test_an_optional_artifact_is_no_hindrance() -> None:
    root = {"inputDefinitions": {"artifacts": {"data": {"isOptional": True}}}}
    assert read(changed(root=root)).parameters == {}


def test_a_run_is_given_what_its_package_declares() -> None:
    assert read(LINE).arguments({"steps": 10}, RUN) == {
        "data_uri": "s3://features/day/",
        "requested_by": "schedule",
        "run": "fraud-x7k2p",
        "steps": 10,
    }


def test_a_configured_value_goes_before_the_run_s_own() -> None:
    assert read(WORKSPACE).arguments({"data_uri": "s3://features/fixed/"}, RUN) == {"data_uri": "s3://features/fixed/"}


def test_an_empty_value_goes_only_where_there_is_no_default() -> None:
    with_default = package(request_id=Parameter("STRING", required=False))
    assert with_default.arguments({}, RUN) == {}
    assert package(request_id=TEXT).arguments({}, RUN) == {"request_id": ""}


@pytest.mark.parametrize(
    ("parameters", "configured", "message"),
    [
        (
            {"depth": WHOLE, "data_uri": TEXT},
            {"depht": 3},
            "parameters.depht: the package declares no such parameter; it declares data_uri, depth",
        ),
        ({}, {"depth": 3}, "parameters.depth: the package declares no such parameter; it declares none"),
        ({"depth": WHOLE}, {"depth": "3"}, "parameters.depth: got '3'; the package wants a whole number"),
        ({"depth": WHOLE}, {}, "parameters.depth: the package has no default for it; give it a value"),
        ({"run": WHOLE}, {}, "run: the package wants a whole number, and a run gives text; declare it as str"),
    ],
)
def test_parameters_that_no_run_can_have_are_refused(
    parameters: dict[str, Parameter], configured: dict[str, Any], message: str
) -> None:
    with pytest.raises(PackageError) as error:
        package(**parameters).check(configured)
    assert str(error.value) == message


VALUES: Mapping[str, tuple[list[Any], list[Any]]] = {
    "STRING": (["", "a"], [1, None, ["a"]]),
    "NUMBER_INTEGER": ([3, 3.0, -1], [3.5, True, "3", math.inf, math.nan]),
    "NUMBER_DOUBLE": ([3, 0.5], [False, "0.5", math.nan]),
    "BOOLEAN": ([True, False], [0, 1, "true"]),
    "LIST": ([[], [1, "a"], (1,)], ["a", {}, [math.nan]]),
    "STRUCT": ([{}, {"a": [1]}], [[], "a", {"a": math.inf}]),
}


@pytest.mark.parametrize("kind", sorted(VALUES))
def test_a_parameter_takes_values_of_its_type_only(kind: str) -> None:
    right, wrong = VALUES[kind]
    parameter = Parameter(kind, required=True)
    assert [value for value in right if not parameter.takes(value)] == []
    assert [value for value in wrong if parameter.takes(value)] == []


def test_every_type_has_a_test_of_its_values() -> None:
    assert set(VALUES) == set(kubeflow._TYPES)


KINDS = st.builds(Parameter, st.sampled_from(sorted(VALUES)), st.booleans())


@given(
    st.dictionaries(st.sampled_from([*sorted(GIVEN), "depth", "rate"]), KINDS),
    st.dictionaries(st.sampled_from(["data_uri", "depth", "rate", "other"]), st.sampled_from(["", "a", 1, 0.5, True])),
    st.fixed_dictionaries({name: st.sampled_from(["", "text"]) for name in sorted(GIVEN)}),
)
def test_what_is_checked_before_there_is_a_run_holds_for_every_run(
    parameters: dict[str, Parameter], configured: dict[str, Any], values: dict[str, str]
) -> None:
    found = package(**parameters)
    try:
        found.check(configured)
    except PackageError:
        with pytest.raises(PackageError):
            found.arguments(configured, values)
        return
    filled = found.arguments(configured, values)
    assert set(filled) <= set(parameters)
    assert all(parameters[name].takes(value) for name, value in filled.items())
    assert all(name in filled for name, parameter in parameters.items() if parameter.required)
