"""Exports and erasures on the wire. No logic."""

from datetime import datetime

from emporium.user.v1 import personal_data_service_pb2 as pb
from server.kit.wire import timestamp, to_receipt
from server.user.personal_data.collecting import Export
from server.user.personal_data.rules import Erasure


def to_export(user_id: str, now: datetime, export: Export) -> pb.ExportUserResponse:
    """An export on the wire."""
    return pb.ExportUserResponse(
        user_id=user_id,
        exported_at=timestamp(now),
        parts=export.parts,
        missing=[
            pb.MissingPart(name=name, reason=reason) for name, reason in export.missing.items()
        ],
    )


def to_erasure(erasure: Erasure) -> pb.Erasure:
    """An erasure on the wire."""
    return pb.Erasure(
        user_id=erasure.user_id,
        erased_at=timestamp(erasure.erased_at),
        complete=erasure.is_complete,
        receipts=[to_receipt(receipt) for receipt in erasure.receipts],
    )
