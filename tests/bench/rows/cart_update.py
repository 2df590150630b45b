"""A PATCH of a cart's line against a bare update of one row."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from urllib.parse import urlsplit

from emporium.order.v1 import cart_service_pb2 as pb
from tests.bench import baseline
from tests.bench.budget import Budget
from tests.bench.compare import alternate
from tests.bench.flood import measured
from tests.bench.http2 import Target
from tests.bench.products import endless
from tests.bench.report import Row
from tests.bench.stage import Running, Stage

METHOD = "/emporium.order.v1.CartService/UpdateCartItem"
TARGET = 0.7
_SECRET = "the secret of all of them"
_CARTS = 1_000

_FILL = """
    INSERT INTO carts (id, secret_hash, status, items, promotion_codes, created_at, updated_at,
                       expires_at, version)
    SELECT gen_random_uuid(), $1, 'ACTIVE', '[]', '{}', now(), now(), now() + interval '1 day', 1
    FROM generate_series(1, $2) RETURNING id::text
"""


@dataclass(frozen=True)
class Shop:
    """The cluster's order service, the bare server beside it, and carts at both."""

    service: Running
    bare: Running
    cart_ids: Sequence[str]
    product_id: str


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Every call says how many of a product are in one of a thousand carts; all are durable."""
    async with _shop(stage) as shop:
        by_secret = (("cart-secret", _SECRET),)
        calls = partial(_changes, shop, budget.calls // 2)
        found = await alternate(
            measured(
                Target(shop.service.port, METHOD, by_secret), calls, {"service": shop.service.pid}
            ),
            measured(Target(shop.bare.port, METHOD, by_secret), calls, {"server": shop.bare.pid}),
            budget.rounds,
        )
    return [found.row("UpdateCartItem / one bare update with our settings", TARGET)]


def _changes(shop: Shop, count: int) -> list[bytes]:
    return [
        pb.UpdateCartItemRequest(
            cart_id=cart_id, product_id=shop.product_id, quantity=1 + n % 100
        ).SerializeToString()
        for n, cart_id in enumerate(islice(cycle(shop.cart_ids), count))
    ]


@asynccontextmanager
async def _shop(stage: Stage) -> AsyncIterator[Shop]:
    database_url = await stage.database("order")
    hash_ = hashlib.sha256(_SECRET.encode()).digest()
    async with stage.admin(database_url) as connection:
        [product] = await connection.fetch(endless(1))
        cart_ids = [row["id"] for row in await connection.fetch(_FILL, hash_, _CARTS)]
        await connection.execute(baseline.CREATE_CARTS)
        await connection.execute("INSERT INTO bare_carts SELECT id, 0 FROM carts")
        role = urlsplit(database_url).username
        await connection.execute(f"GRANT SELECT, UPDATE ON bare_carts TO {role}")
    async with stage.baseline(database_url, "tuned") as bare:
        yield Shop(stage.measured("order"), bare, cart_ids, product["id"])
