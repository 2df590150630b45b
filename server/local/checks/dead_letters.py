"""Counts the events in the order service's outbox that wait for an operator."""

import asyncio

import asyncpg

TIMEOUT_SECONDS = 2.0

_COUNT = "SELECT count(*) FROM outbox_blocks WHERE state = 'DEAD'"


async def count(order_dsn: str) -> int | None:
    """The number of dead letters; None without a DSN, or without an answer within 2 s."""
    if not order_dsn:
        return None
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            connection = await asyncpg.connect(order_dsn)
            try:
                found: int = await connection.fetchval(_COUNT)
            finally:
                connection.terminate()
    except (OSError, asyncpg.PostgresError):
        return None
    return found
