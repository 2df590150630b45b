"""The ways in which one caller can ask for as much as its limits allow.

Each gives what the caller sends in one minute: as many calls as the edge lets through, each the
worst of its kind that the contract allows, or that it refuses only once it has read it.
"""

import json
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from emporium.analytics.v1 import event_service_pb2 as event_pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.user.v1 import personal_data_service_pb2 as held_pb
from emporium.user.v1 import user_service_pb2 as user_pb
from tests.campaign import rpcs
from tests.campaign.http2 import Request
from tests.campaign.neighbours.shop import LINES_MAX, WIDE, Shop, subject
from tests.campaign.rpcs import grpc_request, rest_request

CALLS = 100  # a minute, which the edge lets one caller make
LOGINS = 5  # a minute, from one address
BODY_BYTES_MAX = 1024**2
_BATCH_MAX = 1_000


@dataclass(frozen=True)
class Shot:
    """One call, and the port that it goes to."""

    port: str
    request: Request


Kind = Callable[[Shop, random.Random], list[Shot]]


def _edge(requests: Sequence[Request]) -> list[Shot]:
    """A minute's calls through the edge, of these in turn."""
    return [Shot("edge", requests[n % len(requests)]) for n in range(CALLS)]


def largest_orders(shop: Shop, chance: random.Random) -> list[Shot]:
    """Orders with as many and as long lines as can be."""
    line = {"product_name": WIDE * 200, "unit_price": "1.00", "quantity": 1}
    product_ids = chance.sample(shop.product_ids, LINES_MAX)
    bought = [{"product_id": product_id, "quantity": 1} for product_id in product_ids]
    message = order_pb.CreateOrderRequest(
        items=[order_pb.NewOrderItem(product_id=each, quantity=1) for each in product_ids]
    )
    token = shop.token
    return _edge(
        [
            rest_request("POST", "/orders", token, _json({"items": [line] * LINES_MAX})),
            rest_request("POST", "/orders", token, _json({"items": bought})),
            grpc_request(rpcs.CREATE_ORDER, message, token),
        ]
    )


def largest_reads(shop: Shop, chance: random.Random) -> list[Shot]:
    """Orders with all their lines, one by one."""
    token = shop.token
    return _edge(
        [
            request
            for order_id in shop.largest_order_ids
            for request in (
                rest_request("GET", f"/orders/{order_id}", token),
                grpc_request(rpcs.GET_ORDER, order_pb.GetOrderRequest(order_id=order_id), token),
            )
        ]
    )


def largest_lists(shop: Shop, chance: random.Random) -> list[Shot]:
    """Full pages of the longest rows, and the longest report."""
    own = order_pb.ListOrdersRequest(per_page=100)
    token = shop.token
    return _edge(
        [
            rest_request("GET", "/orders?per_page=100", token),
            grpc_request(rpcs.LIST_ORDERS, own, token),
            rest_request("GET", "/orders?per_page=100&sort=total_price:desc", token),
            rest_request("GET", "/products?per_page=100&sort=name:desc", token),
            rest_request("GET", "/users?per_page=100&sort=full_name:desc", token),
            rest_request("GET", "/reports/sales", token),
        ]
    )


def largest_exports(shop: Shop, chance: random.Random) -> list[Shot]:
    """Everything that is held on the one caller, and the first page of the orders."""
    user_id, token = subject(shop.token), shop.token
    page = held_pb.ExportUserRequest(user_id=user_id, part="orders")
    return _edge(
        [
            rest_request("GET", f"/users/{user_id}/export", token),
            grpc_request(rpcs.EXPORT_USER, page, token),
        ]
    )


def deepest_pages(shop: Shop, chance: random.Random) -> list[Shot]:
    """Pages by number, as far into a list as a number may lead."""
    token, page = shop.token, "per_page=100&page=1001"
    return _edge(
        [
            *(
                rest_request("GET", f"/orders?{page}&sort={by}:desc", token)
                for by in ("order_date", "created_at", "total_price")
            ),
            *(
                rest_request("GET", f"/products?{page}&sort={by}:asc", token)
                for by in ("name", "sku", "unit_price", "created_at")
            ),
            *(
                rest_request("GET", f"/users?{page}&sort={by}:asc", token)
                for by in ("email", "full_name", "created_at")
            ),
        ]
    )


def filters(shop: Shop, chance: random.Random) -> list[Shot]:
    """Filters that match little or nothing, in an order that no index has with them; long ones."""
    token, per_page = shop.token, "per_page=100"
    days = "placed_after=2015-06-01&placed_before=2015-06-02"
    return _edge(
        [
            rest_request("GET", f"/orders?{per_page}&status=refunded&sort=total_price:asc", token),
            rest_request("GET", f"/orders?{per_page}&status=cancelled", token),
            rest_request("GET", f"/orders?{per_page}&{days}&sort=total_price:desc", token),
            rest_request("GET", f"/orders?{per_page}&{days}&sort=created_at:desc", token),
            rest_request("GET", f"/products?{per_page}&min_price=9999&sort=name:asc", token),
            rest_request("GET", f"/users?{per_page}&role=staff&sort=email:asc", token),
            rest_request("GET", f"/users?{per_page}&email={'a' * 240}@b.example", token),
            rest_request("GET", f"/users?{per_page}&created_before=1900-01-01&sort=email", token),
            rest_request("GET", f"/orders?page_token={'a' * 1536}", token),
        ]
    )


