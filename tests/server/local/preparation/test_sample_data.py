"""The sample data, in whatever currency the shop sells."""

from decimal import Decimal

import pytest

from server.local.preparation.sample_data import PRODUCTS, price_in


@pytest.mark.parametrize(
    ("currency", "shown"),
    [("GBP", "18.50"), ("JPY", "1850"), ("KWD", "18.500"), ("CLF", "18.5000")],
)
def test_prices_have_the_decimals_of_the_shops_currency(currency: str, shown: str) -> None:
    assert f"{price_in(currency, '18.50'):f}" == shown
    in_hundredths = [Decimal(price) * 100 for _, _, price in PRODUCTS]
    assert all(price == price.to_integral_value() for price in in_hundredths)
