"""The subcommand `compare`: its arguments, and what it prints."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlplatform.preview.commands.preview import add_project, complain, recorded, write
from mlplatform.preview.errors import BadInput
from mlplatform.preview.graph.environments import compared
from mlplatform.preview.project.configuration import load_project
from mlplatform.preview.reports.environments import FORMATS, rendered

EXAMPLES = """\
examples:
  mlplatform compare staging prod
  mlplatform compare staging prod --format markdown --out promotion.md

What must differ (account, region, names with the stack's in them, generated ids) is taken for the same and listed.
exit codes: 1 a program failed; 2 bad input; 0 otherwise, whether they differ or not
"""


def configure_compare(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `compare` to a parser."""
    parser.description = "Runs a program offline for two stacks and shows how they differ, by component."
    parser.epilog = EXAMPLES
    parser.add_argument("first", metavar="STACK", help="a stack, or ORGANIZATION/STACK")
    parser.add_argument("second", metavar="OTHER", help="the stack to compare it with")
    add_project(parser)
    parser.add_argument("--format", choices=FORMATS, default="text", help="text for people (default), json or markdown")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write the report to a file instead of stdout")
    parser.set_defaults(run=compare, strict_unknowns=False)


def compare(arguments: argparse.Namespace) -> int:
    """Prints how two stacks differ and returns the exit code."""
    from mlplatform.preview.commands import review  # noqa: PLC0415 - pydantic, for settings of costs, is for a run only

    if arguments.first == arguments.second:
        raise BadInput(f"{arguments.second}: is compared with itself; name two stacks")
    project = load_project(arguments.project)
    graphs = []
    for stack in (arguments.first, arguments.second):
        graph = recorded(argparse.Namespace(**{**vars(arguments), "stack": stack}), project)
        code = complain(graph)
        if code:
            return code
        graphs.append(graph)
    costs = review.both_costs(*(review.estimated(graph, project.stack_dir) for graph in graphs))
    write(rendered(compared(*graphs), costs, arguments.format), arguments.out)
    return 0
