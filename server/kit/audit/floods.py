"""Counts calls of one kind that follow each other closely, so that a flood is no flood of records.

The first is a record by itself, at once. Those of the next seconds are counted, and become one
record when these are over, and so on for as long as any come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from server.kit.audit.record import AuditRecord

_Kind = tuple[str, ...]


@dataclass(slots=True)
class _Window:
    ends_at: float  # by the clock
    # The first of those that are counted; None: nothing but the record that it began with.
    first: AuditRecord | None = None
    count: int = 0
    last_at: datetime | None = None


class Floods:
    """Windows of `seconds`, one for each of at most `kinds_max` kinds.

    What comes beyond that is not counted together.
    """

    def __init__(self, seconds: float, kinds_max: int, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._kinds_max = kinds_max
        self._clock = clock
        self._windows: dict[_Kind, _Window] = {}  # the one that ends first is first

    def takes(self, record: AuditRecord) -> bool:
        """Whether `record` is counted, and so is not to be kept by itself."""
        kind = record.kind
        window = self._windows.get(kind)
        if window is not None:
            window.first = window.first or record
            window.count += record.count
            window.last_at = record.last_at
            return True
        if len(self._windows) < self._kinds_max:
            self._open(kind)
        return False

    @property
    def seconds_left(self) -> float | None:
        """Until the next window ends; None when there is none."""
        for window in self._windows.values():
            return max(0.0, window.ends_at - self._clock())
        return None

    def ended(self, *, all_of_them: bool = False) -> list[AuditRecord]:
        """What was counted in the windows that have ended. Where it goes on, another begins."""
        now, found = self._clock(), []
        over = takewhile(lambda each: all_of_them or each[1].ends_at <= now, self._windows.items())
        for kind, window in [*over]:
            del self._windows[kind]
            if window.first and window.last_at:
                found.append(window.first.counting(window.count, window.last_at))
                self._open(kind)
        return found

    def _open(self, kind: _Kind) -> None:
        self._windows[kind] = _Window(self._clock() + self._seconds)
