"""What `test_extremes.py` does at the doors: good requests, calls, reading back."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg
import grpc
import httpx
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass

from emporium import Address, Emporium
from emporium.analytics.v1 import report_service_pb2 as report_pb
from emporium.order.v1 import address_service_pb2 as address_pb
from emporium.order.v1 import cart_service_pb2 as cart_pb
from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import pricing_service_pb2 as pricing_pb
from emporium.order.v1 import return_service_pb2 as return_pb
from emporium.order.v1 import shipping_service_pb2 as shipping_pb
from emporium.order.v1 import webhook_service_pb2 as webhook_pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit.context import Role
from server.local.cluster import Cluster
from server.services import SERVICES
from tests.access_oracle import service_for
from tests.e2e.conftest import Rest, new_email, target
from tests.e2e.extreme_around import PAUSED
from tests.e2e.extreme_requests import CURRENCY, INTERNAL, METHODS
from tests.e2e.kept import differences
from tests.e2e.test_tokens import signed
from tests.server.refusals import Refused
from tests.waiting import until

DEADLINE_SECONDS = 20
# Rpcs that count wrong passwords and codes.
SENT = {"CreateShipment", "UpdateShipment", "CreateTrackingEvent", "CreateReturn", "UpdateReturn"}
GUESSED = {"BeginTotp", "ChangePassword", "ConfirmTotp", "DeleteTotp", "Login"}


@dataclass
class Scene:
    """The doors, and what stands in the shop."""

    cluster: Cluster
    channels: dict[str, grpc.aio.Channel]
    rest: Rest
    client: Emporium
    tokens: dict[str, str]
    user: Any = None
    order: Any = None
    product: Any = None
    category: Any = None
    promotion: Any = None
    tax_rate: Any = None
    method: Any = None
    shipment: Any = None
    address: Any = None
    cart: Any = None
    webhook: Any = None
    returned: Any = None

    async def call(self, name: str, request: Any) -> Any:
        """What the service itself answers; a `Refused` when it refuses."""
        method = METHODS[name]
        service = method.containing_service.full_name
        token = self.tokens[service_for(method) if name in INTERNAL else "admin"]
        channel = self.channels[service.split(".")[1]]
        shape = channel.unary_stream if method.server_streaming else channel.unary_unary
        send: Any = shape(
            f"/{service}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        try:
            call = send(
                request, metadata=[("authorization", f"Bearer {token}")], timeout=DEADLINE_SECONDS
            )
            if not method.server_streaming:
                return await call
            try:
                return await call.read()
            finally:
                call.cancel()  # a caller has so many open
        except grpc.aio.AioRpcError as error:
            return Refused(error)

    async def prepare(self, name: str) -> None:
        """A new order where the last may have moved on to where it cannot be changed.

        And no wrong passwords and codes of before, where so many hold up the next.
        """
        if name in GUESSED:
            connection = await asyncpg.connect(self.cluster.record.postgres["user"])
            await connection.execute("DELETE FROM login_failures")
            await connection.close()
        if name in ("UpdateOrder", "CreateOrderNote", "CreatePayment"):
            line = order_pb.NewOrderItem(product_name="Extreme", unit_price="1.25", quantity=1)
            new = order_pb.CreateOrderRequest(items=[line])
            self.order = await self.call("CreateOrder", new)
        if name in SENT:
            await self._prepare_to_send(name)
        if name in {"UpdateCartItem", "CheckoutCart"}:  # changes of the product may have ended it
            sold = catalog_pb.UpdateProductRequest(product_id=self.product.id)
            sold.status = catalog_pb.Product.ACTIVE
            await self.call("UpdateProduct", sold)
            await self.fill_cart()

    async def fill_cart(self) -> None:
        """The admin's own cart, another where the last was ordered."""
        self.cart = await self.call("CreateCart", cart_pb.CreateCartRequest())
        line = cart_pb.UpdateCartItemRequest(
            cart_id=self.cart.id, product_id=self.product.id, quantity=1
        )
        await self.call("UpdateCartItem", line)

    async def _prepare_to_send(self, name: str) -> None:
        """An order that is paid, a shipment of one, or a return of that."""
        line = order_pb.NewOrderItem(product_name="Extreme", unit_price="1.25", quantity=3)
        order = await self.call("CreateOrder", order_pb.CreateOrderRequest(items=[line]))
        paid = order_pb.UpdateOrderRequest(order_id=order.id, status=order_pb.Order.PAID)
        order = await self.call("UpdateOrder", paid)
        if name == "CreateShipment":
            self.order = order
        else:
            whole = shipping_pb.CreateShipmentRequest(order_id=order.id)
            self.shipment = await self.call("CreateShipment", whole)
            self.order = order if name == "CreateReturn" else self.order
            if name == "UpdateReturn":
                new = return_pb.CreateReturnRequest(
                    order_id=order.id, reason=return_pb.Return.UNWANTED
                )
                self.returned = await self.call("CreateReturn", new)

    async def all_told(self) -> None:
        """Returns when every event of an order has reached the reports."""
        connection = await asyncpg.connect(self.cluster.record.postgres["order"])

        async def nothing_waits() -> bool:
            waiting: bool = await connection.fetchval(
                "SELECT EXISTS (SELECT FROM outbox_deliveries)"
            )
            return not waiting

        try:
            await until(nothing_waits)
        finally:
            await connection.close()

    async def report(self) -> dict[str, tuple[int, Decimal]]:
        """Orders and their sum by day, in the currency of the tests."""
        request = report_pb.GetSalesReportRequest(currency=CURRENCY)
        days = (await self.call("GetSalesReport", request)).days
        return {day.day: (day.sales.orders, Decimal(day.sales.gross)) for day in days}


