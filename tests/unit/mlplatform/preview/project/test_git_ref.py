"""A project at a git ref, on real git histories: its own modules and configuration, and nothing of the checkout."""

import os
import sys
import venv
from pathlib import Path

import pytest

from histories import commit, git
from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.diff import compare
from mlplatform.preview.launch.python import run
from mlplatform.preview.project.configuration import load_project, load_stack
from mlplatform.preview.project.git_ref import at

PROGRAM = """\
import pulumi
import defaults

class Group(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("x:index:Group", name, {"size": defaults.SIZE, "zone": pulumi.Config().get("zone")})

Group("group")
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A checkout with one commit: a program, and a module of its own on the interpreter's path."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root / "lib"), *(path for path in sys.path if path)]))
    git("init", "--quiet", "--initial-branch", "main")
    Path("lib").mkdir()
    Path("lib/defaults.py").write_text("SIZE = 3\n")
    Path("Pulumi.yaml").write_text("name: proj\nruntime: python\n")
    Path("Pulumi.dev.yaml").write_text("config: {zone: a}\n")
    Path("__main__.py").write_text(PROGRAM)
    commit()
    return root


def graph_of(project, stack="dev"):
    found = run(project, load_stack(project, stack))
    assert found.status == "ok", found.error
    return found


def changes(ref, root="."):
    """What differs between a ref and the working tree, by path."""
    project = load_project(Path(root))
    with at(project, ref) as before:
        then = graph_of(before.project)
    diff = compare(then, graph_of(project))
    return {(step.name, one.name): (one.before, one.after) for step in diff.steps for one in step.changes}


def state(root):
    """All that git keeps of a checkout, and the files in it."""
    kept = {path: path.read_bytes() for path in sorted(Path(root).rglob("*")) if path.is_file()}
    return {path: content for path, content in kept.items() if "__pycache__" not in path.parts}


def test_a_default_changed_in_a_module_only(repository):
    Path("lib/defaults.py").write_text("SIZE = 4\n")
    assert changes("HEAD") == {("group", "size"): (3, 4)}


def test_configuration_program_and_modules_are_those_of_the_ref(repository):
    first = git("rev-parse", "HEAD")
    commit(**{"Pulumi.dev.yaml": "config: {zone: b}\n"})
    Path("lib/defaults.py").write_text("SIZE = 5\n")
    assert changes(first) == {("group", "size"): (3, 5), ("group", "zone"): ("a", "b")}
    assert changes("HEAD") == {("group", "size"): (3, 5)}


def test_nothing_changes_and_nothing_is_left_behind(repository, monkeypatch, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    Path("uncommitted.txt").write_text("mine\n")
    before, path = state("."), os.environ["PYTHONPATH"]
    assert changes("HEAD") == {}
    assert state(".") == before
    assert os.environ["PYTHONPATH"] == path
    assert list(scratch.iterdir()) == []


def test_the_path_is_restored_where_there_was_none_and_after_an_error(repository, monkeypatch):
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(ZeroDivisionError), at(load_project(Path()), "HEAD"):
        raise ZeroDivisionError
    assert "PYTHONPATH" not in os.environ


@pytest.mark.parametrize("ref", ["HEAD", "main", "v1", "HEAD^0"])
def test_refs_of_every_kind_on_a_detached_head(repository, ref):
    git("tag", "v1")
    full = git("rev-parse", "HEAD")
    git("checkout", "--quiet", "--detach")
    with at(load_project(Path()), ref) as before:
        assert before.commit == full
        assert before.stacks == ("dev",)
        assert before.notes == ()


def test_a_shallow_clone_with_the_ref_fetched(repository, tmp_path, monkeypatch):
    git("tag", "old")
    commit(**{"Pulumi.dev.yaml": "config: {zone: b}\n"})
    clone = tmp_path / "clone"
    git("clone", "--quiet", "--depth=1", "--no-tags", f"file://{repository}", str(clone))
    monkeypatch.chdir(clone)
    monkeypatch.setenv("PYTHONPATH", os.environ["PYTHONPATH"].replace(str(repository), str(clone)))
    with pytest.raises(BadInput) as refused, at(load_project(Path()), "old"):
        pass
    assert str(refused.value) == (
        "--against old: names no commit here; "
        "this clone is shallow: `git fetch --depth=1 origin old` and give FETCH_HEAD"
    )
    git("fetch", "--quiet", "--depth=1", "origin", "old")
    assert changes("FETCH_HEAD") == {("group", "zone"): ("a", "b")}


def test_a_project_below_the_root_whose_files_are_not_exported(repository):
    Path(".gitattributes").write_text("* export-ignore\n")
    below = Path("infra")
    below.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
        Path(name).rename(below / name)
    commit()
    (below / "Pulumi.dev.yaml").write_text("config: {zone: c}\n")
    assert changes("HEAD", "infra") == {("group", "zone"): ("a", "c")}
    with pytest.raises(BadInput) as refused, at(load_project(below), "HEAD~1"):
        pass
    assert str(refused.value) == "--against HEAD~1: there was no infra yet; give a later ref"


def test_variables_of_a_hook_do_not_mislead(repository, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    with at(load_project(Path()), "HEAD") as before:
        assert (before.project.root / "__main__.py").is_file()


@pytest.mark.parametrize(
    ("ref", "shown"),
    [("nosuch", "nosuch"), ("HEAD~1", "HEAD~1"), ("--all", "--all"), ("HEAD:lib", "HEAD:lib"), ("", "''")],
)
def test_bad_refs_get_one_line(repository, ref, shown):
    with pytest.raises(BadInput) as refused, at(load_project(Path()), ref):
        pass
    assert str(refused.value) == (
        f"--against {shown}: names no commit here; give a branch, a tag or a commit that is here; "
        "`git fetch` may bring it"
    )


def test_before_the_first_commit_and_outside_git(repository, tmp_path, monkeypatch):
    git("update-ref", "-d", "HEAD")
    with pytest.raises(BadInput) as refused, at(load_project(Path()), "HEAD"):
        pass
    assert str(refused.value) == "--against HEAD: names no commit here; nothing is committed here yet"
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("Pulumi.yaml", "__main__.py"):
        outside.joinpath(name).write_text(Path(name).read_text())
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(BadInput) as refused, at(load_project(outside), "HEAD"):
        pass
    assert str(refused.value) == (
        f"--against needs a git checkout, and {outside} is none (not a git repository "
        "(or any of the parent directories): .git); give --graph FILE instead"
    )


def test_a_ref_without_a_project(repository):
    Path("__main__.py").unlink()
    broken = commit()
    git("revert", "--no-edit", "HEAD")
    with pytest.raises(BadInput) as refused, at(load_project(Path()), broken):
        pass
    message = str(refused.value)
    assert message.startswith(f"--against {broken}: its root held no project that can be run: ")
    assert message.endswith("main is a directory with a __main__.py, or a .py file")
    assert "\n" not in message


def test_locks_that_differ_are_named(repository):
    Path("requirements").mkdir()
    Path("requirements/dev.txt").write_text("pulumi==1\n")
    Path("uv.lock").write_text("same\n")
    commit()
    Path("requirements/dev.txt").write_text("pulumi==2\n")
    Path("requirements/new.txt").write_text("x==1\n")
    with at(load_project(Path()), "HEAD") as before:
        both = "both programs ran with the packages of the working tree's environment"
        assert before.notes == (
            f"requirements/dev.txt differs from HEAD: {both}",
            f"requirements/new.txt is not in both the working tree and HEAD: {both}",
        )


def test_an_editable_installation_does_not_win(repository, monkeypatch):
    """The checkout's own environment has the checkout's modules installed; at the ref, the ref's are found."""
    venv.create(".venv", symlinks=True)
    installed = next(Path(".venv/lib").glob("python*")) / "site-packages"
    # What the tests run with, and the checkout's module as `pip install --editable` would leave it.
    there = [path for path in sys.path if path.endswith("site-packages")]
    installed.joinpath("editable.pth").write_text("\n".join([*there, str(repository / "lib")]) + "\n")
    monkeypatch.delenv("PYTHONPATH")
    Path(".gitignore").write_text(".venv\n")
    Path("Pulumi.yaml").write_text("name: proj\nruntime: {name: python, options: {virtualenv: .venv}}\n")
    commit()
    Path("lib/defaults.py").write_text("SIZE = 4\n")
    assert changes("HEAD") == {("group", "size"): (3, 4)}
    assert installed.is_dir()
