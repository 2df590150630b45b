"""Currencies and their decimals."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit import currencies
from server.kit.currencies import decimals_of, in_full, is_known, most_in, too_fine, unknown

KNOWN = sorted(currencies._DECIMALS)
# What a column of the type numeric(18,4) holds.
AMOUNTS = st.decimals("-99999999999999", "99999999999999", places=4)


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [
        ("GBP", 2),
        ("USD", 2),
        ("EUR", 2),
        ("JPY", 0),
        ("KRW", 0),
        ("KWD", 3),
        ("TND", 3),
        ("CLF", 4),
    ],
)
def test_decimals_are_those_of_the_standard(currency: str, decimals: int) -> None:
    assert is_known(currency)
    assert decimals_of(currency) == decimals


@pytest.mark.parametrize("code", ["XAU", "XDR", "XTS", "XXX", "ZZZ", "DEM", "gbp", "", "G"])
def test_what_nobody_pays_with_is_no_currency(code: str) -> None:
    assert not is_known(code)
    [violation] = unknown(code)
    assert violation == ("currency", "must be a currency of ISO 4217, such as GBP")
    assert not [*unknown(None)]


def test_no_currency_has_more_decimals_than_the_databases_keep() -> None:
    assert len(KNOWN) > 150
    assert {decimals_of(each) for each in KNOWN} == {0, 2, 3, 4}


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        ("1", "JPY", None),
        ("1.0", "JPY", "may have no decimals in JPY"),
        ("1.5", "JPY", "may have no decimals in JPY"),
        ("1.25", "USD", None),
        ("1.250", "USD", "may have 2 decimals at most in USD"),
        ("1.255", "USD", "may have 2 decimals at most in USD"),
        ("1.255", "KWD", None),
        ("1.2555", "KWD", "may have 3 decimals at most in KWD"),
        ("1.2555", "CLF", None),
    ],
)
def test_an_amount_has_no_more_decimals_than_its_currency(
    amount: str, currency: str, said: str | None
) -> None:
    found = [*too_fine(Decimal(amount), currency, "unit_price")]
    assert found == ([("unit_price", said)] if said else [])
    assert not [*too_fine(None, currency, "unit_price")]


@given(AMOUNTS, st.sampled_from([*KNOWN, "QQQ"]))
def test_an_amount_in_full_is_the_same_amount(amount: Decimal, currency: str) -> None:
    whole = in_full(amount, currency)
    assert whole == amount
    written = f"{whole:f}".partition(".")[2]
    assert len(written) == decimals_of(currency) or not written.endswith("0")
    assert len(written) >= decimals_of(currency)


@given(AMOUNTS, st.sampled_from(KNOWN))
def test_the_most_of_a_currency_is_below_and_the_next_one_above(
    amount: Decimal, currency: str
) -> None:
    most = most_in(currency, amount)
    assert most <= amount < most + currencies.unit_of(currency)
