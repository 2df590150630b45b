"""Databases of products with stock, for the rows that order, quote and search."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from emporium.order.v1 import order_service_pb2 as pb
from tests.bench.stage import Stage

GET = "/emporium.order.v1.CatalogService/GetProduct"
CREATE_ORDER = "/emporium.order.v1.OrderService/CreateOrder"
STREAMS_OF_32_CLIENTS = 8  # on each of four connections
LINES = 3

_TIMEOUT_SECONDS = 600.0
_ENDLESS = 1_000_000_000

# Of the product `n`, in SQL. `pgbench` picks them by their numbers.
PRODUCT_ID = "('019ab000-0000-7000-8000-' || lpad(to_hex({}), 12, '0'))::uuid"

_COLUMNS = ("id", "sku", "name", "unit_price", "currency", "created_at", "updated_at", "version")
_FILL = f"""
    INSERT INTO products ({", ".join(_COLUMNS)})
    SELECT {PRODUCT_ID.format("n")}, 'bench-' || n, name, 1 + n % 500 + 0.99, 'GBP',
           now(), now(), 1
    FROM unnest($1::text[]) WITH ORDINALITY AS each (name, n)
"""
_STOCK = f"""
    INSERT INTO stock (product_id, on_hand, tracked, version)
    SELECT id, {_ENDLESS}, true, 1 FROM products WHERE sku LIKE 'bench-%'
"""
_SYLLABLES = [first + last for first in "bdfgklmnprstvz" for last in ("a", "e", "i", "o", "u")]
_WORDS = 5_000
_WORDS_OF_NAME = (2, 3, 4)


@dataclass(frozen=True)
class Goods:
    """A database with so many products, of each of which there is no end."""

    database_url: str
    names: Sequence[str]  # in the order of their numbers, from 1

    @property
    def ids(self) -> Sequence[str]:
        """Theirs, as text."""
        return [f"019ab000-0000-7000-8000-{n:012x}" for n in range(1, len(self.names) + 1)]


async def stocked(stage: Stage, count: int, suffix: str) -> Goods:
    """An order database of its own with so many products that are tracked."""
    return await stage.once(f"goods{suffix}", partial(_fill, stage, count, suffix))


def orders(goods: Sequence[str], count: int, lines: int = LINES) -> list[bytes]:
    """So many requests, each of so many products at random, with a key of its own."""
    pick = random.Random(1)
    return [
        pb.CreateOrderRequest(
            items=[
                pb.NewOrderItem(product_id=each, quantity=1) for each in pick.sample(goods, lines)
            ],
            request_id=str(uuid4()),
        ).SerializeToString()
        for _ in range(count)
    ]


def names(count: int) -> list[str]:
    """Of so many products: words that stand in some of them or in many, as words do (Zipf)."""
    pick = random.Random(1)
    words: dict[str, None] = {}
    while len(words) < _WORDS:
        words["".join(pick.choices(_SYLLABLES, k=pick.randint(2, 4)))] = None
    shares = [1 / place for place in range(1, _WORDS + 1)]
    lengths = pick.choices(_WORDS_OF_NAME, k=count)
    drawn = iter(pick.choices([*words], shares, k=sum(lengths)))
    return [" ".join(next(drawn).title() for _ in range(length)) for length in lengths]


async def _fill(stage: Stage, count: int, suffix: str) -> Goods:
    database_url = await stage.database("order", suffix)
    made = names(count)
    async with stage.admin(database_url) as connection:
        await connection.execute(_FILL, made, timeout=_TIMEOUT_SECONDS)
        await connection.execute(_STOCK, timeout=_TIMEOUT_SECONDS)
        await connection.execute("VACUUM ANALYZE", timeout=_TIMEOUT_SECONDS)
    return Goods(database_url, made)
