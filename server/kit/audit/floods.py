"""Counts calls of one kind that follow each other closely, so that a flood is no flood of records.

The first is a record by itself, at once. Those of the next seconds are counted, and become one
record when these are over, and so on for as long as any come.
"""

from collections.abc import Callable
from typing import NamedTuple

from server.kit.audit.record import AuditRecord

_Kind = tuple[str, ...]


class _Window(NamedTuple):
    ends_at: float  # by the clock
    counted: AuditRecord | None  # None: nothing but the record that it began with


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
        window = self._windows.get(record.kind)
        if window is not None:
            counted = window.counted.with_another(record) if window.counted else record
            self._windows[record.kind] = window._replace(counted=counted)
            return True
        if len(self._windows) < self._kinds_max:
            self._open(record.kind)
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
        for kind, window in [*self._windows.items()]:
            if window.ends_at > now and not all_of_them:
                break
            del self._windows[kind]
            if window.counted:
                found.append(window.counted)
                self._open(kind)
        return found

    def _open(self, kind: _Kind) -> None:
        self._windows[kind] = _Window(self._clock() + self._seconds, None)