@asynccontextmanager
async def opened(cluster: Cluster) -> AsyncIterator[Scene]:
    """The shared cluster's doors, as an admin and as a service."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=cluster.edge_url, timeout=DEADLINE_SECONDS)
        )
        channels = {
            name: await stack.enter_async_context(grpc.aio.insecure_channel(where))
            for name, where in cluster.record.grpc.items()
        }
        token = cluster.token("admin")
        door = target(cluster, "edge")
        client = await stack.enter_async_context(Emporium(door, token=token))
        tokens = {"admin": token} | {
            each.name: signed(
                cluster, f"service-{each.name}", sub=each.own_key, role=Role.SERVICE.value
            )
            for each in SERVICES
        }
        made = Scene(cluster, channels, Rest(http, token), client, tokens)
        new = user_pb.CreateUserRequest(email=new_email(), full_name="Ann")
        made.user = await made.call("CreateUser", new)
        await made.prepare("UpdateOrder")
        stove = catalog_pb.CreateProductRequest(
            sku=uuid.uuid4().hex, name="Zz stove", unit_price="2.55"
        )
        made.product = await made.call("CreateProduct", stove)
        group = catalog_pb.CreateCategoryRequest(name="Zz extreme")
        made.category = await made.call("CreateCategory", group)
        code = pricing_pb.CreatePromotionRequest(code=uuid.uuid4().hex, name="Zz", percentage="1")
        made.promotion = await made.call("CreatePromotion", code)
        rate = pricing_pb.CreateTaxRateRequest(
            country_code="ZW", category_id=made.category.id, name="Zz", rate="1"
        )
        made.tax_rate = await made.call("CreateTaxRate", rate)
        home = Address(recipient="A", street="B", city="C", country_code="GB")
        saved = address_pb.CreateAddressRequest(user_id=made.user.id, address=home)
        made.address = await made.call("CreateAddress", saved)
        await made.fill_cart()
        by_road = shipping_pb.CreateShippingMethodRequest(name="Zz extreme", currency=CURRENCY)
        by_road.zones.add(country_codes=["*"]).bands.add(price="1.25")
        made.method = await made.call("CreateShippingMethod", by_road)
        told = webhook_pb.CreateWebhookRequest(url="https://partner.invalid", event_types=[PAUSED])
        made.webhook = await made.call("CreateWebhook", told)
        yield made


async def read_back(scene: Scene, name: str, sent: Any, answer: Any) -> list[str]:
    """What of an accepted request is not as it was sent, or not the same wherever it is read."""
    reads: dict[str, Awaitable[Any]] = {}
    if name in {"CreateUser", "UpdateUser"}:
        listed: Any = user_pb.ListUsersRequest(email=answer.email)
        reads = {
            "get": scene.call("GetUser", user_pb.GetUserRequest(user_id=answer.id)),
            "list": only(scene.call("ListUsers", listed), "users"),
            "client": scene.client.users.get(answer.id),
            "rest": by_rest(scene, f"/users/{answer.id}", answer),
        }
    elif name == "CreateProduct":
        listed = catalog_pb.ListProductsRequest(sku=answer.sku)
        wanted = catalog_pb.GetProductRequest(product_id=answer.id)
        reads = {
            "get": scene.call("GetProduct", wanted),
            "list": only(scene.call("ListProducts", listed), "products"),
            "client": scene.client.products.get(answer.id),
            "rest": by_rest(scene, f"/products/{answer.id}", answer),
        }
    elif name in {"CreateOrder", "UpdateOrder"}:
        reads = {
            "get": scene.call("GetOrder", order_pb.GetOrderRequest(order_id=answer.id)),
            "client": scene.client.orders.get(answer.id),
            "rest": by_rest(scene, f"/orders/{answer.id}", answer),
        }
        if name == "CreateOrder" and sent.user_id:  # all that this buyer has
            listed = order_pb.ListUserOrdersRequest(user_id=answer.user_id, per_page=1)
            listed.sort = "created_at:desc"
            reads["list"] = only(scene.call("ListUserOrders", listed), "orders")
    elif name == "RecordEvent" and sent.request_id:
        reads = {"again": scene.call(name, sent)}
    seen = dict(zip(reads, await asyncio.gather(*reads.values()), strict=True))
    wrong = [f"{where}: {found}" for where, found in seen.items() if found != answer]
    return [*differences(sent, answer), *wrong]


async def only(listing: Awaitable[Any], field: str) -> Any:
    """The one resource of a list, or all that came instead."""
    answer = await listing
    found = getattr(answer, field, [])
    return found[0] if len(found) == 1 else answer


async def by_rest(scene: Scene, path: str, like: Any) -> Any:
    """What REST shows, as a message."""
    return json_format.ParseDict(await scene.rest.data("GET", path), type(like)())
