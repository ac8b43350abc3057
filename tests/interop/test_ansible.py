"""Beside Ansible, with the real one: it reads a stack's outputs as an inventory."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorded import ROOT

ANSIBLE = shutil.which("ansible-inventory")
COMMAND = str(Path(sys.executable).with_name("mlplatform"))
Read = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.skipif(
    ANSIBLE is None, reason="no ansible-inventory on PATH; `pip install ansible-core` in an environment of its own"
)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The variables that Ansible has for localhost, of a stack's outputs."""

    def run(stack: str, *options: str) -> dict[str, Any]:
        command = [COMMAND, "outputs", stack, "--project", str(ROOT), "--format", "ansible", *options]
        file = tmp_path / "inventory.yaml"
        written = subprocess.run(
            [*command, "--out", str(file)], capture_output=True, text=True, check=False, timeout=120
        )
        assert written.returncode == 0, written.stderr
        # Without these, Ansible would read the machine's own configuration and write into the home folder.
        own = {"ANSIBLE_CONFIG": str(tmp_path / "none"), "ANSIBLE_HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8"}
        asked = [str(ANSIBLE), "--inventory", str(file), "--list"]
        done = subprocess.run(
            asked, env={**os.environ, **own}, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        listed = json.loads(done.stdout)
        assert listed["all"]["children"] == ["ungrouped"]
        assert listed["ungrouped"]["hosts"] == ["localhost"]
        return dict(listed["_meta"]["hostvars"]["localhost"])

    return run


LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_the_inventory_of_an_environment_is_read(stack: str, read: Read) -> None:
    command = [COMMAND, "outputs", stack, "--project", str(ROOT), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    wanted = {f"stack_{name}": value for name, value in json.loads(done.stdout).items() if name != "//"}
    assert wanted["stack_cluster_name"] == f"ml-{stack}"
    assert read(stack) == {**LOCAL, **wanted}


def test_what_looks_like_a_template_is_data_and_types_are_kept(read: Read, tmp_path: Path) -> None:
    given = {
        "command": "{{ lookup('pipe', 'id') }}",
        "a.b": {"on": "yes", "no": "0123", "n": 1.5, "none": None, "deep": ["{% raw %}", True]},
        "text": "line\n\n  # no comment: x\n",
    }
    (tmp_path / "real.json").write_text(json.dumps(given))
    assert read("prod", "--from", str(tmp_path / "real.json")) == {
        **LOCAL,
        "stack_command": {"__ansible_unsafe": given["command"]},
        "stack_a_b": {
            "on": "yes",
            "no": "0123",
            "n": 1.5,
            "none": None,
            "deep": [{"__ansible_unsafe": "{% raw %}"}, True],
        },
        "stack_text": given["text"],
    }
