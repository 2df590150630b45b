"""What is held of a person, handed out in parts, each in pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from google.protobuf.struct_pb2 import Struct
from msgspec.structs import asdict

from emporium.type.v1.personal_data_pb2 import ExportedPart
from server.kit import errors
from server.kit.turns import in_turns
from server.kit.wire import money

# These two stand in the contract, at `emporium.type.v1.ExportedPart`.
RECORDS_MAX = 500  # on one page
BYTES_MAX = 1_000_000  # of their messages, or one record that is larger


@dataclass(frozen=True, slots=True)
class Held:
    """A page of what a store holds of a person.

    Each row stands behind the token that the page after it begins with: an id, for instance.
    """

    rows: Sequence[tuple[str, Any]]  # dataclasses or mappings, `RECORDS_MAX` at most
    count: int  # how many there are in all
    has_more: bool = False  # after these


def check_asked(part: str, page_token: str, names: Sequence[str]) -> None:
    """Raises `InvalidFilter` for a part that is unknown, `InvalidPageToken` for a page of none.

    The page tokens of all parts are ids.
    """
    if part and part not in names:
        raise errors.InvalidFilter(f"must be one of {', '.join(names)}", field="part")
    if page_token and not part:
        raise errors.InvalidPageToken("send the part that it belongs to", field="page_token")
    if page_token and not _is_id(page_token):
        raise no_such_page()


def no_such_page() -> errors.InvalidPageToken:
    """The error of a token that leads nowhere."""
    return errors.InvalidPageToken("start again without it", field="page_token")


def _is_id(text: str) -> bool:
    """Whether it is one as we write them: `UUID` reads others too."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


async def to_part(name: str, held: Held) -> ExportedPart:
    """As many of the rows as a page may hold, on the wire."""
    part = ExportedPart(name=name, record_count=held.count)
    records = await in_turns(held.rows, lambda row: to_record(row[1]), _weight)
    size, shown = 0, 0
    for record in records:
        size += record.ByteSize()
        if shown and size > BYTES_MAX:
            break
        part.records.append(record)
        shown += 1
    part.truncated = held.has_more or shown < len(records)
    if part.truncated:
        part.next_page_token = held.rows[shown - 1][0]
    return part


def to_record(row: Any) -> Struct:
    """A dataclass, struct or mapping as an object of JSON, without what is absent or secret."""
    record = Struct()
    record.update(_plain(row))
    return record


def _plain(value: Any, currency: str = "") -> Any:
    """Values as JSON has them in the contract: moments in RFC 3339, amounts as decimal strings.

    Amounts are in the currency of what they stand in.
    """
    if isinstance(value, msgspec.Struct):
        value = asdict(value)
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        currency = value.get("currency") or currency
        return {
            name: _plain(member, currency)
            for name, member in value.items()
            if member is not None and not isinstance(member, bytes)
        }
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return money(value, currency)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, list | tuple):
        return [_plain(each, currency) for each in value]
    return value


def _weight(row: tuple[str, Any]) -> int:
    """About how many small things a row is: each line of an order is some."""
    thing = row[1]
    lines = () if isinstance(thing, Mapping) else getattr(thing, "items", ())
    return 5 + 3 * len(lines)
