"""Makes the sample data through the services' own API."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from emporium import AlreadyExists, Emporium, OrderLine
from server.local.home.acting import acting_as
from server.local.home.record import ClusterRecord
from server.local.preparation.sample_data import (
    BETWEEN_ORDERS,
    CUSTOMERS,
    FIRST_ORDER,
    ORDERS,
    PRODUCTS,
)

CONCURRENT_CALLS = 8

Result = TypeVar("Result")


@dataclass(frozen=True)
class Seeded:
    """How much sample data there is."""

    users: int
    products: int
    orders: int

    def __str__(self) -> str:
        return f"{self.users} users, {self.products} products, {self.orders} orders"


async def seed(record: ClusterRecord) -> Seeded:
    """Makes the sample data in a running cluster through its services' own API.

    Repeatable: every create carries a fixed key, and what exists is left as it is. The services
    remember a key for 30 days; orders that were seeded before that are placed anew.
    """
    ids = {login.role: login.user_id for login in record.logins}
    token = acting_as(record, "admin")
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
    turn = asyncio.Semaphore(CONCURRENT_CALLS)

    async def one(call: Awaitable[Result]) -> Result:
        async with turn:
            return await call

    return await asyncio.gather(*map(one, calls))
