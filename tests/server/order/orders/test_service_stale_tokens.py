"""Tokens whose account was demoted, disabled or deleted since: the account decides."""

from typing import Any

import grpc
import pytest

from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.context import Role
from server.kit.following import LiveAccounts
from server.kit.postgres import Pool
from server.kit.revocations import Revocations
from server.order.app import registrations
from tests.server.conftest import Serve, Token
from tests.server.order.conftest import FakeAccounts, FakeUsers, Wakes
from tests.server.order.doors import Door, get, item, new_product, order_of, update
from tests.server.refusals import refused
from tests.server.tokens import TOKENS


async def test_an_account_that_is_shut_orders_nothing_and_changes_nothing(
    ann: Door, mug: Product, accounts: FakeAccounts
) -> None:
    order = await ann("CreateOrder", order_of(item(mug), request_id="kept"))
    accounts.roles[ann.user_id] = None
    changes: list[tuple[str, Any]] = [
        ("CreateOrder", order_of(item(mug))),
        ("CreateOrder", order_of(item(mug), request_id="kept")),
        ("UpdateOrder", update(order, status=pb.Order.CANCELLED)),
        ("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id)),
    ]
    for name, request in changes:
        answer = await refused(ann(name, request))
        assert (answer.code, answer.reason) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "ACCOUNT_INACTIVE",
        )
    listed = await ann("ListOrders", pb.ListOrdersRequest())  # his own, by his token's word
    assert [(each.id, each.status) for each in listed.orders] == [(order.id, pb.Order.PENDING)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("GetOrder", "ORDER_NOT_FOUND"),
        ("GetOrderUser", "ORDER_NOT_FOUND"),
        ("UpdateOrder", "ORDER_NOT_FOUND"),
        ("DeleteOrder", "ORDER_NOT_FOUND"),
        ("ListUserOrders", "USER_NOT_FOUND"),
        ("CreateProduct", "PERMISSION_DENIED"),
        ("CreateOrder", "STAFF_ONLY_FIELD"),
    ],
)
async def test_who_is_no_longer_staff_reaches_nothing_of_others(
    ann: Door, staff: Door, mug: Product, accounts: FakeAccounts, name: str, reason: str
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    requests: dict[str, Any] = {
        "GetOrder": get(order),
        "GetOrderUser": pb.GetOrderUserRequest(order_id=order.id),
        "UpdateOrder": update(order, status=pb.Order.CANCELLED),
        "DeleteOrder": pb.DeleteOrderRequest(order_id=order.id),
        "ListUserOrders": pb.ListUserOrdersRequest(user_id=ann.user_id),
        "CreateProduct": new_product(),
        "CreateOrder": order_of(item(mug), user_id=ann.user_id),
    }
    accounts.roles[staff.user_id] = Role.CUSTOMER
    assert (await refused(staff(name, requests[name]))).reason == reason
    assert (await ann("GetOrder", get(order))).status == pb.Order.PENDING


async def test_orders_wait_when_the_user_service_was_not_heard_for_5_seconds(
    order_pool: Pool, shared_users: FakeUsers, wakes: Wakes, serve: Serve, ann: Door, token: Token
) -> None:
    now = 1_000.0
    revocations = Revocations(lambda: now)
    accounts = LiveAccounts(revocations, lambda: now)
    services = registrations(order_pool, shared_users, wakes, "GBP", TOKENS)
    product = await Door(ann.channel, token("STAFF"))("CreateProduct", new_product())
    async with serve(services, accounts, revocations=revocations) as channel:
        buyer = Door(channel, token("CUSTOMER", ann.user_id), ann.user_id)
        staff = Door(channel, token("STAFF"))
        accounts.heard(now)
        order = await buyer("CreateOrder", order_of(item(product)))
        now += 4.9
        await buyer("CreateOrder", order_of(item(product)))
        now += 0.1
        for door, name, request in (
            (buyer, "CreateOrder", order_of(item(product))),
            (buyer, "UpdateOrder", update(order, status=pb.Order.CANCELLED)),
            (staff, "GetOrder", get(order)),
            (staff, "ListOrders", pb.ListOrdersRequest()),
        ):
            answer = await refused(door(name, request))
            assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
            assert answer.retry_after_seconds == 1
        assert await buyer("GetOrder", get(order)) == order
        assert (await buyer("ListOrders", pb.ListOrdersRequest())).orders
        accounts.heard(now)
        await buyer("CreateOrder", order_of(item(product)))


async def test_who_is_no_longer_staff_lists_his_own_orders_only(
    ann: Door, staff: Door, mug: Product, accounts: FakeAccounts
) -> None:
    await ann("CreateOrder", order_of(item(mug)))
    assert (await staff("ListOrders", pb.ListOrdersRequest())).orders
    accounts.roles[staff.user_id] = Role.CUSTOMER
    assert not (await staff("ListOrders", pb.ListOrdersRequest())).orders
