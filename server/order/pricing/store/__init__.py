"""Where prices are stored: the interfaces of the stores."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from server.kit.context import Key
from server.kit.listing.paging import Page, PageQuery
from server.order.catalog.rules import Tree
from server.order.pricing.rules import (
    PriceBreaks,
    Promotion,
    PromotionEvent,
    PromotionFilters,
    TaxRate,
    TaxRateFilters,
    Terms,
)

SORTABLE_PROMOTIONS: Mapping[str, type] = {"code": str, "created_at": datetime}
"""The columns that `PromotionStore.list` can sort by, with their types."""

SORTABLE_RATES: Mapping[str, type] = {"country_code": str, "created_at": datetime}
"""The same of `TaxRateStore.list`."""


class PriceStore(Protocol):
    """Price breaks of products. Errors as in `CatalogStore`."""

    async def get(self, product_id: str, *, only_active: bool) -> PriceBreaks:
        """Those of the product, perhaps none. Raises `ProductNotFound`.

        With `only_active` also for a product that is not ACTIVE.
        """

    async def update(
        self, product_id: str, change: Callable[[PriceBreaks], PriceBreaks]
    ) -> PriceBreaks:
        """Locks the product, stores what `change` makes of its breaks, and returns that.

        `change` is pure, and may run again. Of two concurrent updates the second sees the result of
        the first. Raises `ProductNotFound`.
        """


class PromotionStore(Protocol):
    """Promotions. Errors as in `CatalogStore`."""

    async def create(self, event: PromotionEvent, key: Key | None, answer: bytes) -> bytes:
        """Stores the new promotion of `event`, and that, as `CatalogStore.create` does.

        Raises `PromotionCodeTaken`.
        """

    async def get(self, promotion_id: str) -> Promotion:
        """The promotion. Raises `PromotionNotFound`."""

    async def list(self, filters: PromotionFilters, query: PageQuery) -> Page[Promotion]:
        """One page in the query's order, ties broken by id."""

    async def update(
        self,
        promotion_id: str,
        change: Callable[[Promotion], Promotion],
        traceparent: str | None = None,
    ) -> Promotion:
        """Locks the promotion, stores what `change` makes of it but its uses, and returns that.

        If it changes anything, the event of that is committed with it. `change` is pure, and may
        run again. Raises `PromotionNotFound` and `PromotionCodeTaken`.
        """

    async def delete(
        self, promotion_id: str, change: Callable[[Promotion], PromotionEvent]
    ) -> None:
        """Locks the promotion, deletes it, and stores the event that `change` gives, if it does.

        Raises `PromotionNotFound`.
        """


class TaxRateStore(Protocol):
    """Tax rates. Errors as in `CatalogStore`."""

    async def create(self, rate: TaxRate, key: Key | None, answer: bytes) -> bytes:
        """Stores a new rate, as `CatalogStore.create` does.

        Raises `TaxRateExists`, `TooManyTaxRates` and `CategoryNotFound`.
        """

    async def get(self, rate_id: str) -> TaxRate:
        """The rate. Raises `TaxRateNotFound`."""

    async def list(self, filters: TaxRateFilters, query: PageQuery) -> Page[TaxRate]:
        """One page in the query's order, ties broken by id."""

    async def update(self, rate_id: str, change: Callable[[TaxRate], TaxRate]) -> TaxRate:
        """Locks the rate, stores what `change` makes of it, and returns that.

        `change` is pure, and may run again. Raises `TaxRateNotFound`.
        """

    async def delete(self, rate_id: str, check: Callable[[TaxRate], None]) -> None:
        """Locks the rate, and deletes it unless `check` raises. Raises `TaxRateNotFound`."""

    async def all(self) -> Sequence[TaxRate]:
        """All rates, which are few."""


class Categories(Protocol):
    """Where the tree is read whose categories are taxed."""

    async def tree(self) -> Tree:
        """The parent of each category."""


class TermsStore(Protocol):
    """What orders are priced by, beside their offers. Errors as in `CatalogStore`."""

    async def read(
        self, codes: Sequence[str], buyer_id: str, now: datetime, *, taxed: bool
    ) -> Terms:
        """The promotions of the codes, how often the buyer uses each, and the taxes if `taxed`.

        Taxes are as they were at most 5 seconds ago, and as this process has changed them. Without
        codes nothing is read as a rule.
        """
