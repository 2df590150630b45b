"""Where orders are stored: the interface of a store."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from server.kit.context import Key
from server.kit.exporting import Held
from server.kit.listing.paging import Page, PageQuery
from server.kit.outbox import Event
from server.order.orders.rules import (
    Changed,
    ListedOrder,
    Order,
    OrderEvent,
    OrderFilters,
    Placed,
)

SORTABLE: Mapping[str, type] = {
    "order_date": datetime,
    "created_at": datetime,
    "total_price": Decimal,
}
"""The columns that `OrderStore.list` can sort by, with their types."""


class Encode(Protocol):
    """Puts an event into the outbox's envelope."""

    def __call__(self, event: OrderEvent, order: bytes = b"") -> Event:
        """`order` is the event's order as a serialised message, where the caller has it."""


class OrderStore(Protocol):
    """Orders, and the outbox of their events: the two are always written together.

    An `owner_scope` is whose orders the caller may reach, None for everybody's; an order outside
    of it is not found. Errors as in `CatalogStore`.
    """

    async def create(self, placed: Placed, key: Key | None, answer: bytes) -> bytes:
        """Stores a new order, its event, and `answer` under `key`; returns the answer to send.

        `answer` is the order as a serialised message, which the event carries too. It is what is
        returned, or the first answer when `key` was used before with the same body; then
        nothing is changed. Raises `IdempotencyKeyReused` when the body was another, and
        `BuyerErased` or `AccountInactive` when the buyer was erased, and `OffersChanged` when a
        product is not sold by now.
        """

    async def get(self, order_id: str, owner_scope: str | None) -> Order:
        """The order with its items, in their order. Raises `OrderNotFound`."""

    async def user_of(self, order_id: str, owner_scope: str | None) -> str | None:
        """Whose order it is; None: nobody's any more. Raises `OrderNotFound`."""

    async def list(self, filters: OrderFilters, query: PageQuery) -> Page[ListedOrder]:
        """One page in the query's order, ties broken by id; of each order the first lines.

        An order that is deleted meanwhile is left out, so a page may come out short.
        """

    async def update(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], Changed]
    ) -> Order:
        """Locks the order, stores what `change` makes of it with the event; returns the order.

        `change` is pure. Its exceptions roll everything back, and it runs again when the
        transaction is retried. Raises `OrderNotFound`. Of two concurrent updates the
        second sees the result of the first.
        """

    async def delete(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], OrderEvent]
    ) -> None:
        """Locks the order, deletes it and stores the event, unless `change` raises.

        Raises `OrderNotFound`.
        """


class ExportStore(Protocol):
    """The orders of persons, to hand out. Errors as in `CatalogStore`."""

    async def export(self, user_id: str, page_token: str) -> Held:
        """The person's orders with all lines, oldest first. Raises `InvalidPageToken`."""
