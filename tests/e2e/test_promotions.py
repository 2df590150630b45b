"""Promotions and taxes by REST and by the client: what is shown, and what orders cost then."""

import uuid
from decimal import Decimal

from emporium import Emporium, OrderLine
from emporium.type.v1.address_pb2 import Address
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target

HOME = {"recipient": "Ann", "street": "1 High Street", "city": "Leeds", "country_code": "GB"}


async def test_a_code_and_a_tax_by_rest(staff: Rest) -> None:
    code = f"REST-{uuid.uuid4().hex[:8]}"
    new = {"code": code, "name": "Half", "percentage": "50", "uses_max": 1}
    promotion = await staff.data("POST", "/promotions", new)
    assert (promotion["kind"], promotion["uses"], promotion["stacking"]) == (
        "PERCENTAGE",
        0,
        "COMBINABLE",
    )
    assert "uses_max_per_person" not in promotion
    line = {"product_name": "Lamp", "unit_price": "12.00", "quantity": 1}
    body = {"items": [line], "shipping_address": HOME, "promotion_codes": [code.lower()]}
    quote = await staff.data("POST", "/orders:quote", body)
    # The sample data has VAT of 20% in prices.
    assert quote["steps"] == [
        {"kind": "LINES", "label": "1 line", "amount": "12.00"},
        {"kind": "PROMOTION", "label": "Half", "amount": "-6.00"},
        {"kind": "TAX", "label": "VAT 20%", "amount": "0.00", "included_tax": "1.00"},
    ]
    order = await staff.data("POST", "/orders", body)
    assert (order["promotion_codes"], order["discount"], order["included_tax"]) == (
        [code],
        "6.00",
        "1.00",
    )
    path = f"/promotions/{promotion['id']}"
    assert (await staff.data("GET", path))["uses"] == 1
    # The etag of an order is found wherever it stands, and not where somebody is embedded.
    etag = (await staff("GET", f"/orders/{order['id']}")).headers["etag"]
    assert etag == f'"{order["etag"]}"'
    assert "etag" not in (await staff("GET", f"/orders/{order['id']}?expand=user")).headers
    late = await staff("POST", "/orders:quote", body)
    assert error_of(late, 409)["code"] == "PROMOTION_USED_UP"


async def test_the_client_knows_them(cluster: Cluster) -> None:
    async with Emporium(target(cluster, "edge"), token=cluster.token("staff")) as shop:
        code = f"PY-{uuid.uuid4().hex[:8]}"
        made = await shop.promotions.create(
            code=code, name="Two off", amount=Decimal(2), uses_max=5, stacking="exclusive"
        )
        after = await shop.promotions.update(made.id, uses_max=None, active=False)
        assert (after.HasField("uses_max"), after.active) == (False, False)
        await shop.promotions.update(made.id, active=True)
        rates = [each async for each in shop.tax_rates.list(country_code="US")]
        assert [(each.rate, each.included) for each in rates] == [("8.875", False)]
        home = Address(recipient="Ann", street="1", city="Albany", country_code="US")
        lines = [OrderLine(product_name="Lamp", unit_price=10)]
        quote = await shop.orders.quote(lines, shipping_address=home, promotion_codes=[code])
        assert (quote.discount, quote.tax, quote.total_price) == ("2.00", "0.71", "8.71")
        await shop.promotions.delete(made.id)
