"""What a rollout does to what serves, whatever that is: two tracks, of which one is a candidate's."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

PAUSE: Final = 10
"""Seconds between two looks at what is to become ready."""


class NotReadyError(Exception):
    """Something did not become ready in time."""


class Tracks(Protocol):
    """The stable track, which serves, and the candidate's beside it.

    Each call says what shall be, and may be made again at any time.
    """

    def declare(self, version: str) -> None:
        """Has a candidate without requests, and waits until it is ready."""

    def weigh(self, version: str, percent: int) -> None:
        """Gives the candidate a share of the requests."""

    def settle(self, version: str) -> None:
        """Has the version serve all requests, and waits until it does; then no candidate is left."""

    def retreat(self, version: str, former: str) -> None:
        """Takes all requests from the candidate, and it away; what serves the version goes back to the former one."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long something is waited for."""

    seconds: float
    """Seconds at most."""
    clock: Callable[[], float] = time.monotonic
    """Seconds that only grow."""
    pause: Callable[[float], object] = time.sleep
    """Waits so many seconds."""

    def until(self, what: str, ready: Callable[[], bool]) -> None:
        """Looks until something is ready; NotReadyError when the time is over."""
        end = self.clock() + self.seconds
        while not ready():
            if self.clock() >= end:
                raise NotReadyError(f"{what} did not get ready within {self.seconds / 60:g} minutes")
            self.pause(PAUSE)
