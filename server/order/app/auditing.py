"""What takes the records of this service's calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.kit import background
from server.kit.audit.forwarding import Keeper, forwarding
from server.kit.audit.trail import CommittingSink
from server.kit.audit.writer import AuditWriter, writing
from server.kit.background import Lock
from server.kit.postgres import Pool
from server.order.audit.store import PostgresWaiting, inserting


@asynccontextmanager
async def auditing(pool: Pool, keeper: Keeper, lock: Lock) -> AsyncIterator[CommittingSink]:
    """What takes the records of this service's calls, and sends them on to `keeper`."""
    waiting = PostgresWaiting(pool)
    async with (
        background.running(forwarding(waiting, keeper, lock)),
        writing(AuditWriter(waiting.append)) as writer,
    ):
        yield audit_sink(writer)


def audit_sink(writer: AuditWriter) -> CommittingSink:
    """The record of a change is committed with it."""
    return CommittingSink(writer, lambda record: inserting([record]))
