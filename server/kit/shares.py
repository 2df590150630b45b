"""Divides what a process has little of among its callers, so that none of them takes all of it."""

import asyncio
from collections import deque
from contextvars import ContextVar

sharer: ContextVar[str] = ContextVar("sharer", default="")
"""On whose account the work under way is done: a person, or an address that nobody signed in at.

Empty for work that is nobody's, or everybody's: of another service, of background jobs, of batches.
"""


class Shares:
    """At most `each` of something for one sharer at a time; who wants more waits for the first.

    What nobody else wants stays unused then. That is the price of not knowing who comes next: what
    has been given away is not taken back.
    """

    def __init__(self, each: int) -> None:
        self._each = each
        self._held: dict[str, int] = {}
        self._narrowed: set[str] = set()  # who have one at a time
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def narrow(self, name: str) -> None:
        """Gives `name`, who holds one, no second one until it has given back all."""
        self._narrowed.add(name)

    def take_now(self, name: str) -> bool:
        """Takes one for `name` if there is one left; says whether there was."""
        held = self._held.get(name, 0)
        if held >= self._most(name):
            return False
        self._held[name] = held + 1
        return True

    async def take(self, name: str) -> None:
        """Takes one for `name`, first come first served."""
        if self.take_now(name):
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, deque()).append(given)
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():
                self.give_back(name)  # it came at the moment at which we gave up
            raise

    def give_back(self, name: str) -> None:
        """Gives one back: to the next who waits for one of `name`, if there is one."""
        if self._held[name] <= self._most(name) and self._hand_over(name):
            return
        held = self._held[name] - 1
        if held:
            self._held[name] = held
        else:
            del self._held[name]
            self._narrowed.discard(name)

    def _most(self, name: str) -> int:
        return 1 if name in self._narrowed else self._each

    def _hand_over(self, name: str) -> bool:
        """To the next who waits; says whether there was anybody."""
        waiting = self._waiting.get(name, ())
        while waiting:
            given = waiting.popleft()
            if not given.done():
                given.set_result(None)
                return True
        self._waiting.pop(name, None)
        return False
