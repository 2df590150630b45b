"""Which transitions an order allows, and their events."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit import errors
from server.order.orders.rules import (
    Actor,
    ActorKind,
    Address,
    Edit,
    EventType,
    Fulfilment,
    Move,
    Order,
    OrderEvent,
    StaffOnlyField,
    Status,
    cancelled,
    check_edit,
    check_move_of_customer,
    deleted,
    edited,
    person,
)
from server.order.orders.rules.changes import OrderNotDeletable, OrderNotPending
from server.order.orders.rules.moving import MOVES, IllegalStatusMove
from tests.server.order.samples import NOW, act, new_id, placed

HOME = Address("Ann Example", "1 High Street", "Leeds", "LS1 1AA", "GB")
ALLOWED = [
    (Status.PENDING, Status.PAID),
    (Status.PENDING, Status.CANCELLED),
    (Status.PAID, Status.SHIPPED),
    (Status.PAID, Status.REFUNDED),
    (Status.SHIPPED, Status.DELIVERED),
    (Status.SHIPPED, Status.REFUNDED),
    (Status.DELIVERED, Status.REFUNDED),
]
FORBIDDEN = [
    (before, after)
    for before in Status
    for after in Status
    if before is not after and (before, after) not in ALLOWED
]


FULFILLED = {Status.SHIPPED, Status.DELIVERED}


def order(status: Status = Status.PENDING) -> Order:
    return replace(placed().order, status=status)


def edit(etag: str = "", **fields: Any) -> Edit:
    return Edit(fields, etag)


@pytest.mark.parametrize(("before", "after"), ALLOWED)
def test_an_allowed_move_is_made_and_told_by_the_name_of_its_status(
    before: Status, after: Status
) -> None:
    was, event_id = order(before), new_id()
    now, event = edited(was, edit(status=after), act(event_id, traceparent="trace"))
    captured = was.total_price if after is Status.PAID else was.captured
    expected = replace(was, status=after, updated_at=NOW, version=2, captured=captured)
    if after in FULFILLED:
        expected = replace(expected, fulfilment_status=Fulfilment(after))
    if after is Status.SHIPPED:
        items = tuple(replace(item, shipped=item.quantity) for item in was.items)
        expected = replace(expected, items=items)
    assert now == expected
    move = Move(before, after, act().actor)
    told = OrderEvent(event_id, EventType(after), now, 2, NOW, "trace", move)
    told = replace(told, restocks=after is Status.REFUNDED)
    assert event
    assert replace(event, shipment=None) == told
    assert (event.shipment is not None) == (after is Status.SHIPPED)


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_every_other_move_is_refused(before: Status, after: Status) -> None:
    with pytest.raises(IllegalStatusMove) as raised:
        edited(order(before), edit(status=after), act())
    assert raised.value.message == f"{before} cannot become {after}"


@pytest.mark.parametrize("status", Status)
def test_the_status_that_an_order_has_is_no_move(status: Status) -> None:
    was = order(status)
    assert edited(was, edit(status=status), act()) == (was, None)


def test_the_address_can_be_sent_with_the_status_that_the_order_has() -> None:
    now, event = edited(order(), edit(status=Status.PENDING, shipping_address=HOME), act())
    assert (now.shipping_address, now.version) == (HOME, 2)
    assert event is not None
    assert (event.type, event.version) == (EventType.UPDATED, 2)


def test_the_table_of_moves_knows_every_status() -> None:
    assert MOVES.keys() == set(Status)


def test_the_address_can_be_set_and_cleared_while_the_order_is_pending() -> None:
    was = order()
    moved, event = edited(was, edit(shipping_address=HOME), act())
    assert moved.shipping_address == HOME
    assert event is not None
    assert (event.type, event.order, event.version) == (EventType.UPDATED, moved, 2)
    cleared, _ = edited(moved, edit(shipping_address=None), act())
    assert (cleared.shipping_address, cleared.version) == (None, 3)


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.PENDING])
def test_the_address_stays_once_the_order_is_not_pending(status: Status) -> None:
    with pytest.raises(OrderNotPending):
        edited(order(status), edit(shipping_address=HOME), act())


def test_address_and_status_can_change_together() -> None:
    now, event = edited(order(), edit(shipping_address=HOME, status=Status.PAID), act())
    assert (now.shipping_address, now.status) == (HOME, Status.PAID)
    assert event is not None
    assert (event.type, event.order) == (EventType.PAID, now)


@pytest.mark.parametrize("status", Status)
def test_customers_may_only_cancel(status: Status) -> None:
    with nullcontext() if status is Status.CANCELLED else pytest.raises(StaffOnlyField):
        check_move_of_customer(edit(status=status))


@pytest.mark.parametrize("status", Status)
def test_what_an_order_is_already_customers_may_say(status: Status) -> None:
    check_move_of_customer(edit(status=status), order(status))
    other = Status.PAID if status is Status.PENDING else Status.PENDING
    with pytest.raises(StaffOnlyField):
        check_move_of_customer(edit(status=other), order(status))


def test_an_edit_without_fields_is_refused() -> None:
    with pytest.raises(errors.NothingToUpdate):
        check_edit(edit())


@pytest.mark.parametrize("status", Status)
def test_only_pending_and_cancelled_orders_can_be_deleted(status: Status) -> None:
    if status in {Status.PENDING, Status.CANCELLED}:
        was, event_id = order(status), new_id()
        event = deleted(was, "", act(event_id, traceparent="trace"))
        assert event == OrderEvent(event_id, EventType.DELETED, was, 2, NOW, "trace")
    else:
        with pytest.raises(OrderNotDeletable):
            deleted(order(status), "", act())


def test_an_etag_must_still_be_the_orders() -> None:
    was = order()
    edited(was, edit(etag=was.etag, status=Status.PAID), act())
    deleted(was, was.etag, act())
    with pytest.raises(errors.Outdated):
        edited(was, edit(etag="0", status=Status.PAID), act())
    with pytest.raises(errors.Outdated):
        deleted(was, "0", act())


EDITS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from([each for each in Status if each is not Status.PENDING]),
        "shipping_address": st.none() | st.just(HOME),
    },
).filter(bool)


@given(st.lists(EDITS, max_size=12))
def test_versions_of_events_leave_none_out_whatever_is_tried(tried: list[dict[str, Any]]) -> None:
    now, event, _ = placed()
    versions = [event.version]
    for fields in tried:
        try:
            after, change = edited(now, Edit(fields, ""), act())
        except errors.Conflict:
            continue
        if change is None:
            assert after == now
        else:
            assert (change.order, change.version) == (after, after.version)
            versions.append(change.version)
        now = after
    if now.status in {Status.PENDING, Status.CANCELLED}:
        versions.append(deleted(now, "", act()).version)
    assert versions == [*range(1, len(versions) + 1)]


@pytest.mark.parametrize("status", Status)
def test_an_order_is_cancelled_as_the_table_of_moves_allows(status: Status) -> None:
    was = order(status)
    if status is Status.PENDING:
        now, event = cancelled(was, was.etag, act(reason="too late"))
        assert now.status is Status.CANCELLED
        assert event is not None
        assert event.move == Move(Status.PENDING, Status.CANCELLED, act().actor, "too late")
    elif status is Status.CANCELLED:
        assert cancelled(was, "", act()) == (was, None)
    else:
        with pytest.raises(IllegalStatusMove):
            cancelled(was, "", act())
    with pytest.raises(errors.Outdated):
        cancelled(was, "0", act())


def test_what_happens_later_is_never_earlier() -> None:
    was = order()
    now, event = edited(was, edit(status=Status.PAID), act(at=NOW - timedelta(seconds=5)))
    assert event is not None
    assert now.updated_at == event.occurred_at == was.updated_at


def test_who_acts_on_an_order_of_their_own_is_its_buyer_whatever_their_role() -> None:
    assert person("ann", "ann") == Actor(ActorKind.BUYER)
    assert person("sue", "ann") == person("sue", None) == Actor(ActorKind.STAFF, "sue")


def test_what_an_order_has_already_is_no_change() -> None:
    before = replace(order(), shipping_address=HOME)
    same = Edit({"shipping_address": HOME, "status": Status.PENDING}, "")
    assert edited(before, same, act()) == (before, None)
