"""Waiting for what offers no event: a report that catches up, an edge that notices."""

import asyncio
from collections.abc import Awaitable, Callable

ASK_AGAIN_SECONDS = 0.1
PATIENCE_SECONDS = 30.0


async def until(
    holds: Callable[[], Awaitable[bool]], *, patience_seconds: float = PATIENCE_SECONDS
) -> None:
    """Asks again and again until it holds. Raises `TimeoutError` when patience has run out."""
    async with asyncio.timeout(patience_seconds):
        while not await holds():  # noqa: ASYNC110 -- what is asked lives in another process
            await asyncio.sleep(ASK_AGAIN_SECONDS)
