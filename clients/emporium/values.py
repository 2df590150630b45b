"""Python values in the contract's formats."""

from collections.abc import Collection, Container, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

Money: TypeAlias = str | int | Decimal
"""An amount: a decimal string such as `"2.55"`, or an exact number. Never a float.

It may have as many decimals as its currency has: none in JPY, two in GBP, three in KWD.
"""

Moment: TypeAlias = str | date | datetime
"""A moment: `"2024-01-01"` or RFC 3339, a date (its midnight in UTC), or a datetime with a zone."""


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"


UNSET: Final[Literal[Unset.UNSET]] = Unset.UNSET
"""Stands for an argument that was not given, where None means to clear the field."""

Number_co = TypeVar("Number_co", bound=int, covariant=True)


class NumberByName(Protocol[Number_co]):
    """An enum of the contract."""

    def items(self) -> Sequence[tuple[str, Number_co]]:
        """Each name with its number."""


def money(amount: Money) -> str:
    """`amount` as a decimal string. Raises `TypeError` for a float, `ValueError` for NaN."""
    if isinstance(amount, str):
        return amount
    if isinstance(amount, float):
        raise TypeError(f"{amount!r} is a float, which cannot hold money; give str or Decimal")
    exact = Decimal(amount)
    if not exact.is_finite():
        raise ValueError(f"{amount} is no amount of money")
    return format(exact, "f")


def timestamp(moment: datetime | None) -> Timestamp | None:
    """`moment` for a `Timestamp` field. Raises `ValueError` when it has no time zone."""
    if moment is None:
        return None
    since_epoch = _zoned(moment) - _EPOCH
    # Built from its parts in 0.6 us; `Timestamp.FromDatetime` takes 1.9 (AMD EPYC, November 2026).
    return Timestamp(
        seconds=since_epoch.days * 86_400 + since_epoch.seconds,
        nanos=since_epoch.microseconds * 1_000,
    )


def number(enum: NumberByName[Number_co], name: str | Number_co) -> Number_co:
    """The number of `name`, in either case. Raises `ValueError`, with the names that there are."""
    if not isinstance(name, str):
        return name
    numbers = {each: number for each, number in enum.items() if number}
    if name.upper() not in numbers:
        raise ValueError(f"must be one of {', '.join(numbers)}")
    return numbers[name.upper()]


def query(arguments: Mapping[str, Any], *, amounts: Container[str] = ()) -> dict[str, Any]:
    """A list's keyword arguments as the fields of its request; None means left out.

    `amounts` names those that are money.
    """
    return {
        name: money(value) if name in amounts else _query_value(value)
        for name, value in arguments.items()
        if value is not None and name != "timeout_seconds"
    }


def set_mask(
    request: Message, mask: FieldMask, *, cleared: Collection[str], but: Container[str]
) -> None:
    """Makes `mask` name the fields to clear and those that `request` sets.

    `but` are the fields that identify the resource, which are not changed.
    """
    changed = (field.name for field, _ in request.ListFields() if field.name not in but)
    mask.paths.extend([*changed, *cleared])


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _query_value(value: object) -> object:
    if isinstance(value, datetime):
        return _zoned(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value


def _zoned(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment!r} has no time zone; give it one, such as datetime.UTC")
    return moment
