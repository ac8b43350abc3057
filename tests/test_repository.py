"""The repository itself: locks, lazy imports, layers."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recorded import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_locks_pin_by_hash_and_name_no_address(lock: Path) -> None:
    text = lock.read_text()
    requirements = re.findall(
        r"^([a-z0-9._-]+)==([^ ]+)(.*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE
    )
    assert len(requirements) == len(re.findall(r"^\S", text, re.MULTILINE))
    assert "://" not in text


def test_lock_holds_the_build_backend_and_what_is_pinned_exactly() -> None:
    lock = (ROOT / "requirements" / "dev.txt").read_text()
    for name in (
        "hatchling",
        "editables",
        "pulumi==3.272.0",
        "pulumi-policy==1.21.0",
        "pulumi-aws==7.",
        "protobuf==5.29.",
    ):
        assert re.search(rf"^{re.escape(name)}", lock, re.MULTILINE), name


@pytest.mark.parametrize(
    "code",
    [
        "from mlplatform.facts.aws import iam, instances, karpenter, kms",
        "import mlplatform",
        "from mlplatform import cli; cli.main(['--help'])",
        "from mlplatform import cli; cli.main(['preview', '--help'])",
        "from mlplatform import cli; cli.main(['--version'])",
    ],
)
def test_pulumi_is_loaded_only_where_it_is_needed(code: str) -> None:
    check = (
        f"import sys\n{code}\nprint(sorted(name for name in sys.modules if name.startswith('pulumi')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == "[]\n"


def lint_imports(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--contract", contract]
    paths = ":".join(map(str, (folder, folder / "components", folder / "policies")))
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [
        ("layers", "components/mlplatform/core/keys.py", "from mlplatform.network import Network"),
        ("layers", "components/mlplatform/preview/graph/model.py", "from mlplatform.core import keys"),
        ("layers", "components/mlplatform/facts/aws/iam.py", "from mlplatform.cost import model"),
        ("facts", "components/mlplatform/facts/aws/iam.py", "import pydantic"),
        ("tools", "components/mlplatform/network/component.py", "from mlplatform.cost import model"),
        ("pulumi", "components/mlplatform/preview/reports/tree.py", "import pulumi"),
        ("pulumi", "components/mlplatform/preview/reports/tree.py", "from mlplatform.preview import recorder"),
        ("pulumi", "components/mlplatform/runtime/jobs.py", "import pulumi"),
        ("alone", "components/mlplatform/preview/recorder/monitor.py", "from mlplatform.preview.graph import model"),
        ("policies", "policies/mlplatform_policies/catalogue.py", "from mlplatform.core import naming"),
        ("stacks", "stacks/compose.py", "from mlplatform.core.keys import encryption_key"),
        ("cycles", "components/mlplatform/facts/aws/iam.py", "from mlplatform.facts.aws import kms"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(contract: str, file: str, line: str, tmp_path: Path) -> None:
    for name in ("components", "stacks", "policies"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert lint_imports(tmp_path, contract).returncode == 0
    source = tmp_path / file
    source.write_text(source.read_text() + f"\n{line}\n")
    done = lint_imports(tmp_path, contract)
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout
