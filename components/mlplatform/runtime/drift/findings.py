"""What a run found: pure functions from rows to findings, and from findings to a report and to reasons."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlplatform.runtime.drift.columns import Column, Kind, Problem, Trouble, read
from mlplatform.runtime.drift.distances import Distance
from mlplatform.runtime.drift.quality import Measured
from mlplatform.runtime.drift.rows import Row, Sample, Window
from mlplatform.runtime.drift.settings import Settings
from mlplatform.runtime.request.message import stamp

Measure = Callable[[Sequence[Any], Sequence[Any]], Distance]
"""How far two samples are apart."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What became of one column."""

    column: str
    """Its name."""
    kind: Kind
    """How it was compared."""
    threshold: float
    """Distance from which it has drifted."""
    distance: Distance | None
    """How far it is; None where it was not compared."""
    drifted: bool
    """Whether it has drifted."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run found."""

    version: str
    """Model and version that answered most of the window; empty where nothing did."""
    rows: int
    """Requests of that version in the window."""
    reference_rows: int
    """Rows of the reference."""
    drifts: Sequence[Drift] = ()
    """The columns."""
    problems: Sequence[Problem] = ()
    """What is wrong with the data."""
    quality: Measured | None = None
    """How good predictions were; None where it is not looked at."""

    @property
    def reasons(self) -> list[str]:
        """Why the model should be trained anew; none where the data are bad, since nothing follows from them."""
        if self.problems:
            return []
        drifted = [found for found in self.drifts if found.drifted]
        reasons = [f"drift of {found.column} {found.distance.value:.3f}" for found in drifted if found.distance]
        if self.quality and self.quality.breached:
            reasons.append(f"{self.quality.metric} {self.quality.value:.4g}")
        return reasons

    def report(self, settings: Settings, window: Window) -> dict[str, Any]:
        """The report, as JSON has it; it names columns and shows no value of a request."""
        return {
            "endpoint": settings.endpoint,
            "window": {"start": stamp(window.start), "end": stamp(window.end)},
            "model_version": self.version,
            "rows": self.rows,
            "reference": {"rows": self.reference_rows},
            "columns": [_column(found) for found in self.drifts],
            "problems": [
                {"problem": found.trouble.value, "column": found.column, "detail": found.detail}
                for found in self.problems
            ],
            "quality": _quality(self.quality),
            "reasons": self.reasons,
        }


def served(rows: Sequence[Row]) -> str:
    """The version that answered most requests, of equals the last by name; empty for no rows.

    Only its requests are compared: those of a former version belong to another reference.
    """
    counts = Counter(row.version for row in rows)
    return max(counts, key=lambda version: (counts[version], version), default="")


def compare(settings: Settings, live: Sample, reference: Sample, measures: Mapping[Kind, Measure]) -> Findings:
    """What drifted between the reference and the requests of the version that is served."""
    version = served(live.rows)
    now, before = [row for row in live.rows if row.version == version], reference.rows
    problems = _bulk(settings, live, len(now), reference)
    columns: list[Column] = []
    if now and before:
        columns, found = read(before, now, settings.ignored, settings.max_invalid_percent)
        problems += found
    enough = len(now) >= settings.min_rows
    drifts = [_drift(settings, column, len(columns), measures if enough else {}) for column in columns]
    return Findings(version, len(now), len(before), drifts, problems)


def _bulk(settings: Settings, live: Sample, now: int, reference: Sample) -> list[Problem]:
    """What is wrong with a side as a whole."""
    problems = []
    if not now:
        problems.append(Problem(Trouble.EMPTY_WINDOW, "no request in the window"))
    elif now < settings.min_rows:
        detail = f"{now} requests of the version that is served; at least {settings.min_rows} are needed"
        problems.append(Problem(Trouble.FEW_ROWS, detail))
    if now and not reference.seen:
        problems.append(Problem(Trouble.NO_REFERENCE, "no row of a reference for the version that is served"))
    for side, sample in (("request log", live), ("reference", reference)):
        lines = sample.seen + sample.malformed
        if sample.malformed * 100 > lines * settings.max_invalid_percent:
            limit = f"allowed are {settings.max_invalid_percent:.1f} %"
            share = f"{100 * sample.malformed / lines:.1f} % of the lines are no rows"
            problems.append(Problem(Trouble.MALFORMED_LINES, f"{side}: {share}; {limit}"))
    return problems


def _drift(settings: Settings, column: Column, columns: int, measures: Mapping[Kind, Measure]) -> Drift:
    threshold = settings.thresholds.get(column.name, settings.threshold)
    measure = measures.get(column.kind)
    if measure is None or min(len(column.before), len(column.now)) < settings.min_rows:
        return Drift(column.name, column.kind, threshold, None, drifted=False)
    distance = measure(column.before, column.now)
    # By Bonferroni: each column has its part of the chance that any is found by mistake.
    drifted = distance.value > threshold and distance.chance < settings.significance / columns
    return Drift(column.name, column.kind, threshold, distance, drifted)


def _column(found: Drift) -> dict[str, Any]:
    distance = {"distance": found.distance.value, "chance": found.distance.chance} if found.distance else {}
    return {
        "column": found.column,
        "kind": found.kind.value,
        "threshold": found.threshold,
        "drifted": found.drifted,
        **distance,
    }


def _quality(found: Measured | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"metric": found.metric.value, "rows": found.rows, "value": found.value, "breached": found.breached}
