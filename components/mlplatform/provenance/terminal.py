"""Where a version comes from on a terminal, by Rich."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlplatform.provenance.report import lines, title


def show(origin: Mapping[str, Any]) -> None:
    """Prints the whole to stdout, coloured unless NO_COLOR is set; long values are wrapped below their label."""
    table = Table.grid(padding=(0, 2))
    for line in lines(origin):
        table.add_row(Text(line.label, style="cyan"), Text(line.value, overflow="fold"))
    console = Console()
    console.print(Text(title(origin), style="bold"))
    console.print()
    console.print(table)
