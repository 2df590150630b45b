"""What rows become: orders, and cancellations of them."""

import csv
import random
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.importing.files import read
from server.importing.plan import LINES_MAX, Plan, plan
from server.importing.records import Sums
from server.importing.rows import Reason, Row
from tests.server.importing.books import FIRST, MESSY, NOW, bought, cancelled


def lines_of(made: Plan) -> list[tuple[str, bool, list[tuple[str, int]]]]:
    return [
        (order.name, order.is_cancelled, [(line.sku, line.quantity) for line in order.lines])
        for order in made.orders
    ]


def test_an_invoice_becomes_one_order_at_its_earliest_moment() -> None:
    made = plan([bought(2, minutes=5), bought(3, sku="10002", minutes=1), bought(4, "900002")])
    assert lines_of(made) == [
        ("900001", False, [("10001", 10), ("10002", 10)]),
        ("900002", False, [("10001", 10)]),
    ]
    assert made.orders[0].placed_at == FIRST + timedelta(minutes=1)


def test_an_invoice_of_two_customers_becomes_two_orders() -> None:
    made = plan([bought(2), bought(3, customer="502")])
    assert [order.customer for order in made.orders] == ["501", "502"]
    assert len({order.key for order in made.orders}) == 2


def test_what_a_cancellation_takes_back_becomes_an_order_of_its_own() -> None:
    made = plan([bought(2), bought(3, sku="10002"), cancelled(4, 4)])
    assert lines_of(made) == [
        ("900001", False, [("10001", 6), ("10002", 10)]),
        ("C900009 of 900001", True, [("10001", 4)]),
    ]
    assert made.orders[1].placed_at == made.orders[0].placed_at
    assert (made.rows_taken, made.cancellations_matched) == (2, 1)
    assert made.total == Sums(2, 20, Decimal("50.00"), Decimal("10.00"))


def test_an_invoice_that_is_taken_back_whole_leaves_only_its_cancellation() -> None:
    assert lines_of(plan([bought(2), cancelled(3, 10)])) == [
        ("C900009 of 900001", True, [("10001", 10)])
    ]


def test_a_cancellation_means_the_latest_line_that_has_so_many_units() -> None:
    rows = [bought(2, "900001"), bought(3, "900002"), bought(4, "900003", quantity=3)]
    made = plan([*rows, cancelled(5, 4), cancelled(6, 7)])
    assert [order.name for order in made.orders if order.is_cancelled] == [
        "C900009 of 900002",
        "C900009 of 900001",
    ]


def test_a_line_gives_back_no_more_than_it_had() -> None:
    made = plan([bought(2), cancelled(3, 6), cancelled(4, 5), cancelled(5, 4)])
    assert made.cancellations_matched == 2
    assert [(row.line, row.reason) for row in made.refused] == [(4, Reason.UNMATCHED_CANCELLATION)]


def test_a_cancellation_of_something_else_is_refused() -> None:
    others = [
        cancelled(3, 1, sku="10002"),
        cancelled(4, 1, price="2.51"),
        bought(5, "C900009", quantity=1, customer="502"),
        bought(6, "C900009", quantity=1, minutes=0),  # before anything was bought
    ]
    made = plan([bought(2), *others])
    assert made.reasons == {Reason.UNMATCHED_CANCELLATION: 4}
    assert len(made.orders) == 1


def test_a_file_need_not_be_in_order() -> None:
    rows = [bought(2), bought(3, "900002"), cancelled(4, 4), bought(5, sku="10002")]
    shuffled = random.Random(7).sample(rows, len(rows))
    assert plan(shuffled).total == plan(rows).total
    assert {o.key for o in plan(shuffled).orders} == {o.key for o in plan(rows).orders}


def test_a_product_is_what_the_file_first_says_of_it_whatever_the_case_of_its_code() -> None:
    made = plan([bought(2, sku="10001a"), bought(3, sku="10001A", price="9.99")])
    assert [(each.sku, each.unit_price) for each in made.products] == [("10001a", Decimal("2.50"))]


