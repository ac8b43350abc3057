"""Where `python -m loop` begins."""

import argparse
import shutil
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from loop import report
from loop.graph import Graph
from loop.story import Story, StoryError, dumped
from loop.world import Platform

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Tells the story; 0 where all of it came about."""
    parser = argparse.ArgumentParser(prog="python -m loop", description=__doc__)
    parser.add_argument("--stack", default="dev", help="environment whose graph is recorded; dev by default")
    parser.add_argument("--graph", type=Path, help="a graph that was recorded, instead")
    parser.add_argument("--postgres", action="store_true", help="MLflow on Debian's PostgreSQL instead of SQLite")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "loop", help="where results and logs go")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console, began = Console(width=None if sys.stdout.isatty() else 160), time.monotonic()
    shutil.rmtree(given.folder, ignore_errors=True)
    given.folder.mkdir(parents=True)
    graph = Graph.read(given.graph) if given.graph else Graph.of(given.stack, ROOT)
    platform = Platform(graph, given.folder / "machine", postgres=given.postgres)
    story = Story(platform, console)
    try:
        story.tell()
    except StoryError as error:
        console.print(str(error), style="red", markup=False)
        return 1
    finally:
        platform.stop()
        (given.folder / "loop.json").write_text(dumped(story))
    report.end(story, console, given.folder)
    console.print(f"all of it came about, in {time.monotonic() - began:.0f} seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
