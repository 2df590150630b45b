"""Bad input by gRPC, through the edge and at the services: the same clear answer from both."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio

from emporium.order.v1 import catalog_service_pb2, order_service_pb2, order_service_pb2_grpc
from emporium.order.v1.catalog_service_pb2_grpc import CatalogServiceStub
from emporium.user.v1 import user_service_pb2
from emporium.user.v1.user_service_pb2_grpc import UserServiceStub
from server.local.cluster import Cluster
from server.local.home import keys
from tests.e2e.conftest import new_email, target
from tests.server.refusals import Refused, refused

DEADLINE_SECONDS = 10
MESSAGE_BYTES_MAX = 4 * 1024 * 1024
MISSING = str(uuid.uuid4())


class Door:
    """One way to the services. Calls carry the demo customer's token, unless given another."""

    def __init__(self, cluster: Cluster, users: grpc.aio.Channel, orders: grpc.aio.Channel) -> None:
        self.users = UserServiceStub(users)
        self.catalog = CatalogServiceStub(orders)
        self.orders = order_service_pb2_grpc.OrderServiceStub(orders)
        self.channel = orders
        self.customer = cluster.token("customer")
        self.stranger = keys.token(cluster.home, str(uuid.uuid4()), "customer", 600)

    async def call(self, rpc: Any, request: Any) -> Any:
        """The answer of a call that must succeed."""
        return await self._send(rpc, request, self.customer)

    async def refused(self, rpc: Any, request: Any, token: str | None = None) -> Refused:
        """How a call failed, which must fail."""
        return await refused(self._send(rpc, request, token or self.customer))

    def _send(self, rpc: Any, request: Any, token: str) -> Any:
        metadata = [("authorization", f"Bearer {token}")]
        return rpc(request, metadata=metadata, timeout=DEADLINE_SECONDS)


@pytest_asyncio.fixture(params=["edge", "service"])
async def door(request: pytest.FixtureRequest, cluster: Cluster) -> AsyncIterator[Door]:
    """Each way in turn."""
    async with (
        grpc.aio.insecure_channel(target(cluster, request.param, "user")) as users,
        grpc.aio.insecure_channel(target(cluster, request.param, "order")) as orders,
    ):
        yield Door(cluster, users, orders)


def new_user(**fields: Any) -> user_service_pb2.CreateUserRequest:
    known = {"email": new_email(), "full_name": "Ann Example", "password": "correct horse"}
    return user_service_pb2.CreateUserRequest(**{**known, **fields})


def new_order(
    products: list[dict[str, Any]], quantity: int = 1, **fields: Any
) -> order_service_pb2.CreateOrderRequest:
    line = order_service_pb2.NewOrderItem(product_id=products[0]["id"], quantity=quantity)
    return order_service_pb2.CreateOrderRequest(items=[line], **fields)


async def test_every_violated_field_is_named(door: Door) -> None:
    request = new_user(email="nonsense", full_name="  ", password="short", age=0)
    refusal = await door.refused(door.users.CreateUser, request)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason == "VALIDATION_FAILED"
    assert set(refusal.fields) == {"email", "full_name", "password", "age"}
    assert refusal.request_id


async def test_nul_is_refused(door: Door, products: list[dict[str, Any]]) -> None:
    refusal = await door.refused(door.users.CreateUser, new_user(full_name="A\0B"))
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["full_name"])
    filtered = catalog_service_pb2.ListProductsRequest(sku="A\0B")
    refusal = await door.refused(door.catalog.ListProducts, filtered)
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["sku"])
    keyed = new_order(products, request_id="A\0B")
    refusal = await door.refused(door.orders.CreateOrder, keyed)
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["request_id"])


async def test_an_unknown_id_is_not_found(door: Door) -> None:
    request = catalog_service_pb2.GetProductRequest(product_id=MISSING)
    refusal = await door.refused(door.catalog.GetProduct, request)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")
    request = catalog_service_pb2.GetProductRequest(product_id="not-a-uuid")
    refusal = await door.refused(door.catalog.GetProduct, request)
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["product_id"])


async def test_a_foreign_order_and_a_missing_one_get_the_same_answer(
    door: Door, products: list[dict[str, Any]]
) -> None:
    order = await door.call(door.orders.CreateOrder, new_order(products))
    pb = order_service_pb2
    for rpc, request in (
        (door.orders.GetOrder, pb.GetOrderRequest),
        (door.orders.GetOrderUser, pb.GetOrderUserRequest),
        (door.orders.DeleteOrder, pb.DeleteOrderRequest),
    ):
        foreign = await door.refused(rpc, request(order_id=order.id), door.stranger)
        missing = await door.refused(rpc, request(order_id=MISSING), door.stranger)
        assert (foreign.code, foreign.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
        assert (missing.code, missing.reason) == (foreign.code, foreign.reason)
        assert foreign.message.replace(order.id, MISSING) == missing.message


async def test_a_foreign_account_and_a_missing_one_get_the_same_answer(
    door: Door, cluster: Cluster
) -> None:
    user_id = cluster.login("customer").user_id
    for rpc, request in (
        (door.users.GetUser, user_service_pb2.GetUserRequest),
        (door.users.DeleteUser, user_service_pb2.DeleteUserRequest),
    ):
        foreign = await door.refused(rpc, request(user_id=user_id), door.stranger)
        missing = await door.refused(rpc, request(user_id=MISSING), door.stranger)
        assert (foreign.code, foreign.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")
        assert (missing.code, missing.reason) == (foreign.code, foreign.reason)
        assert foreign.message.replace(user_id, MISSING) == missing.message


async def test_a_key_used_again_with_another_body_is_refused(
    door: Door, products: list[dict[str, Any]]
) -> None:
    key = str(uuid.uuid4())
    order = await door.call(door.orders.CreateOrder, new_order(products, request_id=key))
    again = await door.call(door.orders.CreateOrder, new_order(products, request_id=key))
    assert again == order
    other = new_order(products, quantity=2, request_id=key)
    refusal = await door.refused(door.orders.CreateOrder, other)
    assert refusal.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_page_beyond_the_end_is_empty(door: Door) -> None:
    request = catalog_service_pb2.ListProductsRequest(page=1_000_000, per_page=100)
    page = await door.call(door.catalog.ListProducts, request)
    assert list(page.products) == []
    assert page.meta.next_page_token == ""
    request.page += 1
    refusal = await door.refused(door.catalog.ListProducts, request)
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["page"])


@pytest.mark.parametrize(
    "rpc",
    [
        "/emporium.order.v1.OrderService/Nothing",
        "/emporium.order.v9.OrderService/GetOrder",
        "/nonsense/Nothing",
    ],
)
async def test_an_unknown_rpc_is_unimplemented(rpc: str, door: Door) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await door.call(door.channel.unary_unary(rpc), b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_message_of_one_byte_too_many_is_refused_by_the_service(cluster: Cluster) -> None:
    rpc = "/emporium.order.v1.CatalogService/ListProducts"
    async with grpc.aio.insecure_channel(target(cluster, "service")) as channel:
        send: Any = channel.unary_unary(rpc)  # bytes, as no stub would send them
        with pytest.raises(grpc.aio.AioRpcError) as too_many:
            await send(b"\0" * (MESSAGE_BYTES_MAX + 1), timeout=DEADLINE_SECONDS)
        fits = await refused(send(b"\0" * MESSAGE_BYTES_MAX, timeout=DEADLINE_SECONDS))
    assert too_many.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert fits.reason == "MALFORMED_REQUEST"
