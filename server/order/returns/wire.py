"""Returns between Protobuf and dataclasses."""

from decimal import Decimal

from emporium.order.v1 import return_service_pb2 as pb
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import money, timestamp
from server.order.orders.wire import to_actor
from server.order.returns.rules import (
    Edit,
    Judged,
    Line,
    ListedReturn,
    Move,
    NewReturn,
    Part,
    Reason,
    Return,
    Status,
)

_STATUSES = {Status(name): number for name, number in pb.Return.Status.items() if number}
_STATUSES_BY_NUMBER = {number: status for status, number in _STATUSES.items()}
_REASONS = {Reason(name): number for name, number in pb.Return.Reason.items() if number}
_REASONS_BY_NUMBER = {number: reason for reason, number in _REASONS.items()}


def to_return(returned: Return, *, for_staff: bool) -> pb.Return:
    """A return with its history, on the wire; who of staff has moved it is told to staff alone."""
    message = to_told(returned)
    message.history.extend(
        _to_move(move, returned.user_id, for_staff=for_staff) for move in returned.history
    )
    return message


def to_told(returned: Return) -> pb.Return:
    """A return without its history, on the wire."""
    currency = returned.currency
    return pb.Return(
        id=returned.id,
        order_id=returned.order_id,
        status=_STATUSES[returned.status],
        items=[_to_item(line, currency) for line in returned.items],
        item_count=len(returned.items),
        reason=_REASONS[returned.reason],
        comment=returned.comment,
        currency=currency,
        refundable=money(returned.refundable, currency),
        refunded=money(returned.refunded, currency),
        refund_in_progress=bool(returned.open_refunds),
        created_at=timestamp(returned.created_at),
        updated_at=timestamp(returned.updated_at),
        etag=returned.etag,
    )


def to_list(query: PageQuery, page: Page[ListedReturn]) -> pb.ListReturnsResponse:
    """A page of returns on the wire."""
    return pb.ListReturnsResponse(
        returns=[_to_listed(listed) for listed in page.rows], meta=page_meta(query, page)
    )


def from_create(request: pb.CreateReturnRequest, return_id: str) -> NewReturn:
    """The return that the caller asks for."""
    return NewReturn(
        id=return_id,
        parts=tuple(Part(each.position, each.quantity) for each in request.items),
        reason=_REASONS_BY_NUMBER[request.reason],
        comment=request.comment,
    )


def from_update(request: pb.UpdateReturnRequest) -> Edit:
    """The move that the caller asks for."""
    return Edit(
        status=_STATUSES_BY_NUMBER[request.status],
        etag=request.etag,
        judged=tuple(_from_judged(each) for each in request.items),
        restock=request.restock if request.HasField("restock") else None,
        refund_amount=Decimal(request.refund_amount) if request.HasField("refund_amount") else None,
    )


def _from_judged(item: pb.JudgedItem) -> Judged:
    restock = item.restock if item.HasField("restock") else None
    return Judged(item.position, item.accepted_quantity, item.refused_quantity, restock)


def _to_listed(listed: ListedReturn) -> pb.Return:
    message = to_told(listed.returned)
    message.item_count = listed.item_count
    return message


def _to_item(line: Line, currency: str) -> pb.ReturnItem:
    return pb.ReturnItem(
        position=line.position,
        quantity=line.quantity,
        accepted_quantity=line.accepted,
        refused_quantity=line.refused,
        restocked_quantity=line.restocked,
        refundable=money(line.refundable, currency),
    )


def _to_move(move: Move, buyer_id: str | None, *, for_staff: bool) -> pb.ReturnMove:
    return pb.ReturnMove(
        id=move.id,
        from_status=_STATUSES[move.before] if move.before else None,
        to_status=_STATUSES[move.after],
        actor=to_actor(move.actor, buyer_id, for_staff=for_staff),
        reason=move.reason,
        occurred_at=timestamp(move.occurred_at),
    )
