"""Personal data between Protobuf and dataclasses. No logic."""

from collections.abc import Sequence
from datetime import datetime

from emporium.analytics.v1 import personal_data_service_pb2 as pb
from emporium.type.v1.personal_data_pb2 import ErasureReceipt, ExportedPart
from server.kit.receipts import Receipt
from server.kit.wire import moment, to_receipt


def from_erase(request: pb.EraseActivityRequest) -> tuple[str, datetime]:
    """Whom to erase, and when the account was deleted. Raises `Invalid` for a date out of range."""
    return request.user_id.lower(), moment(request.erased_at, "erased_at")


def to_erased(receipt: Receipt) -> ErasureReceipt:
    """A receipt on the wire."""
    return to_receipt(receipt)


def to_export(parts: Sequence[ExportedPart]) -> pb.ExportActivityResponse:
    """Parts of an export on the wire."""
    return pb.ExportActivityResponse(parts=parts)
