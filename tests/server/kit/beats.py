"""Time that passes when a test says so."""

import asyncio


class Beats:
    """Pauses that end one by one."""

    def __init__(self) -> None:
        self.asked: list[float] = []  # seconds
        self._beats = asyncio.Semaphore(0)

    async def pause(self, seconds: float) -> None:
        """Takes the place of `asyncio.sleep`."""
        self.asked.append(seconds)
        await self._beats.acquire()

    def beat(self) -> None:
        """Ends one pause: the one under way, or else the next."""
        self._beats.release()
