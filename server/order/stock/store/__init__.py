"""Where stocks are stored: the interface of a store."""

from collections.abc import Callable, Mapping
from typing import Protocol

from server.kit.context import Key
from server.kit.listing.paging import Page, PageQuery
from server.order.stock.rules import Change, Movement, Stock

SORTABLE: Mapping[str, type] = {"number": int}
"""The columns that `StockStore.movements` can sort by, with their types."""


class StockStore(Protocol):
    """Stocks, their movements, and the outbox of their events: all are written together.

    A `change` is pure. It gets the stock that is locked, a new one where none is stored yet; its
    exceptions roll everything back, and it runs again when the transaction is retried. Errors as in
    `CatalogStore`.
    """

    async def get(self, product_id: str) -> Stock | None:
        """The stock; None where none is stored, for a product that there is or not."""

    async def update(self, product_id: str, change: Callable[[Stock], Change]) -> Stock:
        """Stores what `change` makes of the stock; returns it. Raises `ProductNotFound`."""

    async def adjust(
        self,
        product_id: str,
        change: Callable[[Stock], Change],
        key: Key | None,
        answer: Callable[[Stock], bytes],
    ) -> bytes:
        """As `update`, and keeps under `key` what `answer` makes of it; returns the answer to send.

        That is the first one when `key` was used before with the same body; then nothing is
        changed. Raises `IdempotencyKeyReused` when the body was another, and `ProductNotFound`.
        """

    async def movements(self, product_id: str, query: PageQuery) -> Page[tuple[str, Movement]]:
        """One page of a product's movements, with their ids, in the query's order."""
