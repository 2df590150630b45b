"""Asking for a return, and its moves that are no more than that."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from server.kit import errors
from server.kit.errors import Violation
from server.order.orders.rules import Act, Order, StaffOnlyField, check_texts
from server.order.orders.rules import Status as OrderStatus
from server.order.returns.rules.returns import (
    RETURNS_MAX,
    Edit,
    EventType,
    ExceedsShipped,
    IllegalReturnMove,
    Line,
    Move,
    NewReturn,
    NotReturnable,
    Part,
    Return,
    ReturnChanged,
    ReturnEvent,
    ReturnTooLate,
    Sent,
    Status,
    TooManyReturns,
    stamped,
)

MOVES: Mapping[Status, frozenset[Status]] = {
    Status.REQUESTED: frozenset(
        {Status.APPROVED, Status.RECEIVED, Status.REJECTED, Status.CANCELLED}
    ),
    Status.APPROVED: frozenset({Status.RECEIVED, Status.REJECTED, Status.CANCELLED}),
    Status.RECEIVED: frozenset({Status.REFUNDED, Status.REJECTED}),
    Status.REFUNDED: frozenset(),
    Status.REJECTED: frozenset(),
    Status.CANCELLED: frozenset(),
}

MOVES_OF_BUYERS = frozenset({Status.CANCELLED})

# To these staff take something back that was sent; a refund may have come before.
_SENT = frozenset(
    {OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.REFUNDED}
)


def requested(
    order: Order, new: NewReturn, sent: Sent, act: Act, within: timedelta, *, by_staff: bool
) -> ReturnChanged:
    """A new return of `order`; a buyer's has to come `within` that time of its delivery.

    Raises `NotReturnable`, `ReturnTooLate`, `TooManyReturns`, `ExceedsShipped`, `OrderAnonymous`
    for a comment, and `Invalid` for lines that are not there or named twice.
    """
    _check_order(order, sent, act.at, within, by_staff=by_staff)
    check_texts(order.user_id, {"comment": new.comment})
    if sent.returns >= RETURNS_MAX:
        raise TooManyReturns(f"an order may have {RETURNS_MAX} returns")
    parts = new.parts or [Part(at, count) for at, count in sorted(sent.left.items())]
    errors.Invalid.check(misnamed([each.position for each in parts], len(order.items), "order"))
    _check_left(parts, sent.left)
    at = max(act.at, order.updated_at)
    returned = Return(
        id=new.id,
        order_id=order.id,
        user_id=order.user_id,
        status=Status.REQUESTED,
        items=tuple(Line(*part) for part in sorted(parts)),
        reason=new.reason,
        comment=new.comment,
        currency=order.currency,
        refundable=Decimal(0),
        refunded=Decimal(0),
        open_refunds=0,
        asked=Decimal(0),
        history=(Move(act.event_id, None, Status.REQUESTED, act.actor, "", at),),
        created_at=at,
        updated_at=at,
        version=1,
    )
    event = ReturnEvent(act.event_id, EventType.REQUESTED, returned, at, act.traceparent)
    return ReturnChanged(returned, event)


def check_edit(edit: Edit) -> None:
    """Raises `Invalid` for what does not go with the status. Before anything is read."""
    if edit.status is not Status.RECEIVED:
        for field, value in (("items", edit.judged or None), ("restock", edit.restock)):
            if value is not None:
                raise errors.Invalid("goes with the status RECEIVED", field=field)
    if edit.refund_amount is not None and edit.status is not Status.REFUNDED:
        raise errors.Invalid("goes with the status REFUNDED", field="refund_amount")


def check_staff(edit: Edit) -> None:
    """Raises `StaffOnlyField` for what a buyer must not ask for."""
    if edit.status not in MOVES_OF_BUYERS:
        raise StaffOnlyField("status: buyers may only cancel", field="status")


def moved(returned: Return, edit: Edit, act: Act) -> ReturnChanged:
    """`returned` APPROVED, REJECTED or CANCELLED. Raises `IllegalReturnMove`."""
    if edit.status is Status.REJECTED and any(line.accepted for line in returned.items):
        raise IllegalReturnMove(
            "some of it was accepted; REFUNDED ends it, with a refund_amount of 0 if need be",
            field="status",
        )
    return stamped(returned, act, edit.status)


def check_move(returned: Return, edit: Edit, act: Act) -> bool:
    """Whether `edit` moves `returned`, which may be there already.

    Raises `Outdated`, `IllegalReturnMove`, and `OrderAnonymous` for a reason.
    """
    errors.Outdated.check(edit.etag, returned.etag, "return")
    if returned.status is edit.status:
        return False
    if edit.status not in MOVES[returned.status]:
        raise IllegalReturnMove(f"{returned.status} cannot become {edit.status}", field="status")
    check_texts(returned.user_id, {"reason": act.reason})
    return True


def misnamed(positions: Sequence[int], lines: int, whole: str) -> Iterator[Violation]:
    """The violations of positions that are beyond the lines, or named twice."""
    seen: dict[int, int] = {}
    for index, position in enumerate(positions):
        field = f"items[{index}].position"
        if position > lines:
            yield Violation(field, f"the {whole} has {lines} lines")
        elif seen.setdefault(position, index) != index:
            yield Violation(field, f"items[{seen[position]}] names it already")


def exceeding(short: Sequence[Violation]) -> None:
    """Raises `ExceedsShipped` where anything is `short`."""
    if short:
        more = f", and {len(short) - 1} more items" if len(short) > 1 else ""
        raise ExceedsShipped(f"{short[0].field}: {short[0].description}{more}", violations=short)


def _check_order(
    order: Order, sent: Sent, now: datetime, within: timedelta, *, by_staff: bool
) -> None:
    allowed = _SENT if by_staff else {OrderStatus.DELIVERED}
    if order.status not in allowed:
        raise NotReturnable(f"the order is {order.status}")
    if not sent.left:
        raise NotReturnable("nothing of the order is left to return")
    if by_staff:
        return
    if sent.delivered_at is None or now > sent.delivered_at + within:
        raise ReturnTooLate(f"returns are taken for {within.days} days after delivery")


def _check_left(parts: Sequence[Part], left: Mapping[int, int]) -> None:
    exceeding(
        [
            Violation(
                f"items[{index}].quantity", f"{left.get(at, 0)} left to return of position {at}"
            )
            for index, (at, quantity) in enumerate(parts)
            if quantity > left.get(at, 0)
        ]
    )
