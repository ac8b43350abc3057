"""The two jobs: `ask` for a retraining by hand, and `settle` what a training was asked for by."""

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import boto3  # type: ignore[import-untyped]
from botocore.config import Config as ClientConfig  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from pydantic import ValidationError

from mlplatform.contracts.drift import REQUEST_CONFIG
from mlplatform.runtime.jobs import Exit, SettingsError, explain, parser, write
from mlplatform.runtime.request.gate import Verdict
from mlplatform.runtime.request.message import Settings, by_hand
from mlplatform.runtime.request.requester import ContentionError, Outbox, Requester, settle
from mlplatform.runtime.request.store import Store

RETRIES: Final = ClientConfig(retries={"mode": "standard", "total_max_attempts": 5})
"""Of every client: a request whose answer was lost is made again, which changes nothing here."""
DESCRIPTION: Final = "Asks for a retraining by hand, or notes that the training of a request has ended."
READS: Final[Mapping[str, str]] = {
    REQUEST_CONFIG: "of `ask`: how retrainings are asked for, and how often, as JSON",
    "AWS_DEFAULT_REGION": "region of the table and the queue",
}


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Does what the command line says."""
    given = _parser().parse_args(arguments)
    try:
        ended: int = given.job(given, environment)
    except SettingsError as error:
        write("error", "misconfigured", reason=str(error))
        ended = Exit.MISCONFIGURED
    except (BotoCoreError, ClientError, ContentionError) as error:
        write("error", "failed", reason=reason_of(error))
        ended = Exit.FAILED
    return ended


def _parser() -> argparse.ArgumentParser:
    command = parser("request", DESCRIPTION, READS)
    jobs = command.add_subparsers(required=True)
    ask = jobs.add_parser("ask", help=f"ask for a retraining, as {REQUEST_CONFIG} says, within the same limits")
    ask.add_argument("--key", required=True, help="names the request: the same key is the same request")
    ask.add_argument("--reason", required=True, help="who asks, and why")
    ask.set_defaults(job=_ask)
    end = jobs.add_parser("settle", help="note that the training of a request has ended, well or not")
    end.add_argument("--table", required=True, help="table of the drift monitor")
    end.add_argument("--endpoint", required=True, help="endpoint of the request")
    end.add_argument("--id", required=True, help="id of the request")
    end.set_defaults(job=_settle)
    return command


def _ask(given: argparse.Namespace, environment: Mapping[str, str]) -> int:
    settings = settings_of(environment)
    request = by_hand(settings, given.key, given.reason, datetime.now(UTC))
    verdict = requester(settings).ask(request)
    write("info", "asked", endpoint=settings.endpoint, request=request.id, verdict=verdict.value)
    return Exit.DONE if verdict in {Verdict.GRANTED, Verdict.REPEATED} else Exit.FAILED


def _settle(given: argparse.Namespace, _: Mapping[str, str]) -> int:
    known = settle(Store(client("dynamodb"), given.table, given.endpoint), given.id)
    write("info", "settled", endpoint=given.endpoint, request=given.id, known=known)
    return Exit.DONE


def settings_of(environment: Mapping[str, str]) -> Settings:
    """The settings in the environment; SettingsError for others."""
    try:
        return Settings.model_validate_json(environment.get(REQUEST_CONFIG, ""))
    except ValidationError as error:
        raise SettingsError(f"{REQUEST_CONFIG}: {'; '.join(explain(error))}") from None


def requester(settings: Settings) -> Requester:
    """Asks as the settings say, in the environment's account and region."""
    sns = client("sns") if settings.topic_arn else None
    return Requester(
        Store(client("dynamodb"), settings.table, settings.endpoint),
        Outbox(client("sqs"), settings.queue_url, sns, settings.topic_arn),
        settings.limits,
        time.time,
    )


def client(service: str) -> Any:
    """A client in the environment's region; SettingsError without one."""
    try:
        return boto3.client(service, config=RETRIES)
    except BotoCoreError as error:
        raise SettingsError(f"{type(error).__name__}: {error}") from None


def reason_of(error: Exception) -> str:
    """The operation and code of an error of AWS, without what was sent; the text of others of ours."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response.get('Error', {}).get('Code', 'unknown')}"
    return type(error).__name__ if isinstance(error, BotoCoreError) else str(error)
