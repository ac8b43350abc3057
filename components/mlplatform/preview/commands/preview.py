"""The subcommands `preview` and `manifests`: their arguments, and what they print where."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.model import Graph
from mlplatform.preview.launch.python import run
from mlplatform.preview.policies import losses, packs
from mlplatform.preview.project.configuration import Project, load_project, load_stack
from mlplatform.preview.project.yamlfile import read_items
from mlplatform.preview.reports import manifests as files
from mlplatform.preview.reports import sarif, tree

FAILED, REFUSED, FORBIDDEN, LOST = 1, 2, 3, losses.LOST
"""Exit codes: the program failed, bad input, mandatory findings of a policy, a loss that nobody accepts."""

PREVIEW_EXAMPLES = """\
examples:
  mlplatform preview dev
  mlplatform preview prod --format json --out prod.json
  mlplatform preview dev --strict-unknowns           nothing known that the engine would not know
  mlplatform preview dev --answers lookups.yaml      results of lookups that nothing offline can answer
  mlplatform preview --project ../their-project
  mlplatform preview prod --policy-pack ../rules     any Pulumi policy pack in Python
  mlplatform preview prod --format sarif --out findings.sarif
  mlplatform preview prod --costs                    what each resource costs a month
  mlplatform preview prod --against main             what changes since a git ref, and what it costs
  mlplatform preview prod --against main --format markdown --out comment.md

The report goes to stdout (or --out), all that the program and policies print to stderr.
exit codes: 1 the program failed; 2 bad input; 4 a loss that nobody has accepted; 3 mandatory findings of a policy;
0 otherwise
"""
MANIFESTS_EXAMPLES = """\
examples:
  mlplatform manifests prod --out build/prod
  kubectl diff -R -f build/prod

exit codes: 1 the program failed; 2 bad input; 0 otherwise
"""


def configure_preview(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `preview` to a parser."""
    parser.description = "Runs a stack's program offline and shows what it creates."
    parser.epilog = PREVIEW_EXAMPLES
    _add_common(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json", "markdown", "sarif"),
        default="text",
        help="text for people (default), json, or sarif: the findings alone, for code scanning",
    )
    parser.add_argument(
        "--strict-unknowns", action="store_true", help="no placeholders: unknown is what the engine knows not"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="write the report to a file instead of stdout")
    parser.add_argument("--costs", action="store_true", help="what each resource costs a month, and what is left out")
    _add_policies(parser)
    _add_comparison(parser)
    parser.set_defaults(run=preview)


def _add_policies(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--policy-pack",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help=f"a Pulumi policy pack to run; repeatable; default: {packs.OWN_PACK}/ of the project, where it has one",
    )
    parser.add_argument(
        "--policy-config",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="the pack's configuration as JSON; repeatable, in the packs' order; default: its config.STACK.json",
    )
    parser.add_argument("--no-policies", action="store_true", help="run no policy pack")


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--against", metavar="REF", help="show what changes since a git ref, run as it was there")
    source.add_argument(
        "--graph", metavar="FILE", type=Path, help="show what changes since a graph saved with --format json"
    )
    parser.add_argument(
        "--accept-loss",
        metavar="URN",
        action="append",
        default=[],
        help=f"something stateful that may be deleted or replaced; repeatable; or a row in {losses.FILE}",
    )


