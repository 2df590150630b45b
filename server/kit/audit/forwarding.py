"""Sends the records that wait in a service's own database to the user service, which keeps them.

A record waits until it has arrived, and is sent again when nobody knows whether it has: it is kept
once, by its id. One that is refused is set aside, a dead letter: it holds back no other, and is
sent again when a process takes this work up, which may have another version or a right clock.

They have a place of their own and not the outbox, whose events go to every
destination and keep an order: a call that is refused writes no event, and an order none more.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Protocol

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter

from server.kit import errors
from server.kit.audit.record import AuditRecord
from server.kit.background import Job, Lock
from server.kit.backoff import Backoff

BATCH_MAX = 500  # that one call may have
_EVERY_SECONDS = 0.5
_BACKOFF = Backoff(first_seconds=0.5, seconds_max=5.0)

_log = structlog.get_logger()


class Waiting(Protocol):
    """The records that have not arrived yet."""

    async def first(self, count_max: int) -> Sequence[AuditRecord]:
        """So many of them, the oldest first."""

    async def forget(self, record_ids: Collection[str]) -> None:
        """Deletes those that have arrived."""

    async def set_aside(self, record: AuditRecord, error: str) -> None:
        """Keeps `record`, which was refused so, and no longer as one of `first`."""

    async def take_up(self) -> None:
        """Makes what was set aside wait again."""


class Keeper(Protocol):
    """The user service, as far as it takes records."""

    async def keep(self, records: Sequence[AuditRecord]) -> None:
        """Hands them on, all or none.

        Raises `Invalid` when it will never take one of them, and `Unavailable` when it cannot be
        reached, or does not take any at the moment.
        """


class Forwarding:
    """Sends what waits to `keeper`."""

    def __init__(
        self, waiting: Waiting, keeper: Keeper, registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._waiting = waiting
        self._keeper = keeper
        self._refused = _refused(registry)
        self._has_begun = False

    async def forward(self) -> None:
        """Sends all that waits. Raises `Unavailable`; what has not arrived waits on."""
        if not self._has_begun:
            await self._waiting.take_up()
            self._has_begun = True
        while records := await self._waiting.first(BATCH_MAX):
            await self._send(records)

    async def _send(self, records: Sequence[AuditRecord]) -> None:
        """Halving finds those that are refused for good."""
        try:
            await self._keeper.keep(records)
        except errors.Invalid as error:
            if len(records) > 1:
                middle = len(records) // 2
                await self._send(records[:middle])
                await self._send(records[middle:])
            else:
                await self._set_aside(*records, error=str(error))
        else:
            await self._waiting.forget([each.id for each in records])

    async def _set_aside(self, record: AuditRecord, *, error: str) -> None:
        """Without where the call came from, which nobody would erase there."""
        told = {"id": record.id, "action": record.action, "outcome": record.outcome}
        told |= {"actor": record.actor_id, "subject": record.subject_id}
        _log.error("audit.refused", error=error, at=str(record.first_at), **told)
        await self._waiting.set_aside(record.without_origin(), error)
        self._refused.inc()


def forwarding(waiting: Waiting, keeper: Keeper, lock: Lock | None = None) -> Job:
    """Sends twice a second what waits; in one of the processes that share `lock`."""
    forward = Forwarding(waiting, keeper).forward
    return Job("audit_forwarding", forward, _EVERY_SECONDS, lock, backoff=_BACKOFF)


@cache
def _refused(registry: CollectorRegistry) -> Counter:
    """The same for all of a process: a registry takes it once."""
    told = "Audit records that the user service refused, and that were set aside."
    return Counter("audit_refused_total", told, registry=registry)
