"""Where orders are kept: the contract that a store fulfils."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from server.kit.context import Key
from server.kit.listing.paging import Page, PageQuery
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
"""By what `OrderStore.list` can sort, and of which type that is."""


class OrderStore(Protocol):
    """Orders, and the outbox of what becomes of them: the two are always written together.

    An `owner_scope` is whose orders the caller may reach, None for everybody's; an order outside
    of it is not there. Errors as in `CatalogStore`.
    """

    async def create(self, placed: Placed, key: Key | None, answer: bytes) -> bytes:
        """Keeps a new order, its event, and `answer` under `key`; gives the answer to send.

        That is `answer`, or the first one when `key` was used before with the same body; then
        nothing is changed. Raises `IdempotencyKeyReused` when the body was another.
        """

    async def get(self, order_id: str, owner_scope: str | None) -> Order:
        """The order with its items, in their order. Raises `OrderNotFound`."""

    async def user_of(self, order_id: str, owner_scope: str | None) -> str:
        """Whose order it is. Raises `OrderNotFound`."""

    async def list(self, filters: OrderFilters, query: PageQuery) -> Page[ListedOrder]:
        """One page in the query's order, ties broken by id; of each order the first lines.

        An order that is deleted meanwhile is left out, so a page may come out short.
        """

    async def update(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], Changed]
    ) -> Order:
        """Locks the order, keeps what `change` makes of it and its event, and gives the order.

        `change` decides and calls nobody; what it raises undoes everything; it runs again when the
        database asks for another try. Raises `OrderNotFound`. Of two updates at once the second
        sees what the first has made.
        """

    async def delete(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], OrderEvent]
    ) -> None:
        """Locks the order, and deletes it and keeps the event unless `change` raises.

        Raises `OrderNotFound`.
        """
