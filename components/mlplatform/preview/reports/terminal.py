"""The report and the progress on a terminal, by Rich."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from mlplatform.preview.graph.model import Graph
from mlplatform.preview.reports.tree import head, rows, tail


def show(graph: Graph, findings: str = "") -> None:
    """Prints the whole report, and below it the findings of policies, to stdout, coloured unless NO_COLOR is set."""
    top = Tree(Text(head(graph), style="bold"), guide_style="dim")
    branches = [top]
    for row in rows(graph):
        parts = ((row.type, "cyan"), "  ", (row.name, "bold"), (row.marks, "yellow"), "  ", (row.inputs, "dim"))
        del branches[row.depth + 1 :]
        branches.append(branches[row.depth].add(Text.assemble(*parts)))
    console = Console()
    console.print(top)
    console.print()
    console.print(Text(tail(graph)))
    if findings:
        console.print()
        console.print(Text(findings.rstrip()))


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner on stderr as long as the context lasts; gives a function that prints a line beside it."""
    console = Console(stderr=True)
    with console.status(what):
        yield lambda line: console.print(Text(line), soft_wrap=True)
