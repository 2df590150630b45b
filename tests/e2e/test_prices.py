"""Quotes and price breaks by REST and by the client: what is shown, and what orders cost then."""

import uuid
from typing import Any

import pytest
import pytest_asyncio

from emporium import Emporium, OrderLine, Outdated
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target


@pytest_asyncio.fixture
async def product(staff: Rest) -> dict[str, Any]:
    """A new one, at 2.55."""
    new = {"sku": uuid.uuid4().hex, "name": "Mug", "unit_price": "2.55"}
    made: dict[str, Any] = await staff.data("POST", "/products", new)
    return made


async def test_an_order_by_rest_costs_what_was_quoted(
    staff: Rest, customer: Rest, product: dict[str, Any]
) -> None:
    path = f"/products/{product['id']}/price-breaks"
    breaks = [{"min_quantity": 10, "unit_price": "2.5"}]
    await staff.data("PUT", path, {"breaks": breaks})
    body = {"items": [{"product_id": product["id"], "quantity": count} for count in (4, 6)]}
    quote = await customer.data("POST", "/orders:quote", body)
    assert quote["steps"] == [
        {"kind": "LINES", "label": "2 lines", "amount": "25.50"},
        {"kind": "PRICE_BREAKS", "label": "for many, 2 lines", "amount": "-0.50"},
    ]
    order = await customer.data("POST", "/orders", body)
    assert order["items"] == quote["lines"]
    for part in ("currency", "subtotal", "discount", "shipping_price", "tax", "total_price"):
        assert order[part] == quote[part]
    assert order["total_price"] == "25.00"


async def test_price_breaks_have_an_etag_to_read_and_to_change_them_by(
    cluster: Cluster, staff: Rest, anyone: Rest, product: dict[str, Any]
) -> None:
    path = f"/products/{product['id']}/price-breaks"
    empty = await anyone("GET", path)
    seen = empty.headers["etag"]
    assert (await anyone("GET", path, headers={"if-none-match": seen})).status_code == 304
    breaks = [{"min_quantity": 10, "unit_price": "2.50"}]
    made = await staff("PUT", path, {"breaks": breaks}, headers={"if-match": seen})
    assert made.json()["data"]["breaks"] == breaks
    assert made.headers["etag"] != seen
    other = [{"min_quantity": 10, "unit_price": "1.00"}]
    late = await staff("PUT", path, {"breaks": other}, headers={"if-match": seen})
    assert error_of(late, 412)["code"] == "ETAG_MISMATCH"
    async with Emporium(target(cluster, "edge"), token=cluster.token("staff")) as shop:
        read = await shop.prices.breaks(product["id"])
        assert [(each.min_quantity, each.unit_price) for each in read.breaks] == [(10, "2.50")]
        changed = await shop.prices.set_breaks(product["id"], {20: "2", 10: "2.25"}, etag=read.etag)
        assert [each.min_quantity for each in changed.breaks] == [10, 20]
        with pytest.raises(Outdated):
            await shop.prices.set_breaks(product["id"], {10: "1"}, etag=read.etag)
        quote = await shop.orders.quote([OrderLine(product["id"], 20)])
        assert (quote.lines[0].unit_price, quote.total_price) == ("2.00", "40.00")


async def test_customers_set_no_prices_and_nobody_quotes_without_a_token(
    customer: Rest, anyone: Rest, product: dict[str, Any]
) -> None:
    path = f"/products/{product['id']}/price-breaks"
    error = error_of(await customer("PUT", path, {"breaks": []}), 403)
    assert error["code"] == "PERMISSION_DENIED"
    body = {"items": [{"product_id": product["id"], "quantity": 1}]}
    assert error_of(await anyone("POST", "/orders:quote", body), 401)["code"] == "UNAUTHENTICATED"
