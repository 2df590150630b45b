"""The others: many customers who ask for little, at a fixed and modest rate."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.user.v1 import user_service_pb2 as user_pb
from tests.campaign import rpcs
from tests.campaign.http2 import Connection, Lost, Request, connected
from tests.campaign.neighbours.shop import Customer, Shop
from tests.campaign.rpcs import grpc_request, rest_request

CALLS_A_SECOND = 35  # of each rpc by each door
_TIMEOUT_SECONDS = 12.0  # a call has a deadline of 10
_CONNECTIONS = 2  # to each port

Ask = Callable[[random.Random, Shop, Customer], Request]


@dataclass(frozen=True)
class Line:
    """One rpc by one door, and how it is asked."""

    rpc: str
    door: str
    port: str
    ask: Ask

    @property
    def name(self) -> str:
        """Such as `GetUser rest`."""
        return f"{self.rpc} {self.door}"


@dataclass
class Times:
    """How long the calls of one line took, in seconds, and what became of those that failed."""

    seconds: list[float]
    failures: list[str]


def _get_user_grpc(chance: random.Random, shop: Shop, caller: Customer) -> Request:
    return grpc_request(rpcs.GET_USER, user_pb.GetUserRequest(user_id=caller.id), caller.token)


def _get_user_rest(chance: random.Random, shop: Shop, caller: Customer) -> Request:
    return rest_request("GET", f"/users/{caller.id}", caller.token)


def _get_order_grpc(chance: random.Random, shop: Shop, caller: Customer) -> Request:
    request = order_pb.GetOrderRequest(order_id=chance.choice(caller.order_ids))
    return grpc_request(rpcs.GET_ORDER, request, caller.token)


def _get_order_rest(chance: random.Random, shop: Shop, caller: Customer) -> Request:
    return rest_request("GET", f"/orders/{chance.choice(caller.order_ids)}", caller.token)


def _list_orders_grpc(chance: random.Random, shop: Shop, caller: Customer) -> Request:
    return grpc_request(rpcs.LIST_ORDERS, order_pb.ListOrdersRequest(), caller.token)


def _list_orders_rest(chance: random.Random, shop: Shop, caller: Customer) -> Request:
    return rest_request("GET", "/orders", caller.token)


def _create_order_grpc(chance: random.Random, shop: Shop, caller: Customer) -> Request:
    items = [
        order_pb.NewOrderItem(product_id=product_id, quantity=chance.randint(1, 9))
        for product_id in chance.sample(shop.product_ids, 2)
    ]
    return grpc_request(rpcs.CREATE_ORDER, order_pb.CreateOrderRequest(items=items), caller.token)


def _create_order_rest(chance: random.Random, shop: Shop, caller: Customer) -> Request:
    items = [
        {"product_id": product_id, "quantity": chance.randint(1, 9)}
        for product_id in chance.sample(shop.product_ids, 2)
    ]
    return rest_request("POST", "/orders", caller.token, json.dumps({"items": items}).encode())


LINES = (
    Line("GetUser", "grpc", "user", _get_user_grpc),
    Line("GetUser", "rest", "edge", _get_user_rest),
    Line("GetOrder", "grpc", "order", _get_order_grpc),
    Line("GetOrder", "rest", "edge", _get_order_rest),
    Line("ListOrders", "grpc", "order", _list_orders_grpc),
    Line("ListOrders", "rest", "edge", _list_orders_rest),
    Line("CreateOrder", "grpc", "order", _create_order_grpc),
    Line("CreateOrder", "rest", "edge", _create_order_rest),
)


async def measured(shop: Shop, calls: int, chance: random.Random) -> Mapping[str, Times]:
    """Makes `calls` calls of each line, each when it is due, and times them from then.

    So a call that could not be sent in time counts its wait, as a caller would.
    """
    connections = {
        port: [await connected(shop.ports[port]) for _ in range(_CONNECTIONS)]
        for port in {line.port for line in LINES}
    }
    found = {line.name: Times([], []) for line in LINES}
    loop = asyncio.get_running_loop()
    gap = 1 / (CALLS_A_SECOND * len(LINES))
    began = loop.time() + gap
    try:
        async with asyncio.TaskGroup() as group:
            for n in range(calls * len(LINES)):
                line, due = LINES[n % len(LINES)], began + n * gap
                await asyncio.sleep(due - loop.time())  # time itself is what is waited for
                request = line.ask(chance, shop, chance.choice(shop.customers))
                over = chance.choice(connections[line.port])
                group.create_task(_time(over, request, due, found[line.name]))
    finally:
        for connection in (each for pair in connections.values() for each in pair):
            connection.close()
    return found


async def _time(connection: Connection, request: Request, due: float, times: Times) -> None:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            answer = await connection.call(request)
    except (Lost, TimeoutError) as error:
        times.failures.append(str(error) or "no answer")
    else:
        if not answer.is_success:
            times.failures.append(answer.outcome)
    times.seconds.append(asyncio.get_running_loop().time() - due)


def names() -> Sequence[str]:
    """The names of all lines."""
    return [line.name for line in LINES]
