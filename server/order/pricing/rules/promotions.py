"""Promotions: what takes something off the price of an order, by a code."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from server.kit import currencies, errors
from server.kit.errors import Violation

CLEARABLE_OF_PROMOTION = frozenset(
    {"valid_from", "valid_until", "min_subtotal", "uses_max", "uses_max_per_person"}
)


class PromotionNotFound(errors.NotFound):
    """No such promotion, or none that is given."""

    reason = "PROMOTION_NOT_FOUND"


class PromotionCodeTaken(errors.AlreadyExists):
    """Another promotion has this code."""

    reason = "PROMOTION_CODE_TAKEN"


class PromotionInUse(errors.Conflict):
    """Orders have the promotion."""

    reason = "PROMOTION_IN_USE"


class PromotionKind(StrEnum):
    """What a promotion takes off."""

    PERCENTAGE = "PERCENTAGE"
    FIXED_AMOUNT = "FIXED_AMOUNT"


class Stacking(StrEnum):
    """What other promotions an order may have beside it."""

    COMBINABLE = "COMBINABLE"
    EXCLUSIVE = "EXCLUSIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPromotion:
    """A promotion as it is asked for. One of `percentage` and `amount` is there."""

    code: str
    name: str
    percentage: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None
    valid_from: datetime | None = None  # included
    valid_until: datetime | None = None  # excluded
    min_subtotal: Decimal | None = None
    uses_max: int | None = None
    uses_max_per_person: int | None = None
    stacking: Stacking = Stacking.COMBINABLE
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion(NewPromotion):
    """A promotion. Ids are UUIDs as text, in lower case."""

    id: str
    created_at: datetime
    updated_at: datetime
    version: int
    uses: int = 0  # counted by the database, with each use

    @property
    def kind(self) -> PromotionKind:
        """What it takes off."""
        if self.percentage is None:
            return PromotionKind.FIXED_AMOUNT
        return PromotionKind.PERCENTAGE

    @property
    def etag(self) -> str:
        """Changes with every change, but not with its uses."""
        return str(self.version)


class PromotionEventType(StrEnum):
    """What has happened to a promotion."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class PromotionEvent:
    """One change of a promotion, which is as the change left it, or as it was last."""

    type: PromotionEventType
    promotion: Promotion
    version: int  # counts them; after a deletion, one more than that of the promotion
    occurred_at: datetime
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class PromotionFilters:
    """Which promotions to list; None is no filter."""

    code: str | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class PromotionChange:
    """Fields to set, by name; None clears."""

    fields: Mapping[str, Any]
    etag: str  # empty: whatever the etag is


def add_promotion(
    new: NewPromotion, promotion_id: str, now: datetime, shop_currency: str
) -> Promotion:
    """The promotion to store. Raises `Invalid`.

    What names an amount is in a currency: the shop's, if no other is named.
    """
    has_amount = new.amount is not None or new.min_subtotal is not None
    asked = {name: getattr(new, name) for name in NewPromotion.__dataclass_fields__}
    asked["currency"] = new.currency or (shop_currency if has_amount else None)
    promotion = Promotion(**asked, id=promotion_id, created_at=now, updated_at=now, version=1)
    errors.Invalid.check(_violations(promotion))
    return promotion


def change_promotion(before: Promotion, change: PromotionChange, now: datetime) -> Promotion:
    """`before` after `change`; the same where it changes nothing.

    Raises `NothingToUpdate`, `Outdated` or `Invalid`.
    """
    if not change.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    errors.Outdated.check(change.etag, before.etag, "promotion")
    errors.Invalid.check(_of_another_kind(before, change.fields))
    after = replace(before, **change.fields)
    if after == before:
        return before
    errors.Invalid.check(_violations(after, change.fields))
    return replace(after, updated_at=now, version=before.version + 1)


def promotion_told(
    before: Promotion | None, after: Promotion, traceparent: str | None
) -> PromotionEvent:
    """The event of what became of a promotion; `before` None: it is new."""
    type_ = PromotionEventType.UPDATED if before else PromotionEventType.CREATED
    return PromotionEvent(type_, after, after.version, after.updated_at, traceparent)


def deleted_promotion(
    promotion: Promotion, etag: str, now: datetime, traceparent: str | None = None
) -> PromotionEvent:
    """The event of the deletion of `promotion`. Raises `Outdated` or `PromotionInUse`."""
    errors.Outdated.check(etag, promotion.etag, "promotion")
    if promotion.uses:
        raise PromotionInUse("orders have the promotion; end it by active, with false")
    version, type_ = promotion.version + 1, PromotionEventType.DELETED
    return PromotionEvent(type_, promotion, version, max(now, promotion.updated_at), traceparent)


def _of_another_kind(before: Promotion, fields: Mapping[str, Any]) -> Iterator[Violation]:
    if "percentage" in fields and before.percentage is None:
        yield Violation("percentage", "the promotion takes off an amount")
    if "amount" in fields and before.amount is None:
        yield Violation("amount", "the promotion takes off a percentage")


def _violations(
    promotion: Promotion, sent: Container[str] = ("valid_until",)
) -> Iterator[Violation]:
    currency = promotion.currency
    if unknown := [*currencies.unknown(currency)]:
        yield from unknown
        return
    for name in ("percentage", "amount"):
        value = getattr(promotion, name)
        if value is not None and value <= 0:
            yield Violation(name, "must be more than 0")
    if currency is None:
        if promotion.min_subtotal is not None:
            yield Violation("min_subtotal", "the promotion has no currency")
    else:
        yield from currencies.too_fine(promotion.amount, currency, "amount")
        yield from currencies.too_fine(promotion.min_subtotal, currency, "min_subtotal")
    since, until = promotion.valid_from, promotion.valid_until
    if since and until and until <= since:
        if "valid_until" in sent:
            yield Violation("valid_until", "must be after valid_from")
        else:
            yield Violation("valid_from", "must be before valid_until")
    if promotion.uses_max is not None and promotion.uses_max < promotion.uses:
        yield Violation("uses_max", f"must be {promotion.uses} at least: so many orders have it")
