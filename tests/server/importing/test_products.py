"""Rows of a file of products: what they say, and why some are refused."""

from decimal import Decimal

import pytest

from server.importing.products import Known, Reason, Refused, Wanted, changes, missing, wanted
from server.importing.tables import TableRow

MUG = Known("Mug", Decimal("2.55"), "GBP", "", "active", None, ["a"])


def one(**cells: str) -> Wanted | Refused:
    [row] = wanted([TableRow(2, {"sku": "A-1", **cells})], "GBP")
    return row


def test_a_row_says_what_its_cells_say() -> None:
    row = one(
        name="Mug",
        unit_price="2.5",
        status="Draft",
        weight_grams="120.0",
        categories="Kitchen > Mugs; Gifts;Gifts",
        on_hand="7",
    )
    assert isinstance(row, Wanted)
    assert (row.name, row.unit_price, row.currency) == ("Mug", Decimal("2.5"), None)
    assert (row.status, row.weight_grams, row.on_hand) == ("draft", 120, 7)
    assert row.categories == [("Kitchen", "Mugs"), ("Gifts",)]
    assert missing(row) is None


@pytest.mark.parametrize(
    ("reason", "cells"),
    [
        (Reason.BAD_SKU, {"sku": "A 1"}),
        (Reason.BAD_SKU, {"sku": ""}),
        (Reason.BAD_NAME, {"name": "x" * 201}),
        (Reason.BAD_PRICE, {"unit_price": "2,55"}),
        (Reason.BAD_PRICE, {"unit_price": "-1"}),
        (Reason.BAD_PRICE, {"unit_price": "2.555"}),
        (Reason.BAD_PRICE, {"unit_price": "255.5", "currency": "JPY"}),
        (Reason.BAD_CURRENCY, {"currency": "GPB"}),
        (Reason.BAD_STATUS, {"status": "sold"}),
        (Reason.BAD_WEIGHT, {"weight_grams": "1.5"}),
        (Reason.BAD_WEIGHT, {"weight_grams": "1000001"}),
        (Reason.BAD_CATEGORY, {"categories": "Kitchen >"}),
        (Reason.BAD_STOCK, {"on_hand": "-1"}),
    ],
)
def test_a_row_is_refused_with_its_reason(reason: Reason, cells: dict[str, str]) -> None:
    row = one(**cells)
    assert isinstance(row, Refused)
    assert (row.line, row.reason) == (2, reason)
    assert row.detail


def test_a_sku_stands_once_whatever_its_case() -> None:
    rows = [TableRow(n, {"sku": sku}) for n, sku in enumerate(["A-1", "a-1", "B"], 2)]
    first, second, third = wanted(rows, "GBP")
    assert isinstance(first, Wanted)
    assert isinstance(third, Wanted)
    assert isinstance(second, Refused)
    assert (second.reason, second.detail) == (Reason.TWICE, "line 2 has this sku already")


def test_only_what_differs_is_changed_and_an_empty_cell_changes_nothing() -> None:
    row = one(name="Mug", unit_price="2.550", status="archived", description="")
    assert isinstance(row, Refused)  # more decimals than GBP has
    row = one(name="Mug", unit_price="2.55", status="archived", description="")
    assert isinstance(row, Wanted)
    assert changes(MUG, row, None) == {"status": "archived"}
    assert changes(MUG, row, ["a"]) == {"status": "archived"}
    assert changes(MUG, row, ["b"]) == {"status": "archived", "categories": ["b"]}
    lacking = missing(one(name="Mug"))  # type: ignore[arg-type]  # it is one that is taken
    assert lacking is not None
    assert lacking.detail == "a new product needs unit_price"
