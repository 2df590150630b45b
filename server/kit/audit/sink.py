"""Where the pipeline leaves the records of calls."""

from collections.abc import Callable
from typing import Protocol

from server.kit.audit.record import AuditRecord

Describe = Callable[[], AuditRecord | None]
"""Makes the record of a call; None: it has none."""


class AuditSink(Protocol):
    """Takes records. Never waits and never fails, because it is asked within calls."""

    def begin(self, describe: Describe) -> None:
        """A call begins that may change something, in the context of its own task.

        `describe` makes its record, as if it ended now and well.
        Where the change is stored in a database that takes records too, both are committed at once.
        """

    def add(self, describe: Describe) -> None:
        """The call under way has ended. `describe` is asked soon, once, and not from the call."""
