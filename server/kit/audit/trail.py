"""Commits the record of a call with the change that the call makes.

A store says which of its statements or transactions `completes_call`; what a call writes besides,
such as a hash that is renewed, may be kept although the call fails. As what a database takes a
record along, its service says: PostgreSQL takes a `Write`, MongoDB what inserts it in a `Session`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from server.kit.audit.record import AuditRecord
from server.kit.audit.sink import Describe
from server.kit.audit.writer import AuditWriter

ToWrite = Callable[[AuditRecord], Any]


class Trail:
    """The record that the call under way will have left when it succeeds."""

    __slots__ = ("_describe", "_record", "_to_write", "is_kept")

    def __init__(self, describe: Describe, to_write: ToWrite) -> None:
        self._describe = describe
        self._to_write = to_write
        self._record: AuditRecord | None = None
        self.is_kept: AuditRecord | None = None  # as it was committed

    def write(self) -> Any | None:
        """What keeps the record; None when the call has none, or it is kept already."""
        self._record = None if self.is_kept else self._describe()
        return self._to_write(self._record) if self._record else None

    def committed(self, *, has_written: bool) -> None:
        """The transaction has ended well; whether the write was part of it."""
        if has_written and self._record:
            self.is_kept = self._record


def _nothing() -> None:
    return None


def _unwritable(record: AuditRecord) -> Any:
    raise AssertionError(f"nobody described {record}")


_of_call: ContextVar[Trail | None] = ContextVar("trail", default=None)


def of_call(wanted: bool) -> Trail:
    """That of the call under way, if it is `wanted` and there is one; else one without a record."""
    return (wanted and _of_call.get()) or Trail(_nothing, _unwritable)


@contextmanager
def recorded(record: AuditRecord, to_write: ToWrite) -> Iterator[None]:
    """Commits `record` with the change that is made in the block, for what comes by no call."""
    before = _of_call.set(Trail(lambda: record, to_write))
    try:
        yield
    finally:
        _of_call.reset(before)


class CommittingSink:
    """An `AuditSink` of a service.

    A record goes with the change, as `to_write` makes of it; where there is no change it goes to
    `writer`. What went with a change is given to `after` when the call has ended.
    """

    def __init__(
        self,
        writer: AuditWriter,
        to_write: ToWrite,
        after: Callable[[AuditRecord], None] = lambda record: None,
    ) -> None:
        self._writer = writer
        self._to_write = to_write
        self._after = after

    def begin(self, describe: Describe) -> None:
        _of_call.set(Trail(describe, self._to_write))

    def add(self, describe: Describe) -> None:
        trail = _of_call.get()
        if trail is not None and trail.is_kept:
            self._after(trail.is_kept)
        else:
            self._writer.add(describe)
