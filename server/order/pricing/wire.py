"""Prices between Protobuf and dataclasses."""

from collections.abc import Sequence
from decimal import Decimal

from emporium.order.v1 import pricing_service_pb2 as pb
from server.kit.wire import money
from server.order.catalog.rules import Break
from server.order.pricing.rules import PriceBreaks


def to_breaks(found: PriceBreaks) -> pb.PriceBreaks:
    """Price breaks on the wire."""
    return pb.PriceBreaks(
        product_id=found.product_id,
        currency=found.currency,
        breaks=[
            pb.PriceBreak(
                min_quantity=each.min_quantity, unit_price=money(each.unit_price, found.currency)
            )
            for each in found.breaks
        ],
        etag=found.etag,
    )


def from_set(request: pb.SetPriceBreaksRequest) -> Sequence[Break]:
    """The breaks that the caller asks for."""
    return tuple(Break(each.min_quantity, Decimal(each.unit_price)) for each in request.breaks)
