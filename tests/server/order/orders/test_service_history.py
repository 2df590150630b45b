"""What became of an order, by whom and why, through the gRPC door; and cancelling."""

from datetime import UTC, datetime
from functools import partial

import asyncpg
import pytest
from grpc import StatusCode

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import events_pb2
from emporium.order.v1 import order_service_pb2 as pb
from server.kit.postgres import Pool
from server.order.orders.rules import cancelled
from server.order.orders.store.orders import PostgresOrderStore
from tests.server.order.doors import MISSING, Door, cancel, get, history, item, order_of, update
from tests.server.order.samples import act, placed
from tests.server.refusals import refused

Kind = pb.OrderMove.Actor.Kind
WORDS = "Found it cheaper.\nSorry!"


async def moves(door: Door, order: pb.Order) -> list[pb.OrderMove]:
    answer = await door("ListOrderHistory", history(order))
    assert answer.meta.total == len(answer.moves)
    return [*answer.moves]


async def test_a_history_tells_each_move_with_who_when_and_why(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    began = datetime.now(UTC)
    order = await ann("CreateOrder", order_of(item(mug)))
    paid = await staff("UpdateOrder", update(order, status=pb.Order.PAID))
    placed_, moved = await moves(staff, order)
    assert (placed_.HasField("from_status"), placed_.to_status) == (False, pb.Order.PENDING)
    assert (placed_.actor.kind, placed_.actor.user_id) == (Kind.BUYER, ann.user_id)
    assert (moved.from_status, moved.to_status) == (pb.Order.PENDING, pb.Order.PAID)
    assert (moved.actor.kind, moved.actor.user_id) == (Kind.STAFF, staff.user_id)
    assert (placed_.occurred_at, moved.occurred_at) == (order.created_at, paid.updated_at)
    assert began <= placed_.occurred_at.ToDatetime(UTC) < moved.occurred_at.ToDatetime(UTC)


async def test_who_of_staff_it_was_is_told_to_staff_alone(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await staff("CreateOrder", order_of(item(mug), user_id=ann.user_id))
    await staff("CancelOrder", cancel(order, reason=WORDS))
    for door, name in ((ann, ""), (staff, staff.user_id)):
        told = await moves(door, order)
        assert [(each.actor.kind, each.actor.user_id) for each in told] == [(Kind.STAFF, name)] * 2
        assert [each.reason for each in told] == ["", WORDS]


async def test_an_edit_is_no_move(ann: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    await ann("UpdateOrder", update(order, shipping_address={"country_code": "GB", **ADDRESS}))
    assert len(await moves(ann, order)) == 1


ADDRESS = {
    "recipient": "Ann",
    "street": "1 High Street",
    "city": "Leeds",
    "postal_code": "LS1 1AA",
}


async def test_a_history_is_had_in_pages_from_either_end(
    staff: Door, mug: catalog_pb.Product
) -> None:
    order = await staff("CreateOrder", order_of(item(mug)))
    for status in (pb.Order.PAID, pb.Order.SHIPPED, pb.Order.DELIVERED, pb.Order.REFUNDED):
        order = await staff("UpdateOrder", update(order, status=status))
    whole = [each.to_status for each in await moves(staff, order)]
    assert whole == [1, 2, 3, 4, 6]
    for sort, expected in (("", whole), ("occurred_at:desc", whole[::-1])):
        seen: list[int] = []
        token = ""
        while len(seen) < 5:
            asked = history(order, per_page=2, page_token=token, sort=sort)
            page = await staff("ListOrderHistory", asked)
            seen += [each.to_status for each in page.moves]
            token = page.meta.next_page_token
        assert (seen, token) == (expected, "")


async def test_a_token_goes_on_in_the_history_that_it_is_of(
    staff: Door, mug: catalog_pb.Product
) -> None:
    first, other = [await staff("CreateOrder", order_of(item(mug))) for _ in range(2)]
    await staff("CancelOrder", cancel(first))
    page = await staff("ListOrderHistory", history(first, per_page=1))
    strange = history(other, per_page=1, page_token=page.meta.next_page_token)
    assert (await refused(staff("ListOrderHistory", strange))).reason == "INVALID_PAGE_TOKEN"


async def test_a_foreign_order_and_a_missing_one_get_the_same_answer(
    ann: Door, bob: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    for name, request in (
        ("ListOrderHistory", pb.ListOrderHistoryRequest),
        ("CancelOrder", pb.CancelOrderRequest),
        ("CancelOrder", partial(pb.CancelOrderRequest, request_id="a-key")),
    ):
        answers = [await refused(bob(name, request(order_id=each))) for each in (order.id, MISSING)]
        assert {each.code for each in answers} == {StatusCode.NOT_FOUND}
        assert {each.reason for each in answers} == {"ORDER_NOT_FOUND"}
    assert await ann("GetOrder", get(order)) == order


async def test_a_buyer_cancels_while_the_order_is_pending_and_says_why(
    ann: Door, order_pool: Pool, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    answer = await ann("CancelOrder", cancel(order, reason=WORDS, etag=order.etag))
    assert answer.status == pb.Order.CANCELLED
    assert answer == await ann("GetOrder", get(order))
    assert [each.reason for each in await moves(ann, order)] == ["", WORDS]
    told = await order_pool.fetchval(
        "SELECT payload FROM outbox WHERE aggregate_id = $1 AND event_type LIKE '%Cancelled'",
        order.id,
    )
    event = events_pb2.OrderCancelled.FromString(told)
    assert (event.order, event.reason) == (answer, WORDS)


async def test_an_order_that_is_cancelled_keeps_its_first_reason(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    first = await ann("CancelOrder", cancel(order, reason=WORDS))
    assert await staff("CancelOrder", cancel(order, reason="Another")) == first
    assert [each.reason for each in await moves(ann, order)] == ["", WORDS]


async def test_what_was_paid_is_not_cancelled_by_anybody(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    paid = await staff("UpdateOrder", update(order, status=pb.Order.PAID))
    for door in (ann, staff):
        late = await refused(door("CancelOrder", cancel(order)))
        assert (late.code, late.reason) == (StatusCode.FAILED_PRECONDITION, "ILLEGAL_STATUS_MOVE")
    assert await ann("GetOrder", get(order)) == paid


async def test_a_cancel_is_refused_when_the_order_has_another_etag(
    ann: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    assert (await refused(ann("CancelOrder", cancel(order, etag="7")))).reason == "ETAG_MISMATCH"
    assert len(await moves(ann, order)) == 1


async def test_a_repeat_gets_the_first_answer_and_another_body_is_refused(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    asked = cancel(order, reason=WORDS, etag=order.etag, request_id="once")
    first = await ann("CancelOrder", asked)
    assert await ann("CancelOrder", asked) == first  # the etag is another by now
    asked.reason = "Another"
    assert (await refused(ann("CancelOrder", asked))).reason == "IDEMPOTENCY_KEY_REUSED"
    await staff("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id))
    asked.reason = WORDS
    assert await ann("CancelOrder", asked) == first


async def test_a_move_whose_history_cannot_be_kept_is_not_made(
    orders: PostgresOrderStore,
) -> None:
    given = placed()
    await orders.create(given, None, b"")
    with pytest.raises(asyncpg.CheckViolationError):
        await orders.update(
            given.order.id, None, lambda was: cancelled(was, "", act(reason="x" * 501))
        )
    assert await orders.get(given.order.id, None) == given.order
