"""Has a store erase the persons whose accounts were deleted: a destination of the outbox for each.

A process that dies after the store has erased and before its receipt is kept asks again, and is
given the same receipt.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from server.kit import errors
from server.kit.outbox import Away, Event
from server.kit.receipts import Receipt
from server.user.personal_data.store import ErasureStore

# An erasure of much takes several calls. What is not done in this time is, at the next attempt.
_SECONDS_MAX = 3.0

_PASSING = (errors.Unavailable, errors.DeadlineExceeded, errors.Conflict)


class Holder(Protocol):
    """A store that holds something of people."""

    store: str  # one of `rules.STORES`

    async def erase(self, user_id: str, erased_at: datetime) -> Receipt:
        """Leaves nothing of the person. Repeatable: gives what was erased in all.

        Raises `Unavailable` and `DeadlineExceeded` when it may have erased some; a repeat goes on.
        """


class ErasureDestination:
    """An `outbox.Destination` that has `holder` erase, and keeps its receipts."""

    def __init__(
        self,
        name: str,
        holder: Holder,
        receipts: ErasureStore,
        erased: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`erased` is the type of the event of an erasure."""
        self.name = name
        self._holder = holder
        self._receipts = receipts
        self._erased = erased
        self._clock = clock

    async def send(self, events: Sequence[Event]) -> None:
        """See `outbox.Destination`. Only erasures are of interest; nobody is told anything else."""
        wanted = [event for event in events if event.type == self._erased]
        if not wanted:
            return
        store, until = self._holder.store, self._clock() + _SECONDS_MAX
        try:
            done = await self._receipts.done([event.aggregate_id for event in wanted], store)
            for event in wanted:
                if event.aggregate_id in done:
                    continue
                if self._clock() > until:
                    raise Away(f"{store}: goes on erasing")
                receipt = await self._holder.erase(event.aggregate_id, event.occurred_at)
                await self._receipts.complete(event.aggregate_id, receipt)
        except _PASSING as error:
            raise Away(f"{store}: {error}") from error
