"""The subcommand `outputs`: its arguments, where outputs come from, and what it prints."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlplatform.preview.commands.preview import add_project, complain, recorded, write
from mlplatform.preview.errors import BadInput, ProgramDied
from mlplatform.preview.project.configuration import load_project
from mlplatform.preview.reports.outputs import FORMATS, PREFIXES, Outputs, usable

EXAMPLES = """\
examples:
  mlplatform outputs prod --format tfvars --live --out ../network/terraform.tfvars.json
  mlplatform outputs prod --format ansible --live --out inventory.yaml
  pulumi stack output --json --stack prod | mlplatform outputs prod --format env --from -
  mlplatform outputs dev --format json               placeholders, before anything exists

Without --live or --from the program runs offline, and the file says that ids, ARNs and names are placeholders.
What is secret or unknown is left out, and named on stderr. Do not give --from what `--show-secrets` wrote: nothing in
it says what is secret.
exit codes: 1 the program, or pulumi, failed; 2 bad input; 0 otherwise
"""


def configure_outputs(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `outputs` to a parser."""
    parser.description = "Writes a stack's outputs for Terraform, Ansible or a shell."
    parser.epilog = EXAMPLES
    parser.add_argument("stack", metavar="STACK", help="the stack, or ORGANIZATION/STACK")
    add_project(parser)
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        required=True,
        help="terraform.tfvars.json, an Ansible inventory, exports for a shell, or json",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--live", action="store_true", help="real outputs, by `pulumi stack output`; needs its login")
    source.add_argument(
        "--from", metavar="FILE", dest="file", help="real outputs that `pulumi stack output --json` wrote; - is stdin"
    )
    parser.add_argument(
        "--only", metavar="NAME", action="append", default=[], help="an output to write; repeatable; default: all"
    )
    parser.add_argument("--prefix", help="what names begin with; default: stack_ for ansible and env, nothing else")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write to a file instead of stdout")
    parser.set_defaults(run=outputs, strict_unknowns=False)


def outputs(arguments: argparse.Namespace) -> int:
    """Prints a stack's outputs and returns the exit code."""
    if arguments.live or arguments.file:
        found = _live(arguments) if arguments.live else _from_file(arguments)
    else:
        graph = recorded(arguments, load_project(arguments.project))
        code = complain(graph)
        if code:
            return code
        title = f"Outputs of {graph.project}, stack {graph.stack}, recorded offline"
        found = usable(title, graph.outputs, arguments.only, placeholders=True)
        print("note: ids, ARNs, names and endpoints are placeholders; --live has the real ones", file=sys.stderr)
    for line in found.left_out:
        print(f"note: {line}", file=sys.stderr)
    prefix = PREFIXES[arguments.format] if arguments.prefix is None else arguments.prefix
    write(FORMATS[arguments.format](found, prefix), arguments.out)
    return 0


def _live(arguments: argparse.Namespace) -> Outputs:
    """What Pulumi says the stack's outputs are; without --show-secrets, so that it writes [secret] for secrets."""
    root = load_project(arguments.project).root
    command = [
        "pulumi",
        "stack",
        "output",
        "--json",
        "--stack",
        arguments.stack,
        "--cwd",
        str(root),
        "--non-interactive",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the user's own Pulumi
    except FileNotFoundError:
        raise BadInput(
            "--live needs the Pulumi CLI, and there is none on PATH; install it (pulumi.com/docs/install), or give a "
            "file with --from"
        ) from None
    if done.returncode:
        words = " ".join(done.stderr.split()).removeprefix("error: ")
        raise ProgramDied(f"--live: `pulumi stack output` failed: {words}")
    title = f"Outputs of stack {arguments.stack}, as Pulumi has them"
    return usable(title, _document("pulumi stack output", done.stdout), arguments.only)


def _from_file(arguments: argparse.Namespace) -> Outputs:
    file = arguments.file
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--from {file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"--from {file}: is not UTF-8 text; save it as UTF-8") from None
    title = f"Outputs of stack {arguments.stack}, as Pulumi had them"
    return usable(title, _document(f"--from {file}", text), arguments.only)


def _document(origin: str, text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"{origin}: is no JSON object of outputs; allowed is what `pulumi stack output --json` writes")
    return found
