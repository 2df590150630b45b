"""Whether what PostgreSQL sums up is what its rows add up to.

Ledger and payments, payments and orders, movements and stocks, uses and promotions.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from server.kit import currencies
from server.ops.verify.report import Drift, Mend, Report
from server.order.orders.rules import Act, Actor, ActorKind
from server.order.payments.store.facts import (
    AMOUNTS,
    OrderAmounts,
    PaymentFact,
    PostgresPaymentFacts,
)
from server.order.pricing.store.facts import PostgresPromotionFacts
from server.order.stock.store.facts import PostgresStockFacts, StockFact

_BY_VERIFY = Actor(ActorKind.JOB, "verify")


async def compare_ledger(payments: PostgresPaymentFacts, report: Report) -> None:
    """The ledger as a whole, and of each payment: nothing of it is repaired, or made up."""
    for currency, amount in (await payments.ledger()).items():
        said = f"all entries add up to {_shown(amount, currency)}, and not to zero"
        report.drifts.append(Drift(currency, "ledger sum", said, Mend.PERSON))
    async for fact in payments.payments():
        report.payments += 1
        report.drifts += _unexplained(fact)


def _unexplained(fact: PaymentFact) -> Iterator[Drift]:
    def drift(kind: str, said: str) -> Drift:
        return Drift(fact.order_id, kind, f"{said} payment {fact.id}", Mend.PERSON)

    if fact.ledger_sum:
        amount = _shown(fact.ledger_sum, fact.currency)
        yield drift("ledger", f"{amount}, and not zero, is the sum of the entries of")
    for kind, has, explained in (
        ("ledger captured", fact.captured, fact.ledger_captured),
        ("ledger refunded", fact.refunded, fact.ledger_refunded),
    ):
        if has != explained:
            amounts = [_shown(each, fact.currency) for each in (has, explained)]
            yield drift(kind, "{} is explained as {} of".format(*amounts))
    if fact.is_in_another_currency:
        yield drift("ledger currency", f"not {fact.currency} is the currency of entries of")
    if fact.in_progress != (fact.open_since is not None):
        is_open = "nothing" if fact.in_progress else "something"
        yield drift("in progress", f"{fact.in_progress} is said, and {is_open} is open, of")


async def compare_orders(payments: PostgresPaymentFacts, report: Report) -> None:
    """What orders say of their payments.

    It is repaired where the payments themselves are without a fault, and the order's status stays.
    """
    doubtful = {each.what for each in report.drifts if each.mend in (Mend.PERSON, Mend.ASKED)}
    async for order in payments.orders():
        found = [*_unpaid(order)]
        if not found:
            continue
        mend = Mend.PERSON
        if order.order_id not in doubtful:
            mend = Mend.POSSIBLE
            if report.repairs:
                act = Act(str(uuid.uuid4()), datetime.now(UTC), _BY_VERIFY)
                is_set = await payments.set_amounts(order.order_id, act)
                mend = Mend.DONE if is_set else Mend.PERSON
        report.drifts += [drift._replace(mend=mend) for drift in found]


def _unpaid(order: OrderAmounts) -> Iterator[Drift]:
    for name in AMOUNTS:
        if order.amounts[name] != order.sums[name]:
            has, sum_ = (_shown(each[name], order.currency) for each in (order.amounts, order.sums))
            yield Drift(order.order_id, name, f"{has} is {sum_} by its payments")
    if order.is_in_another_currency:
        said = f"not {order.currency} is the currency of payments"
        yield Drift(order.order_id, "currency of payments", said)


async def compare_stocks(stocks: PostgresStockFacts, report: Report) -> None:
    """Repaired where all movements are there: they have numbers without a gap."""
    async for fact in stocks.stocks():
        report.stocks += 1
        found = [*_unmoved(fact)]
        if not found:
            continue
        mend = Mend.POSSIBLE if fact.can_be_set else Mend.PERSON
        if report.repairs:
            mend = Mend.DONE if await stocks.set(fact.product_id) else Mend.PERSON
        report.drifts += [drift._replace(mend=mend) for drift in found]


def _unmoved(fact: StockFact) -> Iterator[Drift]:
    if not fact.is_whole:
        said = f"{fact.movements} are counted, {fact.count} are there, the last is {fact.last}"
        yield Drift(fact.product_id, "movements", said)
    for kind, has, moved in (
        ("on_hand", fact.on_hand, fact.on_hand_moved),
        ("reserved", fact.reserved, fact.reserved_moved),
    ):
        if has != moved:
            yield Drift(fact.product_id, kind, f"{has} is {moved} by its movements")


async def compare_promotions(promotions: PostgresPromotionFacts, report: Report) -> None:
    """Repaired where there are no more uses than there may be."""
    async for fact in promotions.promotions():
        report.promotions += 1
        if fact.uses == fact.count:
            continue
        mend = Mend.POSSIBLE if fact.can_be_set else Mend.PERSON
        if report.repairs:
            mend = Mend.DONE if await promotions.set(fact.id) else Mend.PERSON
        said = f"{fact.uses} of {fact.code} are {fact.count} by its orders"
        report.drifts.append(Drift(fact.id, "uses", said, mend))


def _shown(amount: Decimal, currency: str) -> str:
    return f"{currencies.in_full(amount, currency):f}"