def test_a_long_invoice_is_split_the_same_way_every_time() -> None:
    rows = [bought(line, minutes=0) for line in range(2, LINES_MAX + 7)]
    first, second = plan(rows), plan(rows)
    assert [(order.name, len(order.lines)) for order in first.orders] == [
        ("900001", LINES_MAX),
        ("900001, part 2", 5),
    ]
    assert [order.key for order in first.orders] == [order.key for order in second.orders]


def test_no_two_things_share_a_key() -> None:
    made = plan(read(MESSY, NOW).rows)
    keys = [customer.key for customer in made.customers]
    keys += [product.key for product in made.products]
    keys += [order.key for order in made.orders]
    assert len(keys) == len(set(keys))


def test_the_messy_file_comes_to_what_an_independent_sum_says() -> None:
    made = plan(read(MESSY, NOW).rows)
    assert made.reasons == {
        Reason.NOT_A_PRODUCT: 2,
        Reason.BAD_PRICE: 1,
        Reason.NO_DESCRIPTION: 1,
        Reason.NO_CUSTOMER: 1,
        Reason.BAD_QUANTITY: 1,
        Reason.MALFORMED: 3,
        Reason.UNMATCHED_CANCELLATION: 2,
    }
    assert (made.rows_taken, made.cancellations_matched) == (6, 4)
    with MESSY.open(newline="", encoding="utf-8") as file:
        taken = [row for number, row in enumerate(csv.DictReader(file), 2) if number in _TAKEN]
    gross: Counter[str] = Counter()
    for row in taken:
        pence = Decimal(row["UnitPrice"]) * 100 * int(row["Quantity"])
        gross[row["InvoiceDate"][:10]] += int(pence)
    assert {day.isoformat(): sums.gross * 100 for day, sums in made.days.items()} == gross
    assert made.days[date(2009, 6, 1)].cancelled == Decimal("25.90")
    assert made.days[date(2009, 6, 3)] == Sums(1, 7, Decimal("23.45"), Decimal("23.45"))
    assert made.total.net == Decimal("65.30")


# Lines of the file that a person would take: those of products, with all that an order needs.
_TAKEN = {2, 3, 4, 5, 7, 21}


@st.composite
def many_rows(draw: st.DrawFn) -> list[Row]:
    def row(line: int) -> Any:
        sale = st.builds(
            bought,
            st.just(line),
            st.sampled_from(["900001", "900002", "900003"]),
            st.sampled_from(["10001", "10002"]),
            st.integers(1, 20),
            st.sampled_from(["0.01", "2.50"]),
            st.sampled_from(["501", "502"]),
            st.integers(0, 3_000),
        )
        undo = st.builds(
            bought,
            st.just(line),
            st.sampled_from(["C900004", "C900005"]),
            st.sampled_from(["10001", "10002"]),
            st.integers(1, 20),
            st.sampled_from(["0.01", "2.50"]),
            st.sampled_from(["501", "502"]),
            st.integers(0, 3_000),
        )
        return draw(st.one_of(sale, undo))

    return [row(line) for line in range(2, 2 + draw(st.integers(0, 25)))]


@given(many_rows())
def test_whatever_is_cancelled_no_penny_and_no_row_is_lost(rows: list[Row]) -> None:
    made = plan(rows)
    sold = [row for row in rows if not row.is_cancellation]
    refused = {row.line for row in made.refused}
    undone = [row for row in rows if row.is_cancellation and row.line not in refused]
    assert made.total.gross == sum(row.unit_price * row.quantity for row in sold)
    assert made.total.units == sum(row.quantity for row in sold)
    assert made.total.cancelled == sum(row.unit_price * row.quantity for row in undone)
    assert made.rows_taken + made.cancellations_matched + len(made.refused) == len(rows)
    assert sum((day.gross for day in made.days.values()), Decimal(0)) == made.total.gross
    assert len({order.key for order in made.orders}) == len(made.orders)
