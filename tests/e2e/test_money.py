"""The largest amounts of every kind of currency, sent by one door and read by the others."""

import uuid
from decimal import Decimal
from typing import Any

import pytest

from emporium import Emporium, InvalidRequest, OrderLine, Targets
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target, violated_fields
from tests.waiting import until

# The currency, the largest price of one, the largest total, and nothing.
LARGEST = [
    ("JPY", "999999999", "99999999999999", "0"),
    ("USD", "999999999.99", "99999999999999.99", "0.00"),
    ("KWD", "999999999.999", "99999999999999.999", "0.000"),
    ("UYW", "999999999.9999", "99999999999999.9999", "0.0000"),
]


@pytest.mark.parametrize(("currency", "price", "total", "nothing"), LARGEST)
async def test_the_largest_amounts_are_the_same_by_every_door(
    cluster: Cluster, staff: Rest, anyone: Rest, currency: str, price: str, total: str, nothing: str
) -> None:
    new = {"sku": uuid.uuid4().hex, "name": "Yacht", "unit_price": price, "currency": currency}
    product = await staff.data("POST", "/products", new)
    assert (product["unit_price"], product["currency"]) == (price, currency)
    assert await anyone.data("GET", f"/products/{product['id']}") == product

    rest = Decimal(total) - Decimal(price) * 100_000
    lines = [OrderLine(product["id"], 100_000), OrderLine(product_name="Rest", unit_price=rest)]
    token, before = cluster.token("staff"), await _sold(staff, currency)
    for door in (target(cluster, "edge"), Targets(**cluster.record.grpc)):
        async with Emporium(door, token=token) as shop:
            order = await shop.orders.create(lines, currency=currency)
            assert (order.subtotal, order.tax, order.total_price) == (total, nothing, total)
            assert order.items[0].line_total == f"{Decimal(price) * 100_000:f}"
            assert await shop.orders.get(order.id) == order
        read = await staff.data("GET", f"/orders/{order.id}")
        assert (read["subtotal"], read["tax"], read["total_price"]) == (total, nothing, total)
        assert read["items"][0]["unit_price"] == price

    async def is_reported() -> bool:
        return await _sold(staff, currency) == before + 2 * Decimal(total)

    await until(is_reported)
    report = await staff.data("GET", f"/reports/sales?currency={currency}")
    figures = report["total"]
    decimals = len(nothing.partition(".")[2])
    assert all(
        len(figures[name].partition(".")[2]) == decimals
        for name in ("gross", "cancelled", "refunded", "net")
    )


async def _sold(staff: Rest, currency: str) -> Decimal:
    report = await staff.data("GET", f"/reports/sales?currency={currency}")
    return Decimal(report["total"]["gross"])


@pytest.mark.parametrize(
    ("currency", "price", "field", "said"),
    [
        ("JPY", "1.5", "unit_price", "may have no decimals in JPY"),
        ("USD", "1.255", "unit_price", "may have 2 decimals at most in USD"),
        ("KWD", "1.2555", "unit_price", "may have 3 decimals at most in KWD"),
        ("XTS", "1", "currency", "must be a currency of ISO 4217, such as GBP"),
    ],
)
async def test_what_the_currency_does_not_have_is_refused_by_every_door(
    cluster: Cluster, staff: Rest, currency: str, price: str, field: str, said: str
) -> None:
    new: dict[str, Any] = {"sku": uuid.uuid4().hex, "name": "Cup", "unit_price": price}
    error = error_of(await staff("POST", "/products", new | {"currency": currency}), 422)
    assert (error["code"], error["message"]) == ("VALIDATION_FAILED", f"{field}: {said}")
    assert violated_fields(error) == {field}
    line = {"product_name": "Cup", "unit_price": price, "quantity": 1}
    body = {"items": [line], "currency": currency}
    error = error_of(await staff("POST", "/orders", body), 422)
    named = "currency" if field == "currency" else f"items[0].{field}"
    assert (error["message"], violated_fields(error)) == (f"{named}: {said}", {named})
    async with Emporium(target(cluster, "edge"), token=cluster.token("staff")) as shop:
        with pytest.raises(InvalidRequest, match=said):
            await shop.products.create(new["sku"], "Cup", price, currency=currency)
