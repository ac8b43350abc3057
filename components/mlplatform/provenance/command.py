"""The subcommand `provenance`: its arguments, and what it prints."""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Any, Final

from mlplatform.contracts.tracking import URI, NoRegistryError, RegistryError, connect
from mlplatform.provenance import report
from mlplatform.provenance.origin import Registry, UnknownError

EXAMPLES: Final = f"""\
examples:
  mlplatform provenance fraud 7                  where version 7 comes from
  mlplatform provenance fraud champion           the version that an alias names
  mlplatform provenance fraud 7 --format json    the same for programs, with all that is known of its parents

The registry is the MLflow server of {URI}; its account is in MLFLOW_TRACKING_USERNAME and
MLFLOW_TRACKING_PASSWORD. A version's parent is the champion that it was held against.
exit codes: 2 bad input, or a registry that does not answer; 0 otherwise
"""
BAD: Final = 2
RETRIES: Final = 1
"""A person is waiting."""


def configure_provenance(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `provenance` to a parser."""
    parser.description = "Shows where a version of a model comes from: data, code, image, parameters, metrics, parents."
    parser.epilog = EXAMPLES
    parser.add_argument("model", metavar="MODEL", help="the registered model")
    parser.add_argument("version", metavar="VERSION", help="the version's number, or an alias such as champion")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text for people (default), or json")
    parser.set_defaults(run=provenance)


def provenance(arguments: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> int:
    """Prints where a version comes from and returns the exit code."""
    try:
        registry = Registry(connect(environment, retries=RETRIES))
        origin = registry.origin(arguments.model, arguments.version)
    except (NoRegistryError, RegistryError, UnknownError) as error:
        print(f"error: {report.plain(str(error))}", file=sys.stderr)
        return BAD
    if arguments.format == "text" and sys.stdout.isatty():
        _terminal().show(origin)
        return 0
    text = report.as_json(origin) if arguments.format == "json" else report.as_text(origin)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    return 0


def _terminal() -> Any:
    from mlplatform.provenance import terminal  # noqa: PLC0415 - Rich is worth its import on a terminal only

    return terminal
