"""Whether a candidate may have more requests. What is measured comes in, a verdict goes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mlplatform.runtime.promote.metrics import Measured
from mlplatform.runtime.promote.settings import Gates


class Outcome(StrEnum):
    """What a gate says."""

    PASSED = "passed"
    """It may."""
    FAILED = "failed"
    """It must not."""
    UNDECIDED = "undecided"
    """There is too little to say either."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says, and why."""

    outcome: Outcome
    """What it says."""
    reasons: tuple[str, ...] = ()
    """Why it is not passed."""


def judge(gates: Gates, measured: Measured, checks: Mapping[str, float | None]) -> Verdict:
    """The verdict on what was measured, with the value of each further gate.

    Too few requests say nothing, good or bad. Of enough, one reason against the candidate outweighs what is missing.
    """
    if measured.requests < gates.min_requests:
        wanted = f"{gates.min_requests} are needed to judge"
        return Verdict(Outcome.UNDECIDED, (f"{measured.requests:.0f} requests of the candidate; {wanted}",))
    wrong, missing = _own(gates, measured)
    for check in gates.checks:
        value = checks.get(check.name)
        if value is None:
            missing.append(f"{check.name} has no value")
        elif value > check.max:
            wrong.append(f"{check.name} is {value:g}; allowed is {check.max:g} at most")
    if wrong:
        return Verdict(Outcome.FAILED, tuple(wrong))
    return Verdict(Outcome.UNDECIDED, tuple(missing)) if missing else Verdict(Outcome.PASSED)


def _own(gates: Gates, measured: Measured) -> tuple[list[str], list[str]]:
    """What is wrong with its errors and times, and what is missing of them."""
    wrong, missing = [], []
    percent = 100 * measured.errors / measured.requests
    if percent > gates.max_error_percent:
        wrong.append(f"{percent:.3g} % of its requests failed; allowed are {gates.max_error_percent:g} %")
    if measured.p99 is None:
        missing.append("its times are not known")
    elif measured.p99 > gates.max_p99_milliseconds:
        allowed = f"allowed are {gates.max_p99_milliseconds:g} ms"
        wrong.append(f"99 % of its requests took up to {measured.p99:.0f} ms; {allowed}")
    return wrong, missing
