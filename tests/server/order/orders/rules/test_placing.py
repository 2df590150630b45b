"""What an order costs, and who may say so."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit import errors
from server.order.catalog.rules import Offer, ProductNotFound
from server.order.orders.rules import (
    EventType,
    Line,
    NewOrder,
    StaffOnlyField,
    Status,
    check_staff_fields,
)
from server.order.orders.rules.placing import PriceNotAllowed
from server.order.orders.rules.quoting import CurrencyMismatch
from server.order.pricing.rules import OrderTooLarge
from tests.server.order.samples import GBP, NOW, line, new_order, placed

MUG, CUP, COIN = (str(uuid.uuid4()) for _ in range(3))
OFFERS = {
    MUG: Offer("White mug", Decimal("2.55"), GBP),
    CUP: Offer("Tea cup", Decimal("10.00"), GBP),
    COIN: Offer("Coin", Decimal("1.00"), "EUR"),
}


def of(
    product_id: str, quantity: int = 1, name: str | None = None, price: str | None = None
) -> Line:
    return Line(product_id, name, None if price is None else Decimal(price), quantity)


def test_a_customer_pays_the_catalogues_prices() -> None:
    order, event, _ = placed(of(MUG, 3), of(CUP, 2), offers=OFFERS, caller_id="ann")
    assert [item.product_name for item in order.items] == ["White mug", "Tea cup"]
    assert [item.line_total for item in order.items] == [Decimal("7.65"), Decimal("20.00")]
    assert (order.subtotal, order.total_price) == (Decimal("27.65"), Decimal("27.65"))
    assert (order.status, order.user_id, order.currency) == (Status.PENDING, "ann", GBP)
    assert order.order_date == order.created_at == order.updated_at == NOW
    assert (event.type, event.order, event.version) == (EventType.PLACED, order, 1)
    assert event.occurred_at == NOW


@pytest.mark.parametrize(
    ("sent", "name", "price"),
    [
        (of(MUG), "White mug", "2.55"),
        (of(MUG, name="Old mug"), "Old mug", "2.55"),
        (of(MUG, price="1.95"), "White mug", "1.95"),
        (of(MUG, price="0.00"), "White mug", "0.00"),
        (of(MUG, name="Old mug", price="1.95"), "Old mug", "1.95"),
        (line("Postage", "4.00"), "Postage", "4.00"),
    ],
)
def test_staff_may_override_name_and_price(sent: Line, name: str, price: str) -> None:
    item = placed(sent, offers=OFFERS).order.items[0]
    assert (item.product_name, item.unit_price) == (name, Decimal(price))


def test_staff_may_order_for_somebody_else_at_another_time() -> None:
    then = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    order, event, _ = placed(caller_id="staff", user_id="ann", order_date=then)
    assert (order.user_id, order.order_date, order.created_at) == ("ann", then, NOW)
    assert event.occurred_at == NOW


@pytest.mark.parametrize(
    ("new", "kind", "field"),
    [
        (new_order(of(MUG), of(CUP, price="1.00")), PriceNotAllowed, "items[1].unit_price"),
        (new_order(line()), PriceNotAllowed, "items[0].unit_price"),
        (new_order(of(MUG, name="My mug")), StaffOnlyField, "items[0].product_name"),
        (new_order(of(MUG), user_id="ann"), StaffOnlyField, "user_id"),
        (new_order(of(MUG), order_date=NOW), StaffOnlyField, "order_date"),
    ],
)
def test_customers_may_not_send_what_is_for_staff(
    new: NewOrder, kind: type[errors.Forbidden], field: str
) -> None:
    with pytest.raises(kind) as raised:
        check_staff_fields(new, "me")
    assert [violation.field for violation in raised.value.violations] == [field]


def test_customers_may_send_all_else() -> None:
    check_staff_fields(new_order(of(MUG), currency=GBP, user_id="me"), "me")


def test_every_missing_product_is_named() -> None:
    with pytest.raises(ProductNotFound) as raised:
        placed(of(MUG), of(str(uuid.uuid4())), of(str(uuid.uuid4()), price="1.00"), offers=OFFERS)
    fields = [violation.field for violation in raised.value.violations]
    assert fields == ["items[1].product_id", "items[2].product_id"]
    assert raised.value.message == "items[1].product_id: no such product"


@pytest.mark.parametrize(
    ("lines", "asked", "currency"),
    [
        ((of(COIN),), None, "EUR"),
        ((of(COIN),), "EUR", "EUR"),
        ((line(),), None, GBP),
        ((line(),), "USD", "USD"),
        ((line(), of(COIN)), None, "EUR"),
    ],
)
def test_the_currency_is_the_one_asked_for_or_the_products_or_the_shops(
    lines: tuple[Line, ...], asked: str | None, currency: str
) -> None:
    assert placed(*lines, offers=OFFERS, currency=asked).order.currency == currency


@pytest.mark.parametrize(
    ("lines", "asked", "field"),
    [
        ((of(MUG), of(COIN)), None, "items[1].product_id"),
        ((of(COIN), of(MUG, price="1.00")), None, "items[1].product_id"),
        ((of(MUG),), "EUR", "items[0].product_id"),
    ],
)
def test_all_products_of_an_order_share_its_currency(
    lines: tuple[Line, ...], asked: str | None, field: str
) -> None:
    with pytest.raises(CurrencyMismatch) as raised:
        placed(*lines, offers=OFFERS, currency=asked)
    assert [violation.field for violation in raised.value.violations] == [field]


def test_the_largest_total_is_kept_and_a_penny_more_is_refused() -> None:
    hundred_thousand = line("Yacht", "999999999", 100_000)  # 99,999,999,900,000
    rest = line("Rest", "99999.99")
    assert placed(hundred_thousand, rest).order.total_price == Decimal("99999999999999.99")
    with pytest.raises(OrderTooLarge, match=r"^the total may be 99999999999999\.99 at most$"):
        placed(hundred_thousand, rest, line("Penny", "0.01"))
    with pytest.raises(OrderTooLarge, match=r"^the total may be 99999999999999 at most$"):
        placed(hundred_thousand, line("Rest", "99999"), line("Yen", "1"), currency="JPY")


@pytest.mark.parametrize(
    ("lines", "currency", "fields"),
    [
        ([line(price="1.5")], "JPY", ["items[0].unit_price"]),
        ([line(), line(price="1.555"), line(price="1.5555")], None, [1, 2]),
        ([of(MUG, price="2.555")], None, ["items[0].unit_price"]),
        ([of(COIN, price="1.0001")], "EUR", ["items[0].unit_price"]),
        ([line(price="1.5555")], "KWD", ["items[0].unit_price"]),
        ([line()], "XTS", ["currency"]),
        ([line(), of(MUG)], "AAA", ["currency"]),
    ],
)
def test_prices_have_the_decimals_of_the_orders_currency(
    lines: list[Line], currency: str | None, fields: list[str | int]
) -> None:
    with pytest.raises(errors.Invalid) as raised:
        placed(*lines, offers=OFFERS, currency=currency)
    named = [each if isinstance(each, str) else f"items[{each}].unit_price" for each in fields]
    assert [violation.field for violation in raised.value.violations] == named
    assert raised.value.reason == "VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("price", "currency", "total"), [("125", "JPY", "375"), ("1.255", "KWD", "3.765")]
)
def test_sums_are_exact_in_every_currency(price: str, currency: str, total: str) -> None:
    order = placed(line("Cup", price, 3), currency=currency).order
    assert (order.subtotal, order.total_price) == (Decimal(total), Decimal(total))


@given(
    st.lists(
        st.tuples(st.decimals("0", "9999.99", places=2), st.integers(1, 1_000)),
        min_size=1,
        max_size=30,
    )
)
def test_totals_add_up_to_the_penny(sold: list[tuple[Decimal, int]]) -> None:
    lines: list[Any] = [Line(None, "Thing", price, quantity) for price, quantity in sold]
    order = placed(*lines).order
    pennies = sum(int(price * 100) * quantity for price, quantity in sold)
    assert int(order.total_price * 100) == pennies
    assert order.total_price == (order.subtotal - order.discount + order.shipping_price + order.tax)
