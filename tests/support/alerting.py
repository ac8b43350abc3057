"""Prometheus' own tool, which reads rules and says when their alerts are sent."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool on PATH; it is a part of Prometheus (prometheus.io/download)"
)
"""Skips a test where the tool is missing."""


def promtool(folder: Path, *command: str) -> str:
    """What it finds wrong; nothing where all is well."""
    path = shutil.which("promtool") or "promtool"
    done = subprocess.run([path, *command], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr
