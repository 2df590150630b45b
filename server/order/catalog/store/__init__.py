"""Where products are stored: the interface of a store."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from server.kit.context import Key
from server.kit.listing.paging import Page, PageQuery
from server.order.catalog.rules import (
    Added,
    Offer,
    Product,
    ProductChanged,
    ProductEvent,
    ProductFilters,
)

SORTABLE: Mapping[str, type] = {
    "name": str,
    "sku": str,
    "unit_price": Decimal,
    "created_at": datetime,
}
"""The columns that `CatalogStore.list` can sort by, with their types."""


class CatalogStore(Protocol):
    """Products, and the outbox of their events: the two are always written together.

    Every method raises `Unavailable` when the database is unreachable and `DeadlineExceeded` when
    it is too slow; a change may have been made then, but never half of it.
    """

    async def create(self, added: Added, key: Key | None, answer: bytes) -> bytes:
        """Stores a new product, its event, and `answer` under `key`; returns the answer to send.

        That is `answer`, or the first one when `key` was used before with the same body; then
        nothing is changed. Raises `IdempotencyKeyReused` when the body was another, and `SkuTaken`.
        """

    async def get(self, product_id: str, *, only_active: bool) -> Product:
        """The product. Raises `ProductNotFound`, also for one that is not ACTIVE if so asked."""

    async def offers(self, product_ids: Collection[str]) -> Mapping[str, Offer]:
        """The offers of the products that exist, by product id; may contain others too."""

    async def list(self, filters: ProductFilters, query: PageQuery) -> Page[Product]:
        """One page in the query's order, ties broken by id."""

    async def update(self, product_id: str, change: Callable[[Product], ProductChanged]) -> Product:
        """Locks the product, stores what `change` makes of it with the event; returns the product.

        `change` is pure. Its exceptions roll everything back, and it runs again when the
        transaction is retried. Raises `ProductNotFound` and `SkuTaken`. Of two concurrent updates
        the second sees the result of the first.
        """

    async def delete(self, product_id: str, change: Callable[[Product], ProductEvent]) -> None:
        """Locks the product, deletes it and stores the event, unless `change` raises.

        Raises `ProductNotFound`.
        """
