"""Where shipping methods and shipments are stored: the interfaces of the stores."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from server.kit.context import Key
from server.kit.listing.paging import Page, PageQuery
from server.order.shipping.rules import (
    Doing,
    ListedShipment,
    Method,
    Parcel,
    Shipment,
    ShipmentChanged,
)

SORTABLE_METHODS: Mapping[str, type] = {"name": str, "created_at": datetime}
"""The columns that `MethodStore.list` can sort by, with their types."""

SORTABLE_SHIPMENTS: Mapping[str, type] = {"created_at": datetime}
"""The same of `ShipmentStore.list`."""


class MethodStore(Protocol):
    """Shipping methods. Errors as in `CatalogStore`.

    With `only_active` one that is not active is not there.
    """

    async def create(self, method: Method, key: Key | None, answer: bytes) -> bytes:
        """Stores a new method, as `CatalogStore.create` does."""

    async def get(self, method_id: str, *, only_active: bool) -> Method:
        """The method. Raises `MethodNotFound`."""

    async def list(self, query: PageQuery, *, only_active: bool) -> Page[Method]:
        """One page in the query's order, ties broken by id."""

    async def update(self, method_id: str, change: Callable[[Method], Method]) -> Method:
        """Locks the method and stores what `change`, which is pure, makes of it.

        Raises `MethodNotFound`.
        """

    async def delete(self, method_id: str, check: Callable[[Method], None]) -> None:
        """Locks the method, and deletes it unless `check` raises. Raises `MethodNotFound`."""


class ShipmentStore(Protocol):
    """Shipments, to read. Errors as in `CatalogStore`.

    An `owner_scope` is whose the caller may reach, None for everybody's.
    """

    async def get(self, shipment_id: str, owner_scope: str | None) -> Shipment:
        """The shipment with all that is in it and was heard of it. Raises `ShipmentNotFound`."""

    async def list(self, order_id: str, query: PageQuery) -> Page[ListedShipment]:
        """One page of an order's, with their first items and without what was heard."""


Answer = Callable[[Shipment], bytes]
"""What a call answers with the shipment that it has made or changed."""


class Fulfilment(Protocol):
    """Shipments, and what their orders become by them: always written together."""

    async def user_of(self, order_id: str, owner_scope: str | None) -> str | None:
        """Whose order it is; None: nobody's any more. Raises `OrderNotFound`."""

    async def send(
        self, order_id: str, parcel: Parcel, doing: Doing, key: Key | None, answer: Answer
    ) -> bytes:
        """Locks the order, and stores the shipment of what `parcel` asks for, with all events.

        Gives the answer, or the first one as `OrderStore.update_once` does. Raises `OrderNotFound`
        and `OutOfStock`, and what `packed` and `check_room` do.
        """

    async def change(
        self,
        shipment_id: str,
        doing: Doing,
        change: Callable[[Shipment], ShipmentChanged],
        key: Key | None,
        answer: Answer,
    ) -> bytes:
        """Locks the shipment's order, and stores what `change`, which is pure, makes of it.

        When all has arrived by that, the order has. Gives the answer as `send` does. Raises
        `ShipmentNotFound`, and `OrderAnonymous` for texts about one without a buyer.
        """
