"""The `mlplatform` command: finds the subcommand, imports its module and runs it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from mlplatform.preview.errors import BadInput, ProgramDied


class Subcommand(NamedTuple):
    """Where a subcommand lives: `configure_<name>(parser)` in `module` adds its arguments and its function `run`."""

    module: str
    help: str


SUBCOMMANDS = {
    "preview": Subcommand("mlplatform.preview.commands.preview", "show what a stack creates, offline"),
    "manifests": Subcommand(
        "mlplatform.preview.commands.preview", "write a stack's Kubernetes objects as YAML, offline"
    ),
    "compare": Subcommand("mlplatform.preview.commands.compare", "show how two stacks differ, offline"),
    "outputs": Subcommand(
        "mlplatform.preview.commands.outputs", "write a stack's outputs for Terraform, Ansible or a shell"
    ),
    "provenance": Subcommand("mlplatform.provenance.command", "show where a version of a model comes from"),
}

EXAMPLES = """\
examples:
  mlplatform preview dev                          the resource tree of the stack dev
  mlplatform preview prod --format json           the whole recorded graph, the same bytes on every run
  mlplatform preview --project ../their-project   any Pulumi project in Python
  mlplatform manifests prod --out build/prod      every Kubernetes object as YAML
  mlplatform compare staging prod                 how two environments differ, by component
  mlplatform outputs prod --format tfvars --live  the stack's real outputs, for Terraform
  mlplatform provenance fraud champion            data, code, image and metrics of what serves

`mlplatform COMMAND --help` tells what a command takes.

exit codes: 1 the program failed; 2 bad input; 4 a loss that nobody has accepted; 3 mandatory findings of a policy;
0 otherwise
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code, as `EXAMPLES` lists them."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments)
    except SystemExit as stop:  # argparse: 0 after help, 2 after a usage error
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read the report had enough, which is no failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(arguments: list[str]) -> int:
    # Only the first word is parsed here, so that a subcommand's module is imported when it is called and not before.
    given = _parser().parse_args(arguments[:1])
    if given.version:
        print(f"mlplatform {_version()}")
        return 0
    if not given.command:
        _parser().print_help(sys.stderr)
        return 2
    module = importlib.import_module(SUBCOMMANDS[given.command].module)
    parser = argparse.ArgumentParser(
        prog=f"mlplatform {given.command}", formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    getattr(module, f"configure_{given.command}")(parser)
    chosen = parser.parse_args(arguments[1:])
    try:
        return int(chosen.run(chosen))
    except (BadInput, ProgramDied) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, BadInput) else 1


def _parser() -> argparse.ArgumentParser:
    commands = "\n".join(f"  {name:<12}{command.help}" for name, command in SUBCOMMANDS.items())
    what = "Machine-learning platforms on AWS and Kubernetes, seen before they exist."
    parser = argparse.ArgumentParser(
        prog="mlplatform",
        usage="mlplatform [--version] [--help] COMMAND ...",
        description=f"{what}\n\ncommands:\n{commands}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="show the installed version and exit")
    parser.add_argument("command", metavar="COMMAND", nargs="?", choices=SUBCOMMANDS, help=argparse.SUPPRESS)
    return parser


def _version() -> str:
    metadata = importlib.import_module("importlib.metadata")
    try:
        return str(metadata.version("mlplatform"))
    except metadata.PackageNotFoundError:
        return "(not installed)"
