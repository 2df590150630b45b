"""Several coroutines at once."""

import asyncio
from collections.abc import Coroutine, Iterable


async def concurrently(coroutines: Iterable[Coroutine[None, None, None]]) -> None:
    """Runs all of them. When one fails, the others are cancelled and its error alone is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
