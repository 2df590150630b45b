"""Where orders are stored: the interface of a store."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from server.kit.context import Key
from server.kit.exporting import Held
from server.kit.listing.paging import Page, PageQuery
from server.kit.outbox import Event
from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Write
from server.order.orders.rules import (
    Changed,
    ListedOrder,
    Order,
    OrderEvent,
    OrderFilters,
    PastMove,
    Placed,
)
from server.order.pricing.rules import Counted, Uses
from server.order.shipping.rules import Shipment, ShipmentChanged, ShipmentEvent
from server.order.stock.rules import Claim, OutOfStock, Step

SORTABLE: Mapping[str, type] = {
    "order_date": datetime,
    "created_at": datetime,
    "total_price": Decimal,
}
"""The columns that `OrderStore.list` can sort by, with their types."""

HISTORY_SORTABLE: Mapping[str, type] = {"occurred_at": datetime}
"""The same of `OrderStore.history`."""


Tell = Callable[[str], None]
"""Tells those who watch an order, by its id, that it has changed."""


Turn = Callable[[UnitOfWork], Awaitable[Write]]
"""Locks what an order is made of, in its own unit of work, and gives what is written of that."""


class Encode(Protocol):
    """Puts an event into the outbox's envelope."""

    def __call__(self, event: OrderEvent, order: bytes = b"") -> Event:
        """`order` is the event's order as a serialised message, where the caller has it."""


class Stocks(Protocol):
    """What orders do to stocks, in their own unit of work. Locks come after those of orders."""

    async def reserve(
        self, unit: UnitOfWork, claims: Sequence[Claim]
    ) -> Sequence[OutOfStock | None]:
        """Reserves for new orders, one after the other; gives for each why it was refused."""

    async def settle(self, unit: UnitOfWork, claims: Sequence[tuple[Claim, Step]]) -> None:
        """Moves what orders have that `unit` has locked. Raises `OutOfStock`."""


class Promotions(Protocol):
    """What orders use of promotions, in their own unit of work.

    Locks come after those of orders, and before those of stocks.
    """

    async def lock(self, unit: UnitOfWork, wanted: Sequence[Uses]) -> Counted:
        """Locks what new orders want to use, and says how often it is used."""

    def write(self, unit: UnitOfWork, taken: Sequence[Uses]) -> None:
        """Adds the uses of new orders to what `unit` writes."""

    async def give_back(self, unit: UnitOfWork, order_ids: Sequence[str]) -> None:
        """Ends the uses of orders that `unit` has locked."""


class Payments(Protocol):
    """What becomes of payments when an order is moved by other means, in its unit of work."""

    def placed(self, orders: Sequence[Placed]) -> Sequence[Write]:
        """The payments that orders are placed with, because they were paid long ago."""

    async def follow(self, unit: UnitOfWork, before: Order, event: OrderEvent) -> None:
        """Records what was paid or given back, and lets go what a cancelled order has.

        `unit` has locked the order, which was `before`. Raises `Conflict`.
        """


class Shipments(Protocol):
    """What orders do to shipments, in their own unit of work, with their row locked."""

    async def record(self, unit: UnitOfWork, event: ShipmentEvent, *, takes_all: bool) -> None:
        """Adds a shipment. Raises `TooManyShipments`."""

    async def deliver(
        self, unit: UnitOfWork, order_id: str, at: datetime, traceparent: str | None
    ) -> None:
        """All shipments of an order that are on their way have arrived."""

    async def order_of(self, shipment_id: str) -> tuple[str, str | None]:
        """The order of a shipment, and its buyer, if any. Raises `ShipmentNotFound`."""

    async def change(
        self, unit: UnitOfWork, shipment_id: str, change: Callable[[Shipment], ShipmentChanged]
    ) -> ShipmentChanged:
        """Stores what `change` makes of a shipment."""

    async def are_on_their_way(self, unit: UnitOfWork, but: Shipment) -> bool:
        """Whether others of the same order than that one have not arrived."""


class Belongings(NamedTuple):
    """What moves with orders, in their own unit of work."""

    stocks: Stocks
    payments: Payments
    shipments: Shipments
    promotions: Promotions


class OrderStore(Protocol):
    """Orders, and the outbox of their events: the two are always written together.

    An `owner_scope` is whose orders the caller may reach, None for everybody's; an order outside
    of it is not found. Errors as in `CatalogStore`.
    """

    async def create(
        self, placed: Placed, key: Key | None, answer: bytes, turn: Turn | None = None
    ) -> bytes:
        """Stores a new order, its event, and `answer` under `key`; returns the answer to send.

        `answer` is the order as a serialised message, which the event carries too. It is what is
        returned, or the first answer when `key` was used before with the same body; then
        nothing is changed. Raises `IdempotencyKeyReused` when the body was another, `OutOfStock`,
        `PromotionUsedUp`, `PromotionUsedByPerson`, `OffersChanged` when a product is not sold by
        now, `PromotionChanged`, `OrderNumberTaken`, and `BuyerErased` or `AccountInactive`
        when the buyer was erased. And what `turn` raises, which goes first; its locks come before
        those of orders.
        """

    async def get(self, order_id: str, owner_scope: str | None) -> Order:
        """The order with its items, in their order. Raises `OrderNotFound`."""

    async def get_many(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Those of the orders that there are, by id, each as `get` gives it."""

    async def etags(self, order_ids: Sequence[str]) -> Mapping[str, str]:
        """The etags of those of the orders that there are, by id."""

    async def user_of(self, order_id: str, owner_scope: str | None) -> str | None:
        """Whose order it is; None: nobody's any more. Raises `OrderNotFound`."""

    async def list(self, filters: OrderFilters, query: PageQuery) -> Page[ListedOrder]:
        """One page in the query's order, ties broken by id; of each order the first lines.

        An order that is deleted meanwhile is left out, so a page may come out short.
        """

    async def history(self, order_id: str, query: PageQuery) -> Page[PastMove]:
        """One page of what the order's status has been; empty for an order that is not there."""

    async def update(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], Changed]
    ) -> Order:
        """Locks the order, stores what `change` makes of it with the event; returns the order.

        `change` is pure. Its exceptions roll everything back, and it runs again when the
        transaction is retried. Raises `OrderNotFound`, and `OutOfStock` when it is sent and not
        there. Of two concurrent updates the second sees the result of the first.
        """

    async def update_once(
        self,
        order_id: str,
        owner_scope: str | None,
        change: Callable[[Order], Changed],
        key: Key | None,
        answer: Callable[[Order], bytes],
    ) -> bytes:
        """As `update`, and keeps what `answer` makes of the order under `key`; returns that.

        Or the first answer when `key` was used before with the same body; then nothing is changed.
        Raises `IdempotencyKeyReused` when the body was another.
        """

    async def delete(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], OrderEvent]
    ) -> None:
        """Locks the order, deletes it and stores the event, unless `change` raises.

        Raises `OrderNotFound`.
        """

    async def expire(
        self, now: datetime, count_max: int, change: Callable[[Order], Changed]
    ) -> int:
        """Stores what `change` makes of that many orders that should have been paid by `now`.

        Gives their number. Those that somebody else is changing are left for the next time.
        """


class ExportStore(Protocol):
    """What persons have ordered, or what belongs to it. Errors as in `CatalogStore`."""

    async def export(self, user_id: str, page_token: str) -> Held:
        """A page of the person's. Raises `InvalidPageToken`."""
