"""Polling for what offers no event: a report that catches up, an edge that notices."""

import asyncio
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.1
TIMEOUT_SECONDS = 120.0  # on a machine that has much else to do; else at once


async def until(
    holds: Callable[[], Awaitable[bool]], *, timeout_seconds: float = TIMEOUT_SECONDS
) -> None:
    """Polls until it holds. Raises `TimeoutError` after `timeout_seconds`."""
    async with asyncio.timeout(timeout_seconds):
        while not await holds():  # noqa: ASYNC110 -- the state is that of another process
            await asyncio.sleep(POLL_SECONDS)
