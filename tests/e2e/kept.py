"""What of a request comes back in an answer as something else than was sent."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp


def differences(sent: Any, answer: Any) -> list[str]:
    """The fields that both have and that came back as something else."""
    wrong = []
    for field, value in sent.ListFields():
        known = answer.DESCRIPTOR.fields_by_name.get(field.name)
        if known is None or known.type != field.type or field.name == "etag":
            continue
        if field.name == "items" and not any(each.ByteSize() for each in value):
            continue  # the transcoder takes `[[]]` for `[]`, which is all that is left to be sent
        found = getattr(answer, field.name)
        if field.name == "items" and hasattr(value[0], "position"):
            names = {*value[0].DESCRIPTOR.fields_by_name} & {*known.message_type.fields_by_name}
            if _told(value, names) != _told(found, names):
                wrong.append(f"items: sent {value!r}, got {found!r}")
        elif as_kept(field.name, value) != as_kept(field.name, found):
            wrong.append(f"{field.name}: sent {value!r}, got {found!r}")
    return wrong


def _told(parts: Any, names: Collection[str]) -> list[Any]:
    """What both have of a line that is sent, or sent back."""
    return [{name: getattr(each, name) for name in names} for each in parts]


def as_kept(name: str, value: Any) -> Any:
    """A value as the contract says that it is kept."""
    if isinstance(value, Timestamp):
        return value.seconds, value.nanos // 1_000
    if name in {"unit_price", "total_price", "percentage", "amount", "min_subtotal", "rate"}:
        return Decimal(value) if value else None
    if name.endswith("id") and isinstance(value, str):
        return value.lower()
    if name in {"items", "zones"}:
        return [_part(each) for each in value]
    if hasattr(value, "items"):
        return dict(value)
    return value


def _part(part: Any) -> Any:
    """A line of an order, or a zone of a shipping method."""
    if hasattr(part, "bands"):
        return [*part.country_codes], [_band(band) for band in part.bands]
    return as_kept("unit_price", part.unit_price), part.product_name, part.quantity


def _band(band: Any) -> tuple[int | None, Decimal]:
    most = band.max_weight_grams if band.HasField("max_weight_grams") else None
    return most, Decimal(band.price)
