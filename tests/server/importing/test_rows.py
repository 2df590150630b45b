"""What one row says, and why some are not taken."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from server.importing.rows import Reason, Refused, Row, row_of
from tests.server.importing.books import NOW

GOOD = {
    "InvoiceNo": "536365",
    "StockCode": "85123A",
    "Description": "WHITE HANGING HEART",
    "Quantity": "6",
    "InvoiceDate": "2010-12-01 08:26:00",
    "UnitPrice": "2.55",
    "CustomerID": "17850.0",
    "Country": "United Kingdom",
}


def test_a_good_row_says_all_that_an_order_needs() -> None:
    row = row_of(2, GOOD, NOW)
    assert isinstance(row, Row)
    assert (row.line, row.invoice, row.is_cancellation) == (2, "536365", False)
    assert (row.sku, row.description, row.quantity) == ("85123A", "WHITE HANGING HEART", 6)
    assert row.placed_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert (row.unit_price, row.customer) == (Decimal("2.55"), "17850")


def test_a_cancellation_says_how_many_units_it_takes_back() -> None:
    row = row_of(2, {**GOOD, "InvoiceNo": "c536365", "Quantity": "-6"}, NOW)
    assert isinstance(row, Row)
    assert (row.is_cancellation, row.quantity, row.invoice) == (True, 6, "C536365")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2010-12-01 23:30:00-02:00", datetime(2010, 12, 2, 1, 30, tzinfo=UTC)),
        ("2010-12-01", datetime(2010, 12, 1, tzinfo=UTC)),
    ],
)
def test_a_time_may_have_a_zone_or_be_a_day(written: str, meant: datetime) -> None:
    row = row_of(2, {**GOOD, "InvoiceDate": written}, NOW)
    assert isinstance(row, Row)
    assert row.placed_at == meant


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"CustomerID": ""}, Reason.NO_CUSTOMER, "CustomerID"),
        ({"Description": ""}, Reason.NO_DESCRIPTION, "Description"),
        ({"UnitPrice": "0.0"}, Reason.BAD_PRICE, "0.0"),
        ({"UnitPrice": "-2.55"}, Reason.BAD_PRICE, "-2.55"),
        ({"UnitPrice": "0.001"}, Reason.BAD_PRICE, "0.001"),
        ({"UnitPrice": "1000000000"}, Reason.BAD_PRICE, "10000000"),
        ({"InvoiceDate": "0001-01-01 00:00:00+05:00"}, Reason.MALFORMED, "InvoiceDate"),
        ({"InvoiceDate": "9999-12-31 23:59:59-05:00"}, Reason.MALFORMED, "InvoiceDate"),
        ({"Quantity": "0"}, Reason.BAD_QUANTITY, "0"),
        ({"Quantity": "-6"}, Reason.BAD_QUANTITY, "-6"),
        ({"Quantity": "1.5"}, Reason.BAD_QUANTITY, "1.5"),
        ({"Quantity": "100001"}, Reason.BAD_QUANTITY, "100001"),
        ({"InvoiceNo": "C536365"}, Reason.BAD_QUANTITY, "6"),
        ({"StockCode": "POST"}, Reason.NOT_A_PRODUCT, "POST"),
        ({"StockCode": "1234"}, Reason.NOT_A_PRODUCT, "1234"),
        ({"StockCode": ""}, Reason.NOT_A_PRODUCT, "empty"),
        ({"StockCode": "85123 A"}, Reason.MALFORMED, "StockCode"),
        ({"InvoiceNo": "none"}, Reason.MALFORMED, "InvoiceNo"),
        ({"CustomerID": "17850.5"}, Reason.MALFORMED, "CustomerID"),
        ({"Quantity": "six"}, Reason.MALFORMED, "Quantity"),
        ({"Quantity": "Infinity"}, Reason.MALFORMED, "Quantity"),
        ({"UnitPrice": "NaN"}, Reason.MALFORMED, "UnitPrice"),
        ({"InvoiceDate": "1.12.2010"}, Reason.MALFORMED, "InvoiceDate"),
        ({"InvoiceDate": "2027-01-01"}, Reason.MALFORMED, "future"),
        ({"InvoiceDate": "0001-01-01T00:00:00+14:00"}, Reason.MALFORMED, "InvoiceDate"),
        ({"InvoiceDate": "9999-12-31T23:59:59-14:00"}, Reason.MALFORMED, "InvoiceDate"),
        ({"InvoiceDate": "2/30/2010 8:00"}, Reason.MALFORMED, "InvoiceDate"),
        ({"InvoiceDate": "2/3/2010 13:00 PM"}, Reason.MALFORMED, "InvoiceDate"),
        *(
            ({"InvoiceNo": invoice, column: number}, Reason.MALFORMED, column)
            for invoice in ("536365", "C536365")
            for column in ("Quantity", "UnitPrice")
            for number in (
                *("-1E+1000000", "1E+1000000", "1E-1000000", "-1E+999999", "0E+1000000"),
                *("1" * 5_000, "0." + "1" * 5_000, "sNaN", "-Infinity"),
            )
        ),
        ({"Description": "x" * 201}, Reason.MALFORMED, "Description"),
        # Of several reasons the first of the list applies.
        ({"CustomerID": "", "Description": "", "UnitPrice": "0"}, Reason.NO_CUSTOMER, ""),
        ({"UnitPrice": "0", "StockCode": "POST"}, Reason.BAD_PRICE, ""),
        ({"CustomerID": "", "Quantity": "six"}, Reason.MALFORMED, "Quantity"),
    ],
)
def test_a_row_that_is_not_taken_says_why(
    changes: dict[str, str], reason: Reason, detail: str
) -> None:
    row = row_of(7, {**GOOD, **changes}, NOW)
    assert isinstance(row, Refused)
    assert (row.line, row.reason) == (7, reason)
    assert detail in row.detail
    assert row.fields == {**GOOD, **changes}


@pytest.mark.parametrize(
    ("price", "currency", "taken"),
    [
        ("2.55", "GBP", "2.55"),
        ("2.5500", "GBP", "2.55"),
        ("2", "GBP", "2.00"),
        ("250.0", "JPY", "250"),
        ("2.555", "KWD", "2.555"),
        ("999999999.9999", "CLF", "999999999.9999"),
    ],
)
def test_a_price_has_the_decimals_of_its_currency(price: str, currency: str, taken: str) -> None:
    row = row_of(7, {**GOOD, "UnitPrice": price}, NOW, currency=currency)
    assert isinstance(row, Row)
    assert f"{row.unit_price:f}" == taken


@pytest.mark.parametrize(
    ("price", "currency", "said"),
    [
        ("2.555", "GBP", "may have 2 decimals at most in GBP"),
        ("2.5", "JPY", "may have no decimals in JPY"),
        ("2.55555", "CLF", "may have 4 decimals at most in CLF"),
    ],
)
def test_a_price_with_more_decimals_says_how_many_there_may_be(
    price: str, currency: str, said: str
) -> None:
    row = row_of(7, {**GOOD, "UnitPrice": price}, NOW, currency=currency)
    assert isinstance(row, Refused)
    assert (row.reason, row.detail) == (Reason.BAD_PRICE, f"UnitPrice is {price}, and {said}")
