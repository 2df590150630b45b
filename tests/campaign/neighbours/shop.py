"""A cluster with a large shop in it, and those who call it."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from emporium.order.v1 import order_service_pb2 as order_pb
from server.kit.auth import Signer
from server.kit.context import Role
from server.local.home import keys
from server.local.home.folder import Home
from server.services import ORDER
from tests.bench.cluster import Cluster
from tests.bench.products import endless
from tests.bench.users import FILL as FILL_USERS
from tests.campaign.http2 import Connection, Request, connected
from tests.campaign.rpcs import CREATE_ORDER, grpc_request

ROWS = 120_000  # users, orders and products: more than a page number may skip
DAYS = 3_600  # with sales; a report may have 3,660, and the sample data has some
LARGEST_ORDERS = 90  # of the one caller
LINES_MAX = 1_000
WIDE = "🎁"  # as many bytes as a character can have
_OTHERS = 400
_AT_ONCE = 16
_TOKEN_SECONDS = 6 * 3600
_FILL_SECONDS = 300.0

_FILL_ORDERS = """
    WITH placed AS (
        INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price, tax,
                            total_price, order_date, created_at, updated_at, version)
        SELECT uuidv7(make_interval(secs => n - $2)), ($1::uuid[])[1 + n % cardinality($1)],
               (ARRAY['PENDING', 'PAID', 'SHIPPED', 'DELIVERED'])[1 + n % 4],
               'GBP', 2 + n % 90, 0, 0, 0, 2 + n % 90, now() - make_interval(mins => n),
               now(), now(), 1
        FROM generate_series(1, $2::integer) AS n
        RETURNING id, subtotal
    )
    INSERT INTO order_items (order_id, position, product_name, unit_price, quantity)
    SELECT id, 1, 'Lantern', subtotal / 2, 2 FROM placed
"""
_FILL_PRODUCTS = """
    INSERT INTO products (id, sku, name, unit_price, currency, created_at, updated_at, version)
    SELECT uuidv7(), 'campaign-' || n, repeat($2, CASE WHEN n % 100 = 0 THEN 190 ELSE 5 END) || n,
           n % 1000, 'GBP', now(), now(), 1
    FROM generate_series(1, $1::integer) AS n