def batch_gets(shop: Shop, chance: random.Random) -> list[Shot]:
    """As many accounts as one call may ask for, at the service's own port, by another service."""
    message = user_pb.BatchGetUsersRequest(user_ids=chance.sample(shop.user_ids, _BATCH_MAX))
    request = grpc_request(rpcs.BATCH_GET_USERS, message, shop.service_token)
    return [Shot("user", request)] * CALLS


def largest_writes(shop: Shop, chance: random.Random) -> list[Shot]:
    """The largest events and products."""
    properties = {f"{n:064}": WIDE * 512 for n in range(20)}
    event = event_pb.RecordEventRequest(type="a." * 31 + "aa", properties=properties)
    body = _json({"type": event.type, "properties": properties})
    token = shop.token
    product = {"name": WIDE * 200, "unit_price": "9999999.99"}
    products = [_json({"sku": _new(64), **product}) for _ in range(CALLS // 2)]
    return _edge(
        [
            request
            for each in products
            for request in (
                rest_request("POST", "/products", token, each),
                chance.choice(
                    [
                        rest_request("POST", "/events", token, body),
                        grpc_request(rpcs.RECORD_EVENT, event, token),
                    ]
                ),
            )
        ]
    )


def logins(shop: Shop, chance: random.Random) -> list[Shot]:
    """All that hashes a password: logins, and accounts that are opened."""
    login = _json({"email": f"{_new(32)}@campaign.example", "password": "wrong-" + _new(32)})
    sign_ups = [
        rest_request(
            "POST",
            "/users",
            body=_json(
                {
                    "email": f"{_new(32)}@campaign.example",
                    "full_name": WIDE * 100,
                    "password": _new(64),
                }
            ),
        )
        for _ in range(CALLS - LOGINS)
    ]
    return _edge([rest_request("POST", "/auth/login", body=login)] * LOGINS + sign_ups)


def bad_bodies(shop: Shop, chance: random.Random) -> list[Shot]:
    """Bodies that are refused, and only after they have been read."""
    token, deep = shop.token, 100_000
    bodies = [
        _json({"items": [{}] * (BODY_BYTES_MAX // 4 - 10)}),
        _json({"items": [{"product_id": "none", "quantity": 0}] * LINES_MAX}),
        b'{"items":' + b"[" * deep + b"]" * deep + b"}",
        b"{" + b'"a":1,' * 170_000 + b'"a":1}',
        b'{"currency": "' + b"x" * (BODY_BYTES_MAX - 100) + b'"}',
        b"x" * BODY_BYTES_MAX,
        b"x" * (2 * BODY_BYTES_MAX),
        chance.randbytes(BODY_BYTES_MAX // 2),
    ]
    requests = [rest_request("POST", "/orders", token, body) for body in bodies]
    empty_lines = order_pb.CreateOrderRequest(items=[order_pb.NewOrderItem()] * 500_000)
    requests.append(grpc_request(rpcs.CREATE_ORDER, empty_lines, token))
    requests.append(grpc_request(rpcs.CREATE_ORDER, chance.randbytes(BODY_BYTES_MAX // 2), token))
    return _edge(requests)


def slow_bodies(shop: Shop, chance: random.Random) -> list[Shot]:
    """Bodies that never end, each on a stream that stays open."""
    token, half = shop.token, b'{"items": [' + b" " * (BODY_BYTES_MAX // 2)
    grpc_half = grpc_request(rpcs.CREATE_ORDER, b"x" * 1000, token)
    return _edge(
        [
            rest_request("POST", "/orders", token, half, ends=False),
            Request("POST", grpc_half.path, grpc_half.headers, grpc_half.body[:100], ends=False),
        ]
    )


def without_deadlines(shop: Shop, chance: random.Random) -> list[Shot]:
    """Long reads by gRPC whose caller sets no deadline."""
    token, deep = shop.token, order_pb.ListOrdersRequest(per_page=100, page=1001)
    users = user_pb.ListUsersRequest(per_page=100, page=1001)
    own = order_pb.ListOrdersRequest(per_page=100)
    return _edge(
        [
            grpc_request(rpcs.LIST_ORDERS, deep, token, deadline=""),
            grpc_request(rpcs.LIST_USERS, users, token, deadline=""),
            grpc_request(rpcs.LIST_ORDERS, own, token, deadline=""),
        ]
    )


KINDS: Mapping[str, Kind] = {
    kind.__name__: kind
    for kind in (
        largest_orders,
        largest_reads,
        largest_lists,
        largest_exports,
        deepest_pages,
        filters,
        batch_gets,
        largest_writes,
        logins,
        bad_bodies,
        slow_bodies,
        without_deadlines,
    )
}


def mixed(shop: Shop, chance: random.Random) -> list[Shot]:
    """A minute's calls of all kinds that are one person's, as chance has it."""
    kinds = [kind for kind in KINDS.values() if kind is not batch_gets]
    shots = [shot for kind in kinds for shot in kind(shop, chance)]
    return chance.sample(shots, CALLS)


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _new(length: int) -> str:
    return (uuid.uuid4().hex * 4)[:length]
