"""The pack in the real engine, over a state file: no provider, no login."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from recorded import ROOT

pytestmark = pytest.mark.skipif(
    shutil.which("pulumi") is None,
    reason="no Pulumi CLI on PATH; install it (pulumi.com/docs/install) or build it from the Go module proxy: "
    "go build github.com/pulumi/pulumi/pkg/v3/cmd/pulumi, with its version set by -ldflags",
)

# What the CLI's own distribution ships as its analyzer for Python packs, less the virtual environment.
ANALYZER = """#!/bin/sh
for a do shift; case "$a" in -virtualenv=*) ;; *) set -- "$@" "$a" ;; esac; done
exec {python} -u -m pulumi.policy "$@"
"""


def state(*resources: dict[str, object]) -> dict[str, object]:
    return {
        "version": 3,
        "deployment": {
            "manifest": {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""},
            "resources": [
                {"urn": f"urn:pulumi:dev::tests::{item['type']}::r{at}", "custom": True, "id": f"r{at}", **item}
                for at, item in enumerate(resources)
            ],
        },
    }


def test_the_engine_finds_what_the_rules_find(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    analyzer = tools / "pulumi-analyzer-policy-python"
    analyzer.write_text(ANALYZER.format(python=sys.executable))
    analyzer.chmod(analyzer.stat().st_mode | stat.S_IXUSR)
    file = tmp_path / "state.json"
    good = {"enableKeyRotation": True}
    key = "aws:kms/key:Key"
    resources = [{"type": key, "inputs": props, "outputs": props} for props in (good, {}, {})]
    file.write_text(json.dumps(state(*resources)))
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    command = ["pulumi", "policy", "analyze", "--policy-pack", str(ROOT / "policies"), "--file", str(file), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done.stderr
    assert sorted(line for line in done.stdout.split('"') if line.startswith("urn:")) == [
        "urn:pulumi:dev::tests::aws:kms/key:Key::r1",
        "urn:pulumi:dev::tests::aws:kms/key:Key::r2",
    ], done.stdout
