"""Moments that must be read back as they were written: MongoDB's own dates have milliseconds."""

from datetime import UTC, datetime, timedelta

from bson.int64 import Int64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> Int64:
    """`moment` as microseconds since 1970; always 64 bits wide, also when it is near to that."""
    return Int64((moment - _EPOCH) // _MICROSECOND)


def from_microseconds(count: int) -> datetime:
    """The UTC moment so many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=count)
