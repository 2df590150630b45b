"""Where returns are stored: the interface of a store."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from server.kit.context import Key
from server.kit.listing.paging import Page, PageQuery
from server.kit.outbox import Event
from server.kit.postgres.transaction import UnitOfWork
from server.order.orders.rules import Changed, Order
from server.order.payments.rules import Operation, Payment, Step
from server.order.returns.rules import (
    ListedReturn,
    Received,
    Refund,
    Return,
    ReturnChanged,
    ReturnEvent,
    Sent,
)
from server.order.stock.rules import Cause

SORTABLE: Mapping[str, type] = {"created_at": datetime}
"""The columns that `ReturnStore.list` can sort by, with their types."""

Encode = Callable[[ReturnEvent], Event]
"""Puts an event into the outbox's envelope."""


class Orders(Protocol):
    """The orders of which something is sent back, in the unit of work of their returns.

    Whoever changes a return has locked its order before: there is no other lock.
    """

    async def lock(self, unit: UnitOfWork, order_id: str, owner_scope: str | None) -> Order:
        """The order, whose row is locked. Raises `OrderNotFound`."""

    async def keep(self, unit: UnitOfWork, before: Order, changed: Changed) -> None:
        """Writes what the order has become, with all that follows from it."""

    async def user_of(self, order_id: str, owner_scope: str | None) -> str | None:
        """Whose order it is; None: nobody's any more. Raises `OrderNotFound`."""

    def told(self, order_id: str) -> None:
        """Wakes the relays, and those who watch the order, after a commit."""


class Shipped(Protocol):
    """What was sent of orders, in the unit of work that has locked them."""

    async def delivered_at(self, unit: UnitOfWork, order_id: str) -> datetime | None:
        """When all of the order had arrived; None: it has not."""

    async def left(self, unit: UnitOfWork, order_id: str) -> Mapping[int, int]:
        """How many of each line, by its position, can be sent back, where any can."""


class Payments(Protocol):
    """The payments of orders, in the unit of work that has locked these."""

    async def of_order(self, unit: UnitOfWork, order_id: str) -> Sequence[Payment]:
        """The payments of the order, oldest first."""

    async def keep(self, unit: UnitOfWork, before: Order, step: Step) -> None:
        """Writes what a payment has become, with its order and the return that it is for."""


class Stocks(Protocol):
    """The stocks, whose locks come after those of orders."""

    async def take_back(self, unit: UnitOfWork, counts: Mapping[str, int], cause: Cause) -> None:
        """Puts so many of each product into the stock, where it is tracked."""


class Belongings(NamedTuple):
    """What moves with returns, in their own unit of work."""

    orders: Orders
    shipped: Shipped
    payments: Payments
    stocks: Stocks


Asked = Callable[[Order, Payment], Step]
"""What a provider is asked for, to give back a part of a refund."""


class Moves(Protocol):
    """What a call makes of a return, by the rules; pure."""

    def moved(self, order: Order, returned: Return) -> ReturnChanged | Received | None:
        """What it becomes; None: something is given back for it."""

    def refund(self, order: Order, returned: Return, payments: Sequence[Payment]) -> Refund:
        """The same where something is given back."""

    def asked(self, order: Order, refund: Refund) -> Sequence[Asked]:
        """For each part of `refund`, what its provider is asked for."""

    def cause(self, order: Order, returned: Return) -> Cause:
        """Why stocks move."""


class ReturnStore(Protocol):
    """Returns. Errors as in `CatalogStore`.

    An `owner_scope` is whose the caller may reach, None for everybody's.
    """

    async def create(
        self,
        order_id: str,
        owner_scope: str | None,
        begin: Callable[[Order, Sent], ReturnChanged],
        key: Key | None,
        answer: Callable[[Return], bytes],
    ) -> bytes:
        """Locks the order, and stores the return that `begin` makes of it, with its event.

        Gives the answer, or the first one as `OrderStore.update_once` does. Raises `OrderNotFound`
        and what `begin` raises.
        """

    async def get(self, return_id: str, owner_scope: str | None) -> Return:
        """The return with its items and history. Raises `ReturnNotFound`."""

    async def list(
        self, order_id: str, owner_scope: str | None, query: PageQuery
    ) -> Page[ListedReturn]:
        """One page of an order's, with their first items. Raises `OrderNotFound`."""

    async def move(
        self, return_id: str, owner_scope: str | None, moves: Moves
    ) -> Sequence[Operation]:
        """Locks the return's order, and stores what `moves` makes of both.

        Gives what payment providers are to be asked for then. Raises `ReturnNotFound` and what
        `moves` raises.
        """
