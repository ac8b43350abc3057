"""The README is true: its output is the program's, its program runs, its commands and links exist."""

import json
import re

import pytest

from mlplatform import NetworkArgs
from mlplatform.core.args import InvalidArgs
from mlplatform.preview.graph.model import Graph
from mlplatform.preview.reports import tree
from recorded import ROOT, record

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def block(begins: str) -> list[str]:
    return next(text for _, text in BLOCKS if text.startswith(begins)).splitlines()[1:]


def test_preview_is_the_real_one() -> None:
    golden = json.loads((ROOT / "tests" / "golden" / "dev.json").read_text())
    real = iter(tree.as_text(Graph.of(golden)).splitlines())
    for line in block("$ make preview STACK=dev"):
        assert line.strip() == "..." or line in real, line


def test_program_runs() -> None:
    program = next(text for language, text in BLOCKS if language == "python")
    outputs = record(lambda: exec(program, {})).outputs  # noqa: S102 - the README's own
    assert outputs["feature_store_yaml"].startswith("project: fraud\n")


def test_errors_are_the_real_ones() -> None:
    with pytest.raises(InvalidArgs) as refused:
        NetworkArgs(cidr="10.8.0.1/16", zones=["eu-west-1a"], nat="allways")
    assert f"error: {refused.value}".splitlines() == block("$ mlplatform preview dev --project ../mine")


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`|\$ )make ([a-z]+)", README, re.MULTILINE)) <= targets


def test_linked_files_exist() -> None:
    for link in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / link).exists(), link
