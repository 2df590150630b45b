"""Where the two drivers differ."""

import inspect
from typing import Any


async def settled(value: Any) -> Any:
    """What a driver hands over, awaited if it is that kind of driver."""
    return await value if inspect.isawaitable(value) else value
