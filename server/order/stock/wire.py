"""Stocks between Protobuf and dataclasses."""

from emporium.order.v1 import stock_service_pb2 as pb
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import fields_of_mask, timestamp
from server.order.stock.rules import CLEARABLE, Edit, Kind, Movement, Reason, Stock

_KINDS = {Kind(name): number for name, number in pb.StockMovement.Kind.items() if number}
_REASONS = {Reason(name): number for name, number in pb.StockMovement.Reason.items() if number}
_NO_REASON = pb.StockMovement.REASON_UNSPECIFIED
_REASONS_BY_NUMBER = {number: reason for reason, number in _REASONS.items()}


def to_stock(stock: Stock) -> pb.Stock:
    """A stock on the wire."""
    return pb.Stock(
        product_id=stock.product_id,
        on_hand=stock.on_hand,
        reserved=stock.reserved,
        available=stock.available,
        low_stock_at=stock.low_stock_at,
        tracked=stock.tracked,
        backorders=stock.backorders,
        updated_at=timestamp(stock.updated_at) if stock.updated_at else None,
        etag=stock.etag,
    )


def to_list(query: PageQuery, page: Page[tuple[str, Movement]]) -> pb.ListStockMovementsResponse:
    """A page of movements on the wire."""
    return pb.ListStockMovementsResponse(
        stock_movements=[_to_movement(*row) for row in page.rows], meta=page_meta(query, page)
    )


def from_update(request: pb.UpdateStockRequest) -> Edit:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    present = {
        name: getattr(request, name) if request.HasField(name) else None
        for name in ("tracked", "backorders", "low_stock_at")
    }
    return Edit(fields_of_mask(request.update_mask.paths, present, CLEARABLE), request.etag)


def reason_of(request: pb.AdjustStockRequest) -> Reason:
    """Why a stock is adjusted."""
    return _REASONS_BY_NUMBER[request.reason]


def _to_movement(movement_id: str, movement: Movement) -> pb.StockMovement:
    return pb.StockMovement(
        id=movement_id,
        product_id=movement.product_id,
        number=movement.number,
        kind=_KINDS[movement.kind],
        on_hand_delta=movement.on_hand_delta,
        reserved_delta=movement.reserved_delta,
        on_hand=movement.on_hand,
        reserved=movement.reserved,
        order_id=movement.order_id or "",
        actor_id=movement.actor_id or "",
        reason=_REASONS[movement.reason] if movement.reason else _NO_REASON,
        note=movement.note,
        created_at=timestamp(movement.created_at),
    )
