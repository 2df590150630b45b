"""Sample data: the same users, products and orders, however often it is run."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from emporium import AlreadyExists, Emporium, OrderLine
from server.local.home import keys
from server.local.home.folder import Home, read_private, write_private
from server.local.home.record import ClusterRecord

VERSION = "small-1"  # changes with the data below
TOKEN_SECONDS = 600
AT_ONCE = 8  # calls under way at a time

# SKU, name and price in the shop's currency.
PRODUCTS = (
    ("TEAPOT-RED", "Enamel teapot, red", "18.50"),
    ("TEAPOT-BLUE", "Enamel teapot, blue", "18.50"),
    ("MUG-DOTS", "Mug with dots", "4.25"),
    ("MUG-PLAIN", "Mug, plain white", "3.10"),
    ("CANDLE-FIG", "Scented candle, fig", "9.95"),
    ("CANDLE-PINE", "Scented candle, pine", "9.95"),
    ("LAMP-DESK", "Brass desk lamp", "64.00"),
    ("CLOCK-WALL", "Railway wall clock", "39.90"),
    ("BAG-JUTE", "Jute shopping bag", "2.08"),
    ("APRON-STRIPE", "Striped apron", "14.75"),
    ("BOARD-OAK", "Oak chopping board", "27.00"),
    ("TIN-CAKE", "Cake tin, set of three", "11.60"),
)
CUSTOMERS = (
    ("grace@emporium.example", "Grace Hopper"),
    ("edgar@emporium.example", "Edgar Codd"),
    ("barbara@emporium.example", "Barbara Liskov"),
    ("donald@emporium.example", "Donald Knuth"),
    ("radia@emporium.example", "Radia Perlman"),
    ("alan@emporium.example", "Alan Kay"),
)
ORDERS = 24
FIRST_ORDER = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
BETWEEN_ORDERS = timedelta(hours=31)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Seeded:
    """How much sample data there is."""

    users: int
    products: int
    orders: int

    def __str__(self) -> str:
        return f"{self.users} users, {self.products} products, {self.orders} orders"


async def seed_once(record: ClusterRecord, home: Home, database: str) -> str:
    """Seeds unless this very `database` has these data already; returns a note on what it did."""
    file = home.data / "seeded.json"
    if read_private(file) == {"database": database, "version": VERSION}:
        return "already there"
    seeded = await seed(record, home)
    write_private(file, {"database": database, "version": VERSION})
    return str(seeded)


async def seed(record: ClusterRecord, home: Home) -> Seeded:
    """Makes the sample data in a running cluster through its services' own API.

    Repeatable: every create carries a fixed key, and what exists is left as it is. The services
    remember a key for 30 days; orders that were seeded before that are placed anew.
    """
    ids = {login.role: login.user_id for login in record.logins}
    token = keys.token(home, ids["admin"], "admin", TOKEN_SECONDS)
    async with Emporium(record.grpc, token=token, timeout_seconds=30.0) as shop:
        products = await _all(_product(shop, *each) for each in PRODUCTS)
        users = await _all(_customer(shop, *each) for each in CUSTOMERS)
        await _all(_order(shop, n, [ids["customer"], *users], products) for n in range(ORDERS))
    return Seeded(len(users) + len(ids), len(products), ORDERS)


async def _product(shop: Emporium, sku: str, name: str, price: str) -> str:
    """The product's id, whether it is new or not."""
    try:
        product = await shop.products.create(
            sku, name, price, idempotency_key=f"seed-product-{sku}"
        )
    except AlreadyExists:
        product = await anext(aiter(shop.products.list(sku=sku)))
    return product.id


async def _customer(shop: Emporium, email: str, full_name: str) -> str:
    """The account's id, whether it is new or not. It has no password, so it cannot sign in."""
    try:
        user = await shop.users.create(email, full_name, idempotency_key=f"seed-user-{email}")
    except AlreadyExists:
        user = await anext(aiter(shop.users.list(email=email)))
    return user.id


async def _order(shop: Emporium, number: int, users: list[str], products: list[str]) -> None:
    """Makes order `number`; buyer, products and quantities follow from the number alone."""
    lines = [
        OrderLine(products[(number * 5 + line * 7) % len(products)], quantity=1 + number % 4 + line)
        for line in range(1 + number % 3)
    ]
    await shop.orders.create(
        lines,
        user_id=users[number % len(users)],
        order_date=FIRST_ORDER + number * BETWEEN_ORDERS,
        idempotency_key=f"seed-order-{number}",
    )


async def _all(calls: Iterable[Awaitable[Result]]) -> list[Result]:
    """The results of all calls, in order, a few of them under way at a time."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(call: Awaitable[Result]) -> Result:
        async with turn:
            return await call

    return await asyncio.gather(*map(one, calls))
