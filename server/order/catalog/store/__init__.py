"""Where products and categories are stored: the interfaces of the stores."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from server.kit.context import Key
from server.kit.listing.paging import Page, PageQuery
from server.order.catalog.rules import (
    Added,
    Category,
    CategoryFilters,
    Inside,
    Offer,
    Product,
    ProductChanged,
    ProductEvent,
    ProductFilters,
    Tree,
)

SORTABLE: Mapping[str, type] = {
    "name": str,
    "sku": str,
    "unit_price": Decimal,
    "created_at": datetime,
}
"""The columns that `CatalogStore.list` can sort by, with their types."""

RELEVANCE = "relevance"

SORTABLE_FOUND: Mapping[str, type] = {RELEVANCE: Decimal, **SORTABLE}
"""What it can sort by where words are looked for."""

SORTABLE_CATEGORIES: Mapping[str, type] = {"name": str, "created_at": datetime}
"""The columns that `CategoryStore.list` can sort by."""


class CatalogStore(Protocol):
    """Products, and the outbox of their events: the two are always written together.

    Every method raises `Unavailable` when the database is unreachable and `DeadlineExceeded` when
    it is too slow; a change may have been made then, but never half of it.
    """

    async def create(self, added: Added, key: Key | None, answer: bytes) -> bytes:
        """Stores a new product, its event, and `answer` under `key`; returns the answer to send.

        That is `answer`, or the first one when `key` was used before with the same body; then
        nothing is changed. Raises `IdempotencyKeyReused` when the body was another, `SkuTaken`,
        and `CategoryNotFound`.
        """

    async def get(self, product_id: str, *, only_active: bool) -> Product:
        """The product. Raises `ProductNotFound`, also for one that is not ACTIVE if so asked."""

    async def get_many(self, product_ids: Sequence[str], *, only_active: bool) -> Sequence[Product]:
        """Those that there are, in the order of the ids, each once."""

    async def offers(self, product_ids: Collection[str]) -> Mapping[str, Offer]:
        """The offers of the products that exist, by product id; may contain others too."""

    async def list(self, filters: ProductFilters, query: PageQuery) -> Page[Product]:
        """One page in the query's order, ties broken by id.

        With words, of the first 1,000 products that match; `relevance` is an order of theirs alone.
        """

    async def update(self, product_id: str, change: Callable[[Product], ProductChanged]) -> Product:
        """Locks the product, stores what `change` makes of it with the event; returns the product.

        `change` is pure. Its exceptions roll everything back, and it runs again when the
        transaction is retried. Raises `ProductNotFound`, `SkuTaken` and
        `CategoryNotFound`. Of two concurrent updates
        the second sees the result of the first.
        """

    async def delete(self, product_id: str, change: Callable[[Product], ProductEvent]) -> None:
        """Locks the product, deletes it and stores the event, unless `change` raises.

        Raises `ProductNotFound`.
        """


class CategoryStore(Protocol):
    """Categories. Errors as in `CatalogStore`.

    One at a time changes the tree, over all processes.
    """

    async def create(self, category: Category, key: Key | None, answer: bytes) -> bytes:
        """Stores a new category, as `CatalogStore.create` does.

        Raises what `rules.check_new` does.
        """

    async def get(self, category_id: str) -> Category:
        """The category. Raises `CategoryNotFound`."""

    async def list(self, filters: CategoryFilters, query: PageQuery) -> Page[Category]:
        """One page in the query's order, ties broken by id."""

    async def tree(self) -> Tree:
        """The whole tree, as it is now."""

    async def update(
        self, category_id: str, change: Callable[[Category, Tree], Category]
    ) -> Category:
        """Locks the tree and the category, and stores what `change` makes of it.

        `change` is pure, and gets the whole tree. Raises `CategoryNotFound`.
        """

    async def delete(self, category_id: str, check: Callable[[Category, Inside], None]) -> None:
        """Locks the category, and deletes it unless `check` raises. Raises `CategoryNotFound`."""