def configure_manifests(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `manifests` to a parser."""
    parser.description = "Runs a stack's program offline and writes its Kubernetes objects as YAML, one file each."
    parser.epilog = MANIFESTS_EXAMPLES
    _add_common(parser)
    parser.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="directory to write to: new, empty or ours"
    )
    parser.set_defaults(run=manifests, strict_unknowns=False)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "stack", metavar="STACK", nargs="?", help="the stack, or ORGANIZATION/STACK; default: the only one"
    )
    add_project(parser)


def add_project(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of every command that runs a project's program."""
    parser.add_argument("--project", metavar="DIR", type=Path, default=Path(), help="the Pulumi project; default: here")
    parser.add_argument(
        "--answers",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="results of lookups as YAML; repeatable",
    )


def preview(arguments: argparse.Namespace) -> int:
    """Prints the report of a stack and returns the exit code."""
    _refuse_contradictions(arguments)
    project = load_project(arguments.project)
    graph = recorded(arguments, project)
    code = complain(graph)
    if code:
        return code
    given = (arguments.policy_pack, arguments.policy_config)
    verdicts = () if arguments.no_policies else packs.judged(graph, project, *given)
    if arguments.format == "sarif" and not verdicts:
        raise BadInput("--format sarif has only findings, and the project has no policy pack; give a --policy-pack")
    if _compares(arguments) and arguments.format != "sarif":
        refusal = _review_of(arguments, project, graph, verdicts)
        if refusal:
            print(f"error: {refusal}", file=sys.stderr)
            return LOST
    else:
        _report(graph, verdicts, project, arguments)
    return FORBIDDEN if any(verdict.findings("mandatory") for verdict in verdicts) else 0


def _compares(arguments: argparse.Namespace) -> bool:
    return bool(arguments.against or arguments.graph)


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    if arguments.no_policies and (arguments.policy_pack or arguments.policy_config or arguments.format == "sarif"):
        raise BadInput(
            "--no-policies leaves nothing for --policy-pack, --policy-config or --format sarif; take one out"
        )
    if arguments.accept_loss and not _compares(arguments):
        raise BadInput("--accept-loss is for a comparison; give --against REF or --graph FILE with it")
    if arguments.format == "markdown" and not _compares(arguments):
        raise BadInput("--format markdown is the comment on a change; give --against REF or --graph FILE with it")


def _review_of(
    arguments: argparse.Namespace, project: Project, graph: Graph, verdicts: Sequence[packs.Verdict]
) -> str | None:
    """Reports what changes; returns what is said where something would be lost that nobody has accepted."""
    review = _review()

    def judge(there: Project, found: Graph) -> Sequence[packs.Verdict]:
        return packs.judged(found, there, arguments.policy_pack, arguments.policy_config)

    arguments.stack = arguments.stack or graph.stack  # at the ref there may be others
    now, asked = review.side(project, graph, verdicts), None if arguments.no_policies else judge
    if arguments.graph:
        found = review.since_graph(project, now, arguments.graph, asked)
    else:
        found = review.since_ref(project, now, arguments.against, lambda there: recorded(arguments, there), asked)
    write(review.rendered(found, arguments.format), arguments.out)
    refusal: str | None = review.refusal(found, project, arguments.accept_loss, datetime.now(tz=UTC).date())
    return refusal


def write(text: str, out: Path | None) -> None:
    """Writes a report to a file, or to stdout where none is given; raises BadInput for one that cannot be written."""
    if out is None:
        _print(text)
        return
    with _writing(out):
        out.write_text(text, encoding="utf-8")


def manifests(arguments: argparse.Namespace) -> int:
    """Writes a stack's Kubernetes objects, says what was written, and returns the exit code."""
    graph = recorded(arguments, load_project(arguments.project))
    code = complain(graph)
    if code == 0:
        with _writing(arguments.out):
            done = files.write(graph, arguments.out)
        named = {"written": done.files, "removed, of an earlier run": done.removed, "without a manifest": done.skipped}
        lines = [
            line for what, names in named.items() for line in (f"{what}: {len(names)}", *(f"  {n}" for n in names))
        ]
        _print(f"Kubernetes objects of stack {graph.stack} in {arguments.out}\n" + "\n".join(lines) + "\n")
    return code


def recorded(arguments: argparse.Namespace, project: Project) -> Graph:
    """The graph of the stack that the arguments name, however its program ended; raises BadInput."""
    organization, _, stack = (arguments.stack or _only(project.stacks)).rpartition("/")
    stack_config = load_stack(project, stack)
    answers = read_answers(arguments.answers)
    for note in stack_config.notes:
        print(f"note: {note}", file=sys.stderr)
    with _progress(f"running {project.name}, stack {stack}, offline") as echo:
        return run(
            project,
            stack_config,
            strict_unknowns=arguments.strict_unknowns,
            answers=answers,
            organization=organization.partition("/")[0] or "organization",
            echo=echo,
        )


def _only(stacks: tuple[str, ...]) -> str:
    if len(stacks) == 1:
        return stacks[0]
    there = f"there are {', '.join(stacks)}" if stacks else "no stack has a file here, so any name will do"
    raise BadInput(f"STACK is missing; name one: {there}")


def read_answers(paths: list[Path]) -> dict[str, Any]:
    """The results of lookups by token; a later file wins. Raises BadInput for any other shape.

    A token has one result (a mapping), or a list of cases `{args: {...}, result: {...}}`: the first counts whose `args`
    are among those of the lookup.
    """
    answers: dict[str, Any] = {}
    for path in paths:
        for token, entry in read_items(path).items():
            answer = entry.value()
            if not isinstance(answer, dict) and not _are_cases(answer):
                raise entry.refusal("is no result; write a mapping, or a list of cases `{args: {...}, result: {...}}`")
            answers[token] = answer
    return answers


def _are_cases(answer: Any) -> bool:
    return isinstance(answer, list) and all(
        isinstance(case, dict)
        and set(case) <= {"args", "result"}
        and isinstance(case.get("result"), dict)
        and isinstance(case.get("args", {}), dict)
        for case in answer
    )


def complain(graph: Graph) -> int:
    """Says on stderr why there is no report, if there is none; the exit code: 1 failed, 2 refused or unanswered."""
    if graph.unanswered:
        print(f"error: {tree.unanswered_text(graph.unanswered)}", file=sys.stderr)
    if graph.error:
        after = "the program then failed, perhaps for want of them\n" if graph.unanswered else ""
        print(f"error: {after}{tree.problem_text(graph.error)}", file=sys.stderr)
    if graph.unanswered or graph.status == "refused":
        return REFUSED
    return FAILED if graph.status == "failed" else 0


def _report(graph: Graph, verdicts: Sequence[packs.Verdict], project: Project, arguments: argparse.Namespace) -> None:
    estimate = _review().estimated(graph, project.stack_dir)
    costs = _review().priced(estimate, items=arguments.costs)
    below = "\n".join(part for part in (costs, *(packs.as_text(graph, verdict) for verdict in verdicts)) if part)
    if arguments.out is None and arguments.format == "text" and sys.stdout.isatty():
        _terminal().show(graph, below)
        return
    if arguments.format == "json":
        more = {"cost": estimate.to_document()} if arguments.costs else {}
        text = tree.as_json(graph, [verdict.to_document() for verdict in verdicts], more)
    elif arguments.format == "sarif":
        stack_file = Path(os.path.relpath(project.stack_file(graph.stack), project.root)).as_posix()
        text = sarif.as_sarif(graph, verdicts, stack_file, _in_repository(project))
    else:
        text = "\n".join(part for part in (tree.as_text(graph), below) if part)
    write(text, arguments.out)


def _in_repository(project: Project) -> str:
    """Where the project lies below the current directory, which for code scanning is the repository's root."""
    here = Path.cwd()
    inside = project.root.relative_to(here).as_posix() if project.root.is_relative_to(here) else "."
    return "" if inside == "." else f"{inside}/"


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror}; give another --out") from None


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def _progress(what: str) -> contextlib.AbstractContextManager[Callable[[str], None] | None]:
    quiet: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    return _terminal().progress(what) if sys.stderr.isatty() else quiet


def _review() -> Any:
    from mlplatform.preview.commands import review  # noqa: PLC0415 - pydantic, for settings of costs, is for a run only

    return review


def _terminal() -> Any:
    from mlplatform.preview.reports import terminal  # noqa: PLC0415 - Rich is worth its import on a terminal only

    return terminal
