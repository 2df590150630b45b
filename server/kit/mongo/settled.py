"""Where the two drivers differ."""

import inspect
from typing import Any


async def settled(value: Any) -> Any:
    """The value that a driver's method returns, awaited if it is awaitable."""
    return await value if inspect.isawaitable(value) else value
