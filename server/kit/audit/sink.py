"""Where the pipeline leaves the records of calls."""

from collections.abc import Callable
from typing import Protocol

from server.kit.audit.record import AuditRecord

Describe = Callable[[], AuditRecord | None]
"""The record of the call under way, if it ended now and well; None: it has none."""


class AuditSink(Protocol):
    """Takes records. Never waits and never fails, because it is asked within calls."""

    def begin(self, describe: Describe) -> None:
        """A call begins that may change something, in the context of its own task.

        Where the change is stored in a database that takes records too, both are committed at once.
        """

    def add(self, record: AuditRecord) -> None:
        """The call under way has ended, with that record."""
