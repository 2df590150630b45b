"""What staff change about a stock."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from server.kit import errors
from server.order.stock.rules.stock import ON_HAND_MAX, Cause, Change, Kind, Stock, moved, told

CLEARABLE = frozenset({"low_stock_at"})


class StockTooLow(errors.Conflict):
    """More is to be taken than is there and not reserved."""

    reason = "STOCK_TOO_LOW"


class StockTooHigh(errors.Conflict):
    """There would be more than can be counted."""

    reason = "STOCK_TOO_HIGH"


class StockIsOwed(errors.Conflict):
    """Orders hold more than there is."""

    reason = "STOCK_IS_OWED"


@dataclass(frozen=True, slots=True)
class Edit:
    """Fields to set, by name; None clears."""

    fields: Mapping[str, Any]
    etag: str  # empty: whatever the etag is


def adjusted(before: Stock, delta: int, cause: Cause) -> Change:
    """`before` with `delta` more on hand. Raises `StockTooLow` or `StockTooHigh`.

    The first adjustment begins to track a product, unless it was decided before whether it is.
    """
    least = 0 if before.backorders else before.reserved
    if delta < 0 and before.on_hand + delta < least:
        raise StockTooLow(
            f"delta: {max(before.on_hand - least, 0)} can be taken; {before.on_hand} are on hand,"
            f" {before.reserved} of them reserved",
            field="delta",
        )
    if before.on_hand + delta > ON_HAND_MAX:
        raise StockTooHigh(f"delta: at most {ON_HAND_MAX} can be on hand", field="delta")
    change = moved(before, Kind.ADJUSTED, cause, on_hand=delta)
    if before.version:
        return change
    begun = replace(change.stock, tracked=True, version=1)
    return told(before, begun, change.movement, cause)


def check_edit(edit: Edit) -> None:
    """Raises `NothingToUpdate`. Before anything is read."""
    if not edit.fields:
        raise errors.NothingToUpdate("send at least one field to change")


def edited(before: Stock, edit: Edit, cause: Cause) -> Change:
    """`before` after `edit`. Raises `Outdated` or `StockIsOwed`.

    What the stock already has is no change, unless it decides what nobody has decided before.
    """
    errors.Outdated.check(edit.etag, before.etag, "stock")
    after = replace(before, **edit.fields)
    if after == before and before.version:
        return Change(before, None, None)
    if before.backorders and not after.backorders and before.reserved > before.on_hand:
        raise StockIsOwed(
            f"backorders: {before.reserved} are reserved and {before.on_hand} on hand;"
            " adjust the stock first",
            field="backorders",
        )
    after = replace(after, version=before.version + 1, updated_at=cause.at)
    return told(before, after, None, cause)
