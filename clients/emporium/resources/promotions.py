"""Promotions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias, TypedDict, Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.pricing_service_pb2 import (
    CreatePromotionRequest,
    DeletePromotionRequest,
    GetPromotionRequest,
    ListPromotionsRequest,
    Promotion,
    UpdatePromotionRequest,
)
from emporium.order.v1.pricing_service_pb2_grpc import PricingServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import Money, money, number, query, set_mask, timestamp

StackingName: TypeAlias = "str | Promotion.Stacking.ValueType"


_AMOUNTS = ("percentage", "amount", "min_subtotal")
_MOMENTS = ("valid_from", "valid_until")


class PromotionChanges(TypedDict, total=False):
    """The arguments of `promotions.update`; None clears those that may be None."""

    code: str
    name: str
    percentage: Money
    """How many percent are taken off; or"""
    amount: Money
    """how much is taken off."""
    valid_from: datetime | None
    valid_until: datetime | None
    """Excluded."""
    min_subtotal: Money | None
    """What the lines of an order must cost at least."""
    uses_max: int | None
    """How many orders may have it in all."""
    uses_max_per_person: int | None
    """How many orders of one buyer may have it."""
    stacking: StackingName
    """`combinable` (a new one, unless said otherwise) or `exclusive`."""
    active: bool
    """Whether it is given."""


class PromotionTerms(PromotionChanges, total=False):
    """The arguments of `promotions.create`."""

    currency: str
    """ISO 4217, of amounts; the shop's own when left out."""


class PromotionFilters(PageOptions, total=False):
    """The arguments of `promotions.list`.

    Sorts by `code` (ascending by default) or `created_at`.
    """

    code: str
    """Only the promotion with this code, in any case."""
    active: bool
    """Only those that are given, or only those that are not."""


class Promotions:
    """`shop.promotions`: codes by which orders cost less; for staff."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = PricingServiceStub(connection.channel)

    async def create(
        self,
        *,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
        **terms: Unpack[PromotionTerms],
    ) -> Promotion:
        """Adds a promotion: it has a `code`, a `name`, and a `percentage` or an `amount`.

        A repeat with the same `idempotency_key` gets the first answer; left out, the call has a key
        of its own, which its retries share.

        Raises `AlreadyExists` (PROMOTION_CODE_TAKEN, IDEMPOTENCY_KEY_REUSED), `InvalidRequest`.
        """
        key = idempotency_key or str(uuid4())
        request = CreatePromotionRequest(request_id=key, **_fields(terms))
        return await self._connection.call(self._stub.CreatePromotion, request, timeout_seconds)

    async def get(self, promotion_id: str, *, timeout_seconds: float | None = None) -> Promotion:
        """Reads a promotion, with its uses. Raises `NotFound` (PROMOTION_NOT_FOUND)."""
        request = GetPromotionRequest(promotion_id=promotion_id)
        return await self._connection.call(self._stub.GetPromotion, request, timeout_seconds)

    def list(self, **filters: Unpack[PromotionFilters]) -> Listing[Promotion]:
        """Lists promotions, by code unless `sort` says otherwise.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = filters.get("timeout_seconds")

        async def fetch(request: ListPromotionsRequest) -> Page[Promotion]:
            call = self._connection.call
            answer = await call(self._stub.ListPromotions, request, timeout_seconds)
            return Page(answer.promotions, answer.meta)

        return Listing(ListPromotionsRequest(**query(filters)), fetch)

    async def update(
        self,
        promotion_id: str,
        *,
        etag: str = "",
        timeout_seconds: float | None = None,
        **changes: Unpack[PromotionChanges],
    ) -> Promotion:
        """Changes the fields that are given, and no others.

        Raises `NotFound` (PROMOTION_NOT_FOUND), `AlreadyExists` (PROMOTION_CODE_TAKEN), `Outdated`
        (ETAG_MISMATCH), `InvalidRequest` (NOTHING_TO_UPDATE). Not retried, because it is not
        idempotent.
        """
        request = UpdatePromotionRequest(promotion_id=promotion_id, etag=etag, **_fields(changes))
        if cleared := [name for name, value in changes.items() if value is None]:
            but = ("promotion_id", "etag")
            set_mask(request, request.update_mask, cleared=cleared, but=but)
        return await self._connection.call(self._stub.UpdatePromotion, request, timeout_seconds)

    async def delete(
        self, promotion_id: str, *, etag: str = "", timeout_seconds: float | None = None
    ) -> None:
        """Deletes a promotion that no order uses.

        Raises `NotFound` (PROMOTION_NOT_FOUND), `Conflict` (PROMOTION_IN_USE), `Outdated`
        (ETAG_MISMATCH). `NotFound` may also mean that a first attempt had deleted it before a
        retry.
        """
        request = DeletePromotionRequest(promotion_id=promotion_id, etag=etag)
        await self._connection.call(self._stub.DeletePromotion, request, timeout_seconds)


def _fields(terms: PromotionChanges) -> dict[str, Any]:
    given: Mapping[str, Any] = {name: each for name, each in terms.items() if each is not None}
    fields = dict(given)
    for name in given:
        if name in _AMOUNTS:
            fields[name] = money(given[name])
        elif name in _MOMENTS:
            fields[name] = timestamp(given[name])
    if "stacking" in given:
        fields["stacking"] = number(Promotion.Stacking, given["stacking"])
    return fields
