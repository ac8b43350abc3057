"""The platform's clock: the real one, moved on by the loop, so that hours pass at once."""

import fcntl
import mmap
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

_FORM = struct.Struct("d")


class Clock:
    """A clock whose advance lies in a file, where processes of pods and the AWS that stands in read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(_FORM.pack(0.0))
        with path.open("r+b") as file:
            self._view = mmap.mmap(file.fileno(), _FORM.size)

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.advance

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    @property
    def advance(self) -> float:
        """Seconds that it is ahead of the real clock."""
        return float(_FORM.unpack(self._view)[0])

    def pass_(self, seconds: float) -> None:
        """Lets time pass."""
        with self.path.open("rb") as held:
            # Processes that sleep let it go on, too.
            fcntl.flock(held, fcntl.LOCK_EX)
            self._view[:] = _FORM.pack(self.advance + seconds)

    def until(self, moment: datetime) -> None:
        """Lets time pass up to a moment; none where that has gone by."""
        self.pass_(max((moment - self.now()).total_seconds(), 0.0))
