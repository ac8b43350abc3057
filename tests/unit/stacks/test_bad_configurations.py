"""Bad configurations: each refused with one line a field, that names path, value, what is allowed and how to fix it."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from environments import DELETE, composed
from recorded import ROOT, Refused

BAD = yaml.safe_load(Path(__file__).with_name("bad_configurations.yaml").read_text())


def edits(case: dict[str, Any]) -> dict[str, Any]:
    return {**case.get("set", {}), **dict.fromkeys(case.get("without", ()), DELETE)}


@pytest.mark.parametrize("case", BAD, ids=lambda case: " ".join(edits(case)))
def test_refused(case: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        composed(case["stack"], edits(case))
    assert str(refusal.value).splitlines() == case["says"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "nat: single",
            "nat: always",
            "mlplatform:network.nat: got 'always'; allowed are 'none', 'single', 'per_zone'",
        ),
        (
            '"111111111111"',
            "011111111111",
            (
                "{file}:13:26: config.mlplatform:account_id is 011111111111 without quotes, which YAML readers take "
                'for different values; quote it: "011111111111"'
            ),
        ),
    ],
    ids=["in the model", "in the file"],
)
def test_a_bad_stack_file_ends_the_command_with_2_and_no_traceback(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    for name in ("components", "stacks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    file = tmp_path / "stacks" / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace(old, new, 1))
    command = [str(Path(sys.executable).with_name("mlplatform")), "preview", "dev", "--project", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message.format(file=file)}\n")