"""


@dataclass(frozen=True)
class Customer:
    """One of the others: asks for what is its own."""

    id: str
    token: str
    order_ids: Sequence[str]


@dataclass(frozen=True)
class Shop:
    """What callers know of a filled cluster."""

    ports: dict[str, int]  # of the services by name, and of the `edge`
    token: str  # of the one caller, an admin, who may do all that a person may
    service_token: str  # of the one caller where it is a service
    largest_order_ids: Sequence[str]  # the one caller's own
    user_ids: Sequence[str]
    product_ids: Sequence[str]
    customers: Sequence[Customer]


async def filled(cluster: Cluster) -> Shop:
    """Fills the cluster's databases, and signs everybody in for hours."""
    async with asyncio.timeout(_FILL_SECONDS):
        user_ids = await _fill_users(cluster)
        product_ids = await _fill_order(cluster, user_ids[: ROWS // 5])
        token, service_token = _tokens(cluster)
        ports = {name: cluster.grpc_port(name) for name in cluster.record["grpc"]}
        largest = await _place_largest(ports["order"], token)
        await _sell_every_day(ports["order"], token, product_ids)
        customers = await _customers(cluster, user_ids[:_OTHERS])
    ports["edge"] = cluster.edge_port
    return Shop(ports, token, service_token, largest, user_ids[:2_000], product_ids, customers)


def _home(cluster: Cluster) -> Home:
    return Home.at(Path(cluster.record["home"]))


def _tokens(cluster: Cluster) -> tuple[str, str]:
    """Of the demo admin, and of the order service, which may ask for many users at once."""
    home = _home(cluster)
    [admin] = (each for each in cluster.record["logins"] if each["role"] == "admin")
    token = keys.token(home, admin["user_id"], admin["role"], _TOKEN_SECONDS)
    key = json.loads(keys.file_of(ORDER.own_key, home).read_text(encoding="utf-8"))
    return token, Signer(key, _TOKEN_SECONDS).sign("service:order", Role.SERVICE)


async def _fill_users(cluster: Cluster) -> list[str]:
    """Adds users; gives the ids of those who are active, in no order."""
    connection = await _admin(cluster, "user")
    try:
        await connection.execute(FILL_USERS, ROWS, timeout=_FILL_SECONDS)
        await connection.execute("VACUUM ANALYZE users", timeout=_FILL_SECONDS)
        rows = await connection.fetch(
            "SELECT id::text FROM users WHERE status = 'ACTIVE' AND email LIKE '%@bench.example'"
        )
    finally:
        await connection.close()
    return [row["id"] for row in rows]


async def _fill_order(cluster: Cluster, user_ids: Sequence[str]) -> list[str]:
    """Adds products, and orders of these users; gives the ids of some products."""
    connection = await _admin(cluster, "order")
    owners = [UUID(user_id) for user_id in user_ids]
    try:
        await connection.execute(_FILL_PRODUCTS, ROWS, WIDE, timeout=_FILL_SECONDS)
        await connection.execute(_FILL_ORDERS, owners, ROWS, timeout=_FILL_SECONDS)
        for table in ("products", "orders", "order_items"):
            await connection.execute(f"VACUUM ANALYZE {table}", timeout=_FILL_SECONDS)
        rows = await connection.fetch(endless(2_000))
    finally:
        await connection.close()
    return [row["id"] for row in rows]


async def _customers(cluster: Cluster, user_ids: Sequence[str]) -> list[Customer]:
    connection = await _admin(cluster, "order")
    statement = "SELECT user_id::text, id::text FROM orders WHERE user_id = ANY($1::uuid[])"
    try:
        rows = await connection.fetch(statement, [UUID(user_id) for user_id in user_ids])
    finally:
        await connection.close()
    owned: dict[str, list[str]] = {}
    for row in rows:
        owned.setdefault(row["user_id"], []).append(row["id"])
    home = _home(cluster)
    return [
        Customer(user_id, keys.token(home, user_id, "customer", _TOKEN_SECONDS), order_ids)
        for user_id, order_ids in owned.items()
    ]


async def _place_largest(port: int, token: str) -> list[str]:
    """The one caller's own orders: as many and as long lines as an order can have."""
    line = order_pb.NewOrderItem(product_name=WIDE * 200, unit_price="1.00", quantity=1)
    request = order_pb.CreateOrderRequest(items=[line] * LINES_MAX)
    answers = await _called(port, [grpc_request(CREATE_ORDER, request, token)] * LARGEST_ORDERS)
    return [order_pb.Order.FromString(bytes(answer[5:])).id for answer in answers]


def subject(token: str) -> str:
    """The id of the one caller."""
    import jwt

    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return str(claims["sub"])


async def _sell_every_day(port: int, token: str, product_ids: Sequence[str]) -> None:
    """One order a day, for as many days as a report may have."""
    line = order_pb.NewOrderItem(product_id=product_ids[0], quantity=1)
    requests = []
    for day in range(1, DAYS + 1):
        request = order_pb.CreateOrderRequest(items=[line])
        request.order_date.FromSeconds(1_600_000_000 - day * 86_400)
        requests.append(grpc_request(CREATE_ORDER, request, token))
    await _called(port, requests)


async def _called(port: int, requests: Sequence[Request]) -> list[bytearray]:
    """The answers, in no order; `_AT_ONCE` are under way at a time."""
    connection = await connected(port)
    left, answers = iter(requests), []

    async def work(connection: Connection) -> None:
        for request in left:
            answer = await connection.call(request)
            assert answer.is_success, answer.headers
            answers.append(answer.body)

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(work(connection))
    connection.close()
    return answers


async def _admin(cluster: Cluster, service: str) -> "asyncpg.Connection[asyncpg.Record]":
    url: str = cluster.record["postgres"][service]
    return await asyncpg.connect(
        cluster.record["postgres"]["admin_dsn"], database=url.rpartition("/")[2]
    )
