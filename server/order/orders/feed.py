"""What becomes of orders, for those who watch them.

All watchers of a process share what it hears and reads. A change that any process makes is told to
all by its order's id (`kit/postgres/channel.py`); of the orders that are watched here, those are
read, once for whoever watches. Where nothing was heard, one statement now and then finds out which
of them have changed: a process may die before it tells, and an erasure tells nobody. Nobody waits
for the slowest: a watcher gets the order as it is when the one before has been taken.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from server.kit import errors
from server.order.orders.rules import MOVES, Order, OrderNotFound

_LOOK_SECONDS = 5.0
_GATHER_SECONDS = 0.02  # for more changes: whatever else is committed is told as well
_READ_TOGETHER_MAX = 50  # orders, of a thousand lines each
# A stream ends before its connection does (`kit/lifecycle.py`). By REST the kit ends it.
_STREAM_SECONDS = 240.0


class Orders(Protocol):
    """Where they are read. Errors as in `OrderStore`."""

    async def get(self, order_id: str, owner_scope: str | None) -> Order: ...

    async def etags(self, order_ids: Sequence[str]) -> Mapping[str, str]:
        """What tells whether each has changed, of those that there are."""

    async def get_many(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Those that there are."""


class Watched:
    """An order that is watched, as it was read last."""

    __slots__ = ("changed", "etag", "is_gone", "order", "watchers")

    def __init__(self) -> None:
        self.watchers = 0
        self.etag: str | None = ""  # empty: not read yet; None: gone
        self.order: Order | None = None
        self.is_gone = False
        self.changed = asyncio.Event()  # set, and replaced, by each change

    def read_first(self, order: Order) -> None:
        """Takes what a watcher has read, where nothing is known yet."""
        if self.order is None and not self.is_gone:
            self.etag, self.order = order.etag, order

    def become(self, order: Order | None) -> None:
        """Lets the watchers know; None: it was deleted."""
        self.etag = order.etag if order else None
        self.order, self.is_gone = order, order is None
        self.changed.set()
        self.changed = asyncio.Event()


class OrderFeed:
    """Those that are watched in this process."""

    def __init__(self, orders: Orders, clock: Callable[[], float] = time.monotonic) -> None:
        self._orders = orders
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        self._due: set[str] = set()  # of them, what has changed
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()

    def heard(self, order_ids: Collection[str]) -> None:
        """Says which orders have changed. Costs nothing and never fails."""
        if due := self._watched.keys() & {*order_ids}:
            self._due |= due
            self._woken.set()

    def heard_nothing(self) -> None:
        """Says that any order may have changed."""
        self.heard(self._watched)

    def close(self) -> None:
        """Ends the streams that REST does not read, and refuses new ones."""
        self._stopping.set()
        for watched in self._watched.values():
            watched.changed.set()

    async def run(self) -> None:
        """Reads what has changed until cancelled. Raises `Unavailable` and `DeadlineExceeded`."""
        self._due |= self._watched.keys()  # which a failure may have left
        while True:
            if self._due:
                await self.read()
            self._woken.clear()
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._woken.wait()
                    await asyncio.sleep(_GATHER_SECONDS)
            except TimeoutError:
                self._due |= self._watched.keys()

    async def read(self) -> None:
        """Reads those that are due, as far as they have changed, and lets their watchers know."""
        due, self._due = self._due, set()
        try:
            etags = await self._orders.etags([*due])
            changed = [
                each
                for each in due & self._watched.keys()
                if etags.get(each) != self._watched[each].etag
            ]
            for first in range(0, len(changed), _READ_TOGETHER_MAX):
                ids = changed[first : first + _READ_TOGETHER_MAX]
                found = await self._orders.get_many(ids)
                for each in ids:
                    if watched := self._watched.get(each):
                        watched.become(found.get(each))
        except BaseException:
            self._due |= due & self._watched.keys()
            raise

    async def after(
        self, order_id: str, owner_scope: str | None, etag: str, *, has_end: bool
    ) -> AsyncGenerator[Order, None]:
        """The order as it is, unless it has that etag still, and each time that it has changed.

        Ends with an order that can move no more; with `has_end` also after some minutes, and when
        the process stops. Raises `OrderNotFound`, also when it is deleted or no longer within
        `owner_scope`, and `Unavailable` when the process stops.
        """
        if self._stopping.is_set():
            raise errors.Unavailable("the server stops", retry_after_seconds=1.0)
        until = self._clock() + _STREAM_SECONDS
        with self._watching(order_id) as watched:
            changed = watched.changed
            order = await self._orders.get(order_id, owner_scope)
            watched.read_first(order)
            while True:
                if order.etag != etag or is_last(order):
                    yield order
                    etag = order.etag
                if is_last(order):
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(until - self._clock() if has_end else None):
                        await changed.wait()
                if has_end and (self._stopping.is_set() or self._clock() >= until):
                    return
                changed = watched.changed
                order = _latest(watched, order, owner_scope)

    @contextmanager
    def _watching(self, order_id: str) -> Iterator[Watched]:
        watched = self._watched.setdefault(order_id, Watched())
        watched.watchers += 1
        try:
            yield watched
        finally:
            watched.watchers -= 1
            if not watched.watchers:
                del self._watched[order_id]


def is_last(order: Order) -> bool:
    """Whether no move leads on from there."""
    return not MOVES[order.status]


def _latest(watched: Watched, known: Order, owner_scope: str | None) -> Order:
    """What has become of the order that a watcher knows. Raises `OrderNotFound`."""
    order = watched.order
    if watched.is_gone or (order and owner_scope and order.user_id != owner_scope):
        raise OrderNotFound("no such order")
    # It may have been read before the watcher has read it.
    return order if order and order.version >= known.version else known
