"""Counts the events in the services' outboxes that wait for an operator."""

import asyncio
from collections.abc import Iterable

import asyncpg

TIMEOUT_SECONDS = 2.0


async def count(database_urls: Iterable[str]) -> int | None:
    """The number of dead letters in these databases; None without an answer within 2 s."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return sum([await _count(url) for url in database_urls])
    except OSError:
        return None


async def _count(database_url: str) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        found: int = await connection.fetchval(
            "SELECT count(*) FROM outbox_blocks WHERE state = 'DEAD'"
        )
    finally:
        connection.terminate()
    return found
