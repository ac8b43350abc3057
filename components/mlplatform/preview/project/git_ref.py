"""A project as it was at a git ref: its own program, components, policies and configuration, run by this tool.

The tree of the ref is written to a temporary folder by way of an index of its own. Nothing of the repository changes:
not the checkout, not its index, not its list of worktrees. The interpreter is the project's: its virtual environment is
linked into the tree, and what that environment has installed from the checkout itself (`pip install --editable`) is
found in the tree first.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlplatform.preview.errors import BadInput
from mlplatform.preview.project.configuration import Project, load_project

LOCKS: Final = (
    "requirements/*.txt",
    "requirements*.txt",
    "*.lock",
)
"""Files, relative to the project, that pin what its environment holds."""
_SHALLOW_HELP: Final = "this clone is shallow: `git fetch --depth=1 origin {ref}` and give FETCH_HEAD"
_HELP: Final = "give a branch, a tag or a commit that is here; `git fetch` may bring it"


@dataclass(frozen=True)
class Before:
    """A project at a ref, as long as the context that gives it lasts."""

    project: Project
    commit: str
    """Full hash of the commit."""
    stacks: tuple[str, ...]
    """The stacks that have a file there."""
    notes: tuple[str, ...]
    """What the user should know of the comparison, a line each."""


@contextlib.contextmanager
def at(project: Project, ref: str) -> Iterator[Before]:
    """The project as it was at a ref; raises BadInput where there is no such ref, or no project there.

    While the context lasts, programs and policy packs that are started find the ref's modules first.
    """
    top = _toplevel(project.root)
    commit = _commit(top, ref)
    with tempfile.TemporaryDirectory(prefix="mlplatform-") as scratch:
        tree = Path(scratch).resolve() / "tree"
        _write_tree(top, commit, tree, Path(scratch) / "index")
        _link_environment(project, top, tree)
        root = tree / project.root.relative_to(top)
        with _found_first(_counterparts(project, top, tree)):
            before = _load(root, ref, project.root.relative_to(top))
            yield Before(before, commit, before.stacks, tuple(_lock_notes(project.root, root, ref)))


def _load(root: Path, ref: str, where: Path) -> Project:
    inside = f"the folder {where.as_posix()}" if where.parts else "its root"
    if not root.is_dir():
        raise BadInput(f"--against {ref}: there was no {where.as_posix()} yet; give a later ref")
    try:
        found = load_project(root)
    except BadInput as error:
        raise BadInput(f"--against {ref}: {inside} held no project that can be run: {error}") from None
    if found.root != root:
        raise BadInput(f"--against {ref}: {inside} held no project yet; give a later ref")
    return found


# --- git -------------------------------------------------------------------------------------------------------------


def _git(folder: Path, *arguments: str, index: Path | None = None) -> subprocess.CompletedProcess[str]:
    # Variables such as GIT_DIR, which git sets for hooks, name another repository than that of the folder.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"GIT_INDEX_FILE": str(index)} if index else {}
    environment |= {"GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - see above
    except FileNotFoundError:
        raise BadInput("--against needs git, and there is none on PATH; install it, or give --graph FILE") from None


def _toplevel(folder: Path) -> Path:
    done = _git(folder, "rev-parse", "--show-toplevel")
    if done.returncode:
        words = done.stderr.strip().splitlines()[0].removeprefix("fatal: ")
        raise BadInput(f"--against needs a git checkout, and {folder} is none ({words}); give --graph FILE instead")
    return Path(done.stdout.strip()).resolve()


def _commit(top: Path, ref: str) -> str:
    done = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if done.returncode or not ref:
        shallow = _git(top, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
        empty = _git(top, "rev-parse", "--verify", "--quiet", "HEAD").returncode != 0
        fix = "nothing is committed here yet" if empty else _SHALLOW_HELP.format(ref=ref) if shallow else _HELP
        raise BadInput(f"--against {ref or repr(ref)}: names no commit here; {fix}")
    return done.stdout.strip()


def _write_tree(top: Path, commit: str, tree: Path, index: Path) -> None:
    """Writes a commit's files to a folder. Not by `git archive`, which leaves out what is marked `export-ignore`."""
    tree.mkdir()
    for arguments in (("read-tree", commit), ("checkout-index", "--all", "--quiet", f"--prefix={tree.as_posix()}/")):
        done = _git(top, *arguments, index=index)
        if done.returncode:
            raise BadInput(f"--against {commit}: git {arguments[0]} failed: {done.stderr.strip().splitlines()[-1]}")


# --- the interpreter -------------------------------------------------------------------------------------------------


def _environment_of(project: Project) -> Path:
    return project.interpreter.parent.parent


def _link_environment(project: Project, top: Path, tree: Path) -> None:
    """Lets the tree have the checkout's virtual environment where the checkout has it."""
    environment = Path(os.path.normpath(_environment_of(project)))
    if environment.is_relative_to(top) and environment != top:
        link = tree / environment.relative_to(top)
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(environment, target_is_directory=True)


def _counterparts(project: Project, top: Path, tree: Path) -> tuple[Path, ...]:
    """What the interpreter has on its path from the checkout, as it lies in the tree."""
    environment = _environment_of(project).resolve()
    asked = [str(project.interpreter), "-c", "import json, sys; print(json.dumps(sys.path[1:]))"]
    done = subprocess.run(asked, cwd=tree, capture_output=True, text=True, check=False)  # noqa: S603 - the project's own Python
    if done.returncode:
        raise BadInput(f"{project.interpreter}: cannot be run: {done.stderr.strip().splitlines()[-1]}")
    paths = [Path(entry).resolve() for entry in json.loads(done.stdout.splitlines()[-1])]
    own = [path for path in paths if path.is_relative_to(top) and not path.is_relative_to(environment)]
    return tuple(dict.fromkeys(tree / path.relative_to(top) for path in own))


@contextlib.contextmanager
def _found_first(paths: Sequence[Path]) -> Iterator[None]:
    """Lets every Python that is started look for modules in these folders first."""
    given = os.environ.get("PYTHONPATH")
    if paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([*map(str, paths), *([given] if given else [])])
    try:
        yield
    finally:
        if given is not None:
            os.environ["PYTHONPATH"] = given
        else:
            os.environ.pop("PYTHONPATH", None)


# --- what is pinned --------------------------------------------------------------------------------------------------


def _locks(root: Path) -> Mapping[str, bytes]:
    found = {path for pattern in LOCKS for path in root.glob(pattern) if path.is_file()}
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def _lock_notes(now: Path, then: Path, ref: str) -> Iterator[str]:
    here, there = _locks(now), _locks(then)
    for name in sorted({*here, *there}):
        if here.get(name) != there.get(name):
            how = "differs from" if name in here and name in there else "is not in both the working tree and"
            yield f"{name} {how} {ref}: both programs ran with the packages of the working tree's environment"
