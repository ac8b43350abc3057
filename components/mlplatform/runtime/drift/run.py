"""One run: read both sides, compare, report, ask for retraining, push."""

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from pydantic import ValidationError

from mlplatform.contracts.drift import CONFIG, MODEL_VERSION, REQUEST_CONFIG
from mlplatform.contracts.request_log import partition
from mlplatform.runtime.drift import distances
from mlplatform.runtime.drift.columns import Kind
from mlplatform.runtime.drift.findings import Findings, Measure, compare, served
from mlplatform.runtime.drift.gauges import PushError, gauges, push, text
from mlplatform.runtime.drift.quality import joined, measure
from mlplatform.runtime.drift.rows import Sample, Window, labels, logged, reference
from mlplatform.runtime.drift.settings import Quality, Settings
from mlplatform.runtime.drift.storage import Storage
from mlplatform.runtime.jobs import Exit, SettingsError, explain, parser, write
from mlplatform.runtime.request import run as request
from mlplatform.runtime.request.gate import Verdict
from mlplatform.runtime.request.message import Settings as Wish
from mlplatform.runtime.request.message import of_window
from mlplatform.runtime.request.requester import ContentionError, Requester

MEASURES: Final[Mapping[Kind, Measure]] = {
    Kind.NUMBER: distances.of_numbers,
    Kind.CATEGORY: distances.of_categories,
}
DESCRIPTION: Final = (
    "Compares the window of an endpoint with the reference of the version that answered, writes a report to S3, asks "
    "for a retraining where something drifted, and pushes gauges."
)
READS: Final[Mapping[str, str]] = {
    CONFIG: "what is compared, and where it lies, as JSON",
    REQUEST_CONFIG: "how retrainings are asked for, as JSON; without it none is",
    "AWS_DEFAULT_REGION": "region of the buckets, the table and the queue",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One run."""

    settings: Settings
    """What is compared."""
    storage: Storage
    """Where rows come from, and the report goes."""
    requester: tuple[Wish, Requester] | None
    """How retraining is asked for; None where it never is."""
    log: Callable[..., None]
    """Writes a line about an event."""
    measures: Mapping[Kind, Measure]
    """How columns are compared."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970."""
    pause: Callable[[float], object] = time.sleep
    """Waits so many seconds."""

    def run(self, end: datetime | None = None) -> Findings:
        """Looks at the window up to `end`, by default up to now."""
        now = end or datetime.fromtimestamp(self.clock(), UTC)
        window = Window.before(now, self.settings.window_hours)
        findings = self._findings(window, now)
        key = f"{self.settings.reports.prefix}{window.end:%Y-%m-%dT%H}.json"
        self.storage.write(self.settings.reports.bucket, key, findings.report(self.settings, window))
        verdict = self._ask(findings, window, f"s3://{self.settings.reports.bucket}/{key}")
        self.log(
            "warning" if findings.problems or findings.reasons else "info",
            "checked",
            endpoint=self.settings.endpoint,
            window_end=window.end.isoformat(),
            model_version=findings.version,
            rows=findings.rows,
            reasons=findings.reasons,
            problems=[problem.trouble.value for problem in findings.problems],
            retraining=verdict and verdict.value,
        )
        body = text(gauges(findings, verdict, self.clock()))
        push(self.settings.pushgateway_url, self.settings.endpoint, body, self.pause)
        return findings

    def _findings(self, window: Window, now: datetime) -> Findings:
        settings = self.settings
        live = self._live(window)
        before = Sample(settings.max_rows)
        version = served(live.rows)
        if version:
            prefix = settings.reference.prefix.replace(MODEL_VERSION, version)
            for row in reference(self.storage.lines(settings.reference.bucket, prefix)):
                before.add(row)
        findings = compare(settings, live, before, self.measures)
        return self._measured(findings, settings.quality, now) if settings.quality else findings

    def _live(self, window: Window) -> Sample:
        sample = Sample(self.settings.max_rows)
        for day in window.days():
            lines = self.storage.lines(self.settings.bucket, partition(self.settings.endpoint, day))
            for row in logged(lines, window):
                sample.add(row)
        return sample

    def _measured(self, findings: Findings, quality: Quality, now: datetime) -> Findings:
        """Requests of the version that is served with the labels that have arrived until now."""
        window = Window.before(now, quality.window_hours)
        known: dict[str, Any] = {}
        for day in window.days(until=now):
            folder = f"{quality.labels.prefix}dt={day:%Y-%m-%d}/"
            known.update(filter(None, labels(self.storage.lines(quality.labels.bucket, folder))))
        rows = [row for row in self._live(window).rows if row.version == findings.version]
        allowed = self.settings.max_invalid_percent
        measured, problems = measure(joined(rows, known), quality.metric, quality.threshold, quality.min_rows, allowed)
        return replace(findings, quality=measured, problems=[*findings.problems, *problems])

    def _ask(self, findings: Findings, window: Window, report: str) -> Verdict | None:
        if self.requester is None:
            return None
        wish, requester = self.requester
        if not findings.reasons:
            # What an earlier run was granted and could not send goes out all the same.
            requester.flush()
            return None
        return requester.ask(of_window(wish, window.start, window.end, findings.reasons, report))


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Runs the check that the environment describes."""
    command = parser("drift", DESCRIPTION, READS)
    command.add_argument("--end", type=_moment, help="end of the window, RFC 3339; the last full hour by default")
    given = command.parse_args(arguments)
    try:
        _run(environment).run(given.end)
    except SettingsError as error:
        write("error", "misconfigured", reason=str(error))
        return Exit.MISCONFIGURED
    except (BotoCoreError, ClientError, ContentionError) as error:
        write("error", "failed", reason=request.reason_of(error))
        return Exit.FAILED
    except PushError as error:
        write("error", "failed", reason=str(error))
        return Exit.FAILED
    return Exit.DONE


def _moment(value: str) -> datetime:
    allowed = f"got {value!r}; allowed is a time of RFC 3339 with its zone, such as 2026-01-31T00:00:00Z"
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise argparse.ArgumentTypeError(allowed) from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(allowed)
    return moment.astimezone(UTC)


def _run(environment: Mapping[str, str]) -> Run:
    try:
        settings = Settings.model_validate_json(environment.get(CONFIG, ""))
    except ValidationError as error:
        raise SettingsError(f"{CONFIG}: {'; '.join(explain(error))}") from None
    wish = request.settings_of(environment) if environment.get(REQUEST_CONFIG) else None
    asking = (wish, request.requester(wish)) if wish else None
    return Run(settings, Storage(request.client("s3")), asking, write, MEASURES)
