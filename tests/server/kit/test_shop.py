"""The shop's own choices."""

import pytest

from server.kit.shop import currency_of
from server.settings import SettingsError, Shop


def test_the_shops_currency_is_one() -> None:
    assert currency_of(Shop()) == "GBP"
    assert currency_of(Shop(shop_currency="KWD")) == "KWD"
    for wrong in ("XTS", "gbp", "pounds", ""):
        with pytest.raises(SettingsError, match=r"^SHOP_CURRENCY must be a currency of ISO 4217"):
            currency_of(Shop(shop_currency=wrong))
