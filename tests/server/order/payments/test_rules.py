"""The rules of payments by themselves: amounts, card numbers, and the ledger."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit import errors
from server.order.orders.rules import Order, PaymentStatus, cancelled, payment_status
from server.order.orders.rules import Status as OrderStatus
from server.order.payments.rules import (
    Ask,
    Entry,
    Kind,
    NewPayment,
    Operation,
    Outcome,
    Payment,
    Progress,
    Status,
    asked,
    begun,
    followed,
    settled,
)
from server.order.payments.rules.cards import has_card_number
from tests.server.order.samples import NOW, act, line, new_id, placed

WAIT = timedelta(seconds=7)
CARDS = (
    "4111111111111111",
    "5555555555554444",
    "378282246310005",
    "6011000990139424",
    "30569309025904",
)


def order(price: str = "10.00") -> Order:
    return placed(line(price=price)).order


@pytest.mark.parametrize("number", CARDS)
@pytest.mark.parametrize("between", ["", " ", "-", "  ", "\n", "_", "/", ", "])
@pytest.mark.parametrize("around", ["{}", "card: {}", "{}.", "({})", "tok_{}"])
def test_card_numbers_are_found(number: str, between: str, around: str) -> None:
    groups = [number[at : at + 4] for at in range(0, len(number), 4)]
    text = around.format(between.join(groups))
    assert has_card_number(text)
    assert has_card_number(text.translate({ord("0") + n: 0xFF10 + n for n in range(10)}))


@pytest.mark.parametrize("number", CARDS)
def test_without_luhns_check_they_are_numbers(number: str) -> None:
    """The control: one digit is another."""
    assert not has_card_number(number[:-1] + str((int(number[-1]) + 1) % 10))


@given(st.uuids())
def test_no_uuid_is_a_card_number(made: Any) -> None:
    assert not has_card_number(str(made))


@pytest.mark.parametrize("text", ["tok_approved", "1764267000123", "+44 20 7946 0958", "", "12"])
def test_what_is_no_card_number(text: str) -> None:
    assert not has_card_number(text)


@pytest.mark.parametrize(
    ("amounts", "status", "expected"),
    [
        ({}, OrderStatus.PENDING, PaymentStatus.UNPAID),
        ({"payments_pending": 10}, OrderStatus.PENDING, PaymentStatus.UNPAID),
        ({"authorized": 4}, OrderStatus.PENDING, PaymentStatus.AUTHORIZED),
        ({"authorized": 4, "captured": 4}, OrderStatus.PENDING, PaymentStatus.PARTIALLY_PAID),
        ({"captured": 10}, OrderStatus.PAID, PaymentStatus.PAID),
        ({"captured": 10, "refunded": 4}, OrderStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED),
        ({"captured": 4, "refunded": 4}, OrderStatus.CANCELLED, PaymentStatus.REFUNDED),
        ({"total_price": 0}, OrderStatus.PENDING, PaymentStatus.UNPAID),
        ({"total_price": 0}, OrderStatus.CANCELLED, PaymentStatus.UNPAID),
        ({"total_price": 0}, OrderStatus.SHIPPED, PaymentStatus.PAID),
    ],
)
def test_how_far_an_order_is_paid(
    amounts: dict[str, int], status: OrderStatus, expected: PaymentStatus
) -> None:
    given: dict[str, Any] = {name: Decimal(amount) for name, amount in amounts.items()}
    assert payment_status(replace(order(), status=status, **given)) is expected


class Books:
    """An order with its payments, its ledger, and a provider that does as it is told."""

    def __init__(self) -> None:
        self.order = order()
        self.payments: dict[str, Payment] = {}
        self.open: list[Operation] = []
        self.entries: list[Entry] = []

    def pay(self, amount: Decimal, *, captures: bool) -> None:
        new = NewPayment(new_id(), new_id(), "sandbox", amount, captures)
        self._keep(begun(self.order, new, len(self.payments), act(), WAIT))

    def ask(self, kind: Kind, number: int, amount: Decimal | None) -> None:
        payment = [*self.payments.values()][number % len(self.payments)]
        self._keep(asked(self.order, payment, Ask(new_id(), kind, amount), act(), WAIT))

    def answer(self, number: int, *, is_done: bool) -> None:
        operation = self.open.pop(number % len(self.open))
        payment = self.payments[operation.payment_id]
        self._keep(settled(self.order, payment, operation, Outcome(is_done), new_id, NOW))

    def cancel(self) -> None:
        before, (_, event) = self.order, cancelled(self.order, "", act())
        if event:
            self.order = event.order
            for step in [*followed(before, event, [*self.payments.values()], new_id)]:
                self._keep(step)

    def _keep(self, step: Any) -> None:
        self.order = step.order.order
        self.payments[step.payment.id] = step.payment
        self.open += [
            each for each in (step.operation, step.next) if each and each.status is Progress.OPEN
        ]
        self.entries += step.entries

    def check(self) -> None:
        known = self.order
        of = [*self.payments.values()]
        assert known.payments_pending + known.authorized + known.captured <= known.total_price
        assert known.captured == sum(each.captured for each in of)
        assert known.refunded == sum(each.refunded for each in of)
        held = sum(each.amount for each in of if each.status is Status.AUTHORIZED)
        assert known.authorized == held
        assert sum(each.amount for each in self.entries) == 0
        balance = sum(e.amount for e in self.entries if e.account == "PROVIDER_BALANCE")
        assert balance == known.captured - known.refunded
        if known.status is OrderStatus.PAID:
            assert known.captured == known.total_price


AMOUNTS = st.integers(1, 1_100).map(lambda pence: Decimal(pence) / 100)
NUMBERS = st.integers(0, 7)
STEPS = st.one_of(
    st.tuples(st.just("pay"), AMOUNTS, st.booleans()),
    st.tuples(
        st.just("ask"), st.sampled_from([Kind.CAPTURE, Kind.VOID, Kind.REFUND]), NUMBERS, AMOUNTS
    ),
    st.tuples(st.just("answer"), NUMBERS, st.booleans()),
    st.tuples(st.just("cancel")),
)


@given(st.lists(STEPS, max_size=40))
def test_whatever_is_done_the_amounts_add_up(steps: list[Any]) -> None:
    books = Books()
    for name, *arguments in steps:
        try:
            if name == "pay":
                books.pay(arguments[0], captures=arguments[1])
            elif name == "ask" and books.payments:
                amount = None if arguments[0] is Kind.VOID else arguments[2]
                books.ask(arguments[0], arguments[1], amount)
            elif name == "answer" and books.open:
                books.answer(arguments[0], is_done=arguments[1])
            elif name == "cancel":
                books.cancel()
        except errors.Conflict:
            continue
        books.check()
    # Once the provider has answered for everything, a cancelled order keeps nothing.
    for _ in count():
        if not books.open:
            break
        books.answer(0, is_done=True)
        books.check()
    if books.order.status is OrderStatus.CANCELLED:
        refused = any(name == "answer" and not rest[1] for name, *rest in steps)
        assert refused or books.order.captured == books.order.refunded
        assert refused or not books.order.authorized
