"""The business's own choices, as far as it has to be seen at start whether they make sense."""

from server.kit.currencies import is_known
from server.settings import SettingsError, Shop


def currency_of(shop: Shop) -> str:
    """The currency that the shop sells in. Raises `SettingsError` when it is none."""
    if not is_known(shop.shop_currency):
        raise SettingsError("SHOP_CURRENCY must be a currency of ISO 4217, such as GBP")
    return shop.shop_currency
