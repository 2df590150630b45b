"""Lists of orders through the gRPC door: whose, which, in which order."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as pb
from server.order.neighbours import Buyer
from tests.server.order.conftest import FakeUsers
from tests.server.order.doors import (
    MISSING,
    Door,
    get,
    item,
    order_of,
    update,
)
from tests.server.refusals import refused


async def test_customers_list_their_own_orders_and_staff_all(
    ann: Door, bob: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    made = [await ann("CreateOrder", order_of(item(mug, n))) for n in (1, 2, 3)]
    await bob("CreateOrder", order_of(item(mug)))

    listed = await ann("ListOrders", pb.ListOrdersRequest(per_page=2))
    assert [order.id for order in listed.orders] == [made[2].id, made[1].id]
    assert (listed.meta.total, listed.meta.page, listed.meta.per_page) == (3, 1, 2)
    token = listed.meta.next_page_token
    rest = await ann("ListOrders", pb.ListOrdersRequest(per_page=2, page_token=token))
    assert ([order.id for order in rest.orders], rest.meta.next_page_token) == ([made[0].id], "")

    cheapest = pb.ListUserOrdersRequest(user_id=ann.user_id, sort="total_price:asc", page=2)
    cheapest.per_page = 1
    found = await staff("ListUserOrders", cheapest)
    assert [order.id for order in found.orders] == [made[1].id]
    assert (await staff("ListOrders", pb.ListOrdersRequest())).meta.total >= 4


async def test_lists_show_the_first_lines_of_an_order_and_say_how_many_there_are(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    lines = [item(mug, quantity) for quantity in range(1, 1_001)]
    made = await ann("CreateOrder", order_of(*lines))
    assert (len(made.items), made.item_count) == (1_000, 1_000)
    short = await ann("CreateOrder", order_of(*lines[:20]))

    mine = (await ann("ListOrders", pb.ListOrdersRequest())).orders
    request = pb.ListUserOrdersRequest(user_id=ann.user_id)
    assert list(mine) == list((await staff("ListUserOrders", request)).orders)
    assert [(len(each.items), each.item_count) for each in mine] == [(20, 20), (20, 1_000)]
    assert [each.quantity for each in mine[1].items] == [*range(1, 21)]
    assert mine[0] == short
    assert mine[1].total_price == made.total_price

    assert await ann("GetOrder", get(made)) == made
    changed = await ann("UpdateOrder", update(made, status=pb.Order.CANCELLED))
    assert (len(changed.items), changed.item_count) == (1_000, 1_000)


async def test_a_users_orders_are_for_the_user_and_staff(ann: Door, bob: Door, staff: Door) -> None:
    foreign = await refused(bob("ListUserOrders", pb.ListUserOrdersRequest(user_id=ann.user_id)))
    assert (foreign.code, foreign.reason) == (StatusCode.NOT_FOUND, "USER_NOT_FOUND")
    nobody = await staff("ListUserOrders", pb.ListUserOrdersRequest(user_id=MISSING))
    assert (len(nobody.orders), nobody.meta.total) == (0, 0)


async def test_lists_are_filtered_by_status_and_date(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    today = datetime.now(UTC).date()
    order = await ann("CreateOrder", order_of(item(mug)))

    async def count(**filters: Any) -> int:
        return int((await ann("ListOrders", pb.ListOrdersRequest(**filters))).meta.total)

    assert await count(status="Pending") == 1
    assert await count(status="paid") == 0
    assert await count(placed_after=str(today)) == 1
    assert await count(placed_before=str(today)) == 0
    assert await count(placed_before=f"{today + timedelta(days=1)}T00:00:00Z") == 1
    await staff("UpdateOrder", update(order, status=pb.Order.PAID))
    assert await count(status="PAID") == 1


@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_orders_of_the_first_moment_that_there_is_are_read_and_listed_like_others(
    staff: Door, mug: catalog_pb.Product, direction: str
) -> None:
    buyer, first = str(uuid.uuid4()), "0001-01-01T00:00:00Z"
    moment = Timestamp()
    moment.FromJsonString(first)
    asked = order_of(item(mug), user_id=buyer, order_date=moment)
    made = [await staff("CreateOrder", asked) for _ in range(3)]
    assert {order.order_date.ToJsonString() for order in made} == {first}

    async def listed(**fields: Any) -> list[pb.Order]:
        found: list[pb.Order] = []
        token = ""
        for _ in made:  # there are not more pages than orders
            request = pb.ListUserOrdersRequest(user_id=buyer, page_token=token, **fields)
            answer = await staff("ListUserOrders", request)
            found += answer.orders
            token = answer.meta.next_page_token
            if not token:
                break
        assert not token
        return found

    found = await listed(sort=f"order_date:{direction}", per_page=1)
    assert sorted(order.id for order in found) == sorted(order.id for order in made)
    assert len(await listed(placed_after=first)) == len(made)
    assert await listed(placed_before=first) == []
    changed = await staff("UpdateOrder", update(made[0], status=pb.Order.PAID))
    assert await staff("GetOrder", get(changed)) == changed
    assert changed.order_date == moment
    gone = await staff("UpdateOrder", update(made[1], status=pb.Order.CANCELLED))
    assert await staff("GetOrder", get(gone)) == gone


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"status": "lost"}, "INVALID_FILTER", "status"),
        ({"placed_after": "yesterday"}, "INVALID_FILTER", "placed_after"),
        ({"sort": "user_id:asc"}, "UNKNOWN_SORT_FIELD", "sort"),
        ({"page_token": "forged"}, "INVALID_PAGE_TOKEN", "page_token"),
        ({"per_page": 101}, "VALIDATION_FAILED", "per_page"),
        ({"per_page": 0}, "VALIDATION_FAILED", "per_page"),
        ({"page": 0}, "VALIDATION_FAILED", "page"),
    ],
)
async def test_a_list_that_cannot_be_is_refused(
    ann: Door, fields: dict[str, Any], reason: str, field: str
) -> None:
    found = await refused(ann("ListOrders", pb.ListOrdersRequest(**fields)))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, reason)
    assert found.fields == [field]


@pytest.mark.parametrize("status", [0, 7, -1, 2**31 - 1, -(2**31)])
async def test_a_status_that_is_none_is_refused_with_all_there_are(
    staff: Door, mug: catalog_pb.Product, status: Any
) -> None:
    order = await staff("CreateOrder", order_of(item(mug)))
    found = await refused(staff("UpdateOrder", update(order, status=status)))
    names = "must be one of PENDING, PAID, SHIPPED, DELIVERED, CANCELLED, REFUNDED"
    assert (found.reason, found.violations) == ("VALIDATION_FAILED", {"status": names})
    listed = await refused(staff("ListOrders", pb.ListOrdersRequest(status="piad")))
    assert (listed.reason, listed.message) == ("INVALID_FILTER", f"status: {names}")


async def test_customers_may_name_themselves_and_staff_anybody(
    ann: Door, bob: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    request = pb.ListOrdersRequest(user_id=ann.user_id.upper())
    for door in (ann, staff):
        assert [each.id for each in (await door("ListOrders", request)).orders] == [order.id]
    found = await refused(bob("ListOrders", request))
    assert (found.code, found.reason) == (StatusCode.PERMISSION_DENIED, "STAFF_ONLY_FIELD")
    assert found.fields == ["user_id"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"min_total": "1.00"}, ["currency"]),
        ({"max_total": "1.00"}, ["currency"]),
        ({"min_total": "2.01", "max_total": "2", "currency": "GBP"}, ["max_total"]),
        ({"created_after": "yesterday"}, ["created_after"]),
        ({"created_before": "2024-13-01"}, ["created_before"]),
        ({"min_total": "1.001", "currency": "GBP"}, ["min_total"]),
        ({"currency": "gbp"}, ["currency"]),
        ({"expand": "payments"}, ["expand"]),
    ],
)
async def test_a_filter_that_says_nothing_is_named(
    ann: Door, fields: dict[str, Any], named: list[str]
) -> None:
    for request in (
        pb.ListOrdersRequest(**fields),
        pb.ListUserOrdersRequest(user_id=ann.user_id, **fields),
    ):
        name = type(request).__name__.removesuffix("Request")
        found = await refused(ann(name, request))
        assert (found.code, found.fields) == (StatusCode.INVALID_ARGUMENT, named)


async def test_orders_are_found_by_their_totals_in_one_currency(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    def custom(price: str, currency: str) -> pb.CreateOrderRequest:
        line = pb.NewOrderItem(product_name="Lamp", unit_price=price, quantity=1)
        return order_of(line, user_id=ann.user_id, currency=currency)

    prices = [("1.00", "GBP"), ("2.00", "GBP"), ("2.00", "EUR"), ("3.00", "GBP")]
    made = [await staff("CreateOrder", custom(*each)) for each in prices]

    async def listed(**fields: Any) -> list[int]:
        request = pb.ListOrdersRequest(sort="total_price:asc", **fields)
        ids = [order.id for order in made]
        return [ids.index(each.id) for each in (await ann("ListOrders", request)).orders]

    assert await listed(currency="GBP") == [0, 1, 3]
    assert await listed(currency="GBP", min_total="2") == [1, 3]
    assert await listed(currency="GBP", max_total="2.00") == [0, 1]
    assert await listed(currency="EUR", min_total="2.00", max_total="2.00") == [2]
    assert await listed(currency="EUR", status="paid") == []
    later = made[2].created_at.ToDatetime(UTC).isoformat()
    assert await listed(created_after=later) == [2, 3]
    assert await listed(created_before=later) == [0, 1]


async def test_a_list_embeds_the_persons_by_one_call(
    ann: Door, bob: Door, staff: Door, users: FakeUsers, mug: catalog_pb.Product
) -> None:
    first, *_ = [await door("CreateOrder", order_of(item(mug))) for door in (bob, ann, ann)]
    users.buyers[ann.user_id] = Buyer(ann.user_id, "ann@example.com", "Ann Example")
    began = first.created_at.ToDatetime(UTC)
    request = pb.ListOrdersRequest(expand="user", sort="created_at:asc")
    request.created_after = began.isoformat()
    request.created_before = (began + timedelta(hours=1)).isoformat()
    orders = (await staff("ListOrders", request)).orders
    assert users.calls == 1
    # Bob's account was deleted a moment ago.
    assert [each.user.full_name for each in orders] == ["", "Ann Example", "Ann Example"]
    assert [each.HasField("user") for each in orders] == [False, True, True]
    assert not any(each.user_unavailable for each in orders)
    assert not any(each.HasField("user") for each in (await ann("ListOrders", EVERY)).orders)
    assert users.calls == 1


EVERY = pb.ListOrdersRequest()


async def test_without_the_user_service_orders_come_without_the_person_and_say_so(
    ann: Door, users: FakeUsers, mug: catalog_pb.Product
) -> None:
    made = await ann("CreateOrder", order_of(item(mug)))
    users.is_away = True
    order = await ann("GetOrder", pb.GetOrderRequest(order_id=made.id, expand="user"))
    assert (order.user_unavailable, order.HasField("user")) == (True, False)
    order.user_unavailable = False
    assert order == made
    listed = pb.ListUserOrdersRequest(user_id=ann.user_id, expand="user")
    [order] = (await ann("ListUserOrders", listed)).orders
    assert order.user_unavailable


async def test_a_customer_sees_who_placed_their_own_orders_and_nobody_else(
    ann: Door, bob: Door, users: FakeUsers, mug: catalog_pb.Product
) -> None:
    made = await ann("CreateOrder", order_of(item(mug)))
    users.buyers[ann.user_id] = Buyer(ann.user_id, "ann@example.com", "Ann Example")
    request = pb.GetOrderRequest(order_id=made.id, expand="user")
    assert (await ann("GetOrder", request)).user.email == "ann@example.com"
    assert (await refused(bob("GetOrder", request))).reason == "ORDER_NOT_FOUND"
    assert users.calls == 1
