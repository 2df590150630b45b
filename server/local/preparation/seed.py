"""Makes the sample data through the services' own API."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from emporium import Address, AlreadyExists, Emporium, NotFound, OrderLine, User
from server.local.home.acting import acting_as
from server.local.home.record import ClusterRecord
from server.local.preparation.sample_data import (
    ADDRESS,
    BETWEEN_ORDERS,
    CATEGORIES,
    CUSTOMERS,
    FIRST_ORDER,
    ORDERS,
    PRODUCTS,
    PROMOTION_CODE,
    SHIPPING_METHODS,
    STOCK,
    TAX_RATES,
    WEIGHTS_GRAMS,
    price_in,
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
    token = acting_as(record, "admin")
    async with Emporium(record.grpc, token=token, timeout_seconds=30.0) as shop:
        currency = await _currency(shop)
        categories = await _categories(shop)
        products = await _all(
            _product(shop, sku, name, price_in(currency, price), categories[sku.partition("-")[0]])
            for sku, name, price in PRODUCTS
        )
        ids = {sku: product for (sku, *_), product in zip(PRODUCTS, products, strict=True)}
        await _shipping_methods(shop, currency)
        await _all(_tax_rate(shop, *each) for each in TAX_RATES)
        await _promotion(shop)
        await _all(_stock(shop, ids[sku], *counts) for sku, *counts in STOCK)
        users = await _all(_customer(shop, *each) for each in CUSTOMERS)
        buyers = [await _demo_customer(shop, record), *users]
        await _all(_address(shop, each) for each in buyers if each)
        placed = await _all(_order(shop, n, buyers, products) for n in range(ORDERS))
    return Seeded(len(users) + len(record.logins), len(products), sum(placed))


async def _currency(shop: Emporium) -> str:
    """The shop's currency, which the services know: a report is in that where none is asked for."""
    day = FIRST_ORDER.date()
    return (await shop.reports.sales(day, day)).currency


async def _categories(shop: Emporium) -> dict[str, str]:
    """The categories' ids by the beginnings of SKUs, whether they are new or not."""
    known = {each.name: each.id async for each in shop.categories.list(per_page=100)}
    found: dict[str, str] = {}
    for name, above, beginnings in CATEGORIES:
        if name not in known:
            made = await shop.categories.create(
                name, parent_id=known.get(above, ""), idempotency_key=f"seed-category-{name}"
            )
            known[name] = made.id
        found |= dict.fromkeys(beginnings, known[name])
    return found


async def _shipping_methods(shop: Emporium, currency: str) -> None:
    """Adds those that are not there."""
    known = {each.name async for each in shop.shipping_methods.list(per_page=100)}
    for name, zones in SHIPPING_METHODS:
        if name not in known:
            await shop.shipping_methods.create(
                name,
                [
                    {
                        "country_codes": countries,
                        "bands": [
                            {
                                "max_weight_grams": most or None,
                                "price": f"{price_in(currency, price):f}",
                            }
                            for most, price in bands
                        ],
                    }
                    for countries, bands in zones
                ],
                idempotency_key=f"seed-shipping-method-{name.replace(' ', '-')}",
            )


async def _product(shop: Emporium, sku: str, name: str, price: Decimal, category: str) -> str:
    """The product's id, whether it is new or not."""
    try:
        product = await shop.products.create(
            sku,
            name,
            price,
            categories=[category],
            weight_grams=WEIGHTS_GRAMS[sku.partition("-")[0]],
            idempotency_key=f"seed-product-{sku}",
        )
    except AlreadyExists:
        product = await anext(aiter(shop.products.list(sku=sku)))
    return product.id


async def _tax_rate(
    shop: Emporium, country_code: str, name: str, rate: Decimal, included: bool
) -> None:
    """A rate, unless the country has one."""
    known = [each async for each in shop.tax_rates.list(country_code=country_code)]
    if not any(each.category_id == "" for each in known):
        key = f"seed-tax-rate-{country_code}"
        await shop.tax_rates.create(
            country_code, name, rate, included=included, idempotency_key=key
        )


async def _promotion(shop: Emporium) -> None:
    """A code to try, unless there is one of that name."""
    if not [each async for each in shop.promotions.list(code=PROMOTION_CODE)]:
        await shop.promotions.create(
            code=PROMOTION_CODE,
            name="Welcome, 10% off",
            percentage=10,
            uses_max_per_person=1,
            idempotency_key="seed-promotion",
        )


async def _stock(shop: Emporium, product_id: str, on_hand: int, low_stock_at: int) -> None:
    """Counts what is there, unless somebody has done so before."""
    if not (await shop.stock.get(product_id)).HasField("updated_at"):
        await shop.stock.adjust(
            product_id, on_hand, "counted", idempotency_key=f"seed-stock-{product_id}"
        )
        await shop.stock.update(product_id, low_stock_at=low_stock_at)


async def _customer(shop: Emporium, email: str, full_name: str) -> str:
    """The account's id, whether it is new or not. It has no password, so it cannot sign in."""
    try:
        user = await shop.users.create(email, full_name, idempotency_key=f"seed-user-{email}")
    except AlreadyExists:
        user = await anext(aiter(shop.users.list(email=email)))
    return user.id


async def _address(shop: Emporium, user_id: str) -> None:
    """A saved address, unless the customer has one."""
    if not [each async for each in shop.addresses.list(user_id)]:
        home = Address(**ADDRESS)
        key = f"seed-address-{user_id}"
        await shop.addresses.create(user_id, home, label="Home", idempotency_key=key)


async def _demo_customer(shop: Emporium, record: ClusterRecord) -> str:
    """The account's id; empty when it is there no more, or was suspended."""
    for login in record.logins:
        if login.role == "customer":
            try:
                user = await shop.users.get(login.user_id)
            except NotFound:
                return ""
            return user.id if user.status == User.ACTIVE else ""
    return ""


async def _order(shop: Emporium, number: int, buyers: list[str], products: list[str]) -> bool:
    """Makes order `number`; buyer, products and quantities follow from the number alone.

    False: it has no buyer.
    """
    buyer = buyers[number % len(buyers)]
    if not buyer:
        return False
    lines = [
        OrderLine(products[(number * 5 + line * 7) % len(products)], quantity=1 + number % 4 + line)
        for line in range(1 + number % 3)
    ]
    await shop.orders.create(
        lines,
        user_id=buyer,
        order_date=FIRST_ORDER + number * BETWEEN_ORDERS,
        idempotency_key=f"seed-order-{number}",
    )
    return True


async def _all(calls: Iterable[Awaitable[Result]]) -> list[Result]:
    """The results of all calls, in order, a few of them under way at a time."""
    turn = asyncio.Semaphore(CONCURRENT_CALLS)

    async def one(call: Awaitable[Result]) -> Result:
        async with turn:
            return await call

    return await asyncio.gather(*map(one, calls))
