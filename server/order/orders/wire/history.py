"""What became of orders, and the notes on them, on the wire."""

from emporium.order.v1 import order_service_pb2 as pb
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import timestamp
from server.order.orders.rules import Actor, ActorKind, Note, PastMove, Status

_STATUSES = {Status(name): number for name, number in pb.Order.Status.items() if number}


def to_history(
    query: PageQuery, page: Page[PastMove], buyer_id: str | None, *, for_staff: bool
) -> pb.ListOrderHistoryResponse:
    """A page of an order's history on the wire; who of staff has acted is told to staff alone."""
    moves = [_to_move(move, buyer_id, for_staff=for_staff) for move in page.rows]
    return pb.ListOrderHistoryResponse(moves=moves, meta=page_meta(query, page))


def to_note(note: Note, buyer_id: str | None, *, for_staff: bool) -> pb.OrderNote:
    """A note on the wire; who of staff has written it is told to staff alone."""
    return pb.OrderNote(
        id=note.id,
        order_id=note.order_id,
        author=to_actor(note.author, buyer_id, for_staff=for_staff),
        text=note.text,
        visible_to_buyer=not note.is_internal,
        created_at=timestamp(note.created_at),
    )


def to_notes(
    query: PageQuery, page: Page[Note], buyer_id: str | None, *, for_staff: bool
) -> pb.ListOrderNotesResponse:
    """A page of the notes on an order, on the wire."""
    notes = [to_note(note, buyer_id, for_staff=for_staff) for note in page.rows]
    return pb.ListOrderNotesResponse(notes=notes, meta=page_meta(query, page))


def _to_move(move: PastMove, buyer_id: str | None, *, for_staff: bool) -> pb.OrderMove:
    return pb.OrderMove(
        id=move.id,
        from_status=_STATUSES[move.before] if move.before else None,
        to_status=_STATUSES[move.after],
        actor=to_actor(move.actor, buyer_id, for_staff=for_staff) if move.actor else None,
        reason=move.reason,
        occurred_at=timestamp(move.occurred_at),
    )


def to_actor(actor: Actor, buyer_id: str | None, *, for_staff: bool) -> pb.OrderMove.Actor:
    """Who has acted, on the wire; who of staff it was is told to staff alone."""
    told = pb.OrderMove.Actor(kind=pb.OrderMove.Actor.Kind.Value(actor.kind))
    if actor.kind is ActorKind.BUYER:
        told.user_id = buyer_id or ""
    elif actor.kind is ActorKind.STAFF:
        told.user_id = (actor.name or "") if for_staff else ""
    else:
        told.name = actor.name or ""
    return told
