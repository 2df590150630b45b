"""What payments, orders and the ledger say of the same money, to compare; and what mends it.

Each page is one statement, which sees one moment: what differs in it is not just on its way.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.transaction import UnitOfWork, transaction, write
from server.kit.postgres.writes import Write
from server.order.orders.rules import Act, paid
from server.order.payments.rules import Status
from server.order.payments.store import Orders

_PAGE = 1_000

_PAYMENT = """
    SELECT page.*, asked.*, entered.*
    FROM ({page}) AS page
    LEFT JOIN LATERAL (
        SELECT min(created_at) FILTER (WHERE status = 'OPEN') AS open_since,
               coalesce(sum(amount) FILTER (WHERE kind = 'REFUND' AND status = 'DONE'
                    AND payment_operations.provider = page.provider), 0) AS refunded_there
        FROM payment_operations WHERE payment_id = page.id::uuid
    ) AS asked ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS ledger_sum,
               coalesce(-sum(amount) FILTER (WHERE account = 'RECEIVABLE'), 0) AS ledger_captured,
               coalesce(sum(amount) FILTER (WHERE account = 'REFUNDS'), 0) AS ledger_refunded,
               coalesce(bool_or(currency <> page.currency), false) AS is_in_another_currency
        FROM ledger_entries WHERE payment_id = page.id::uuid
    ) AS entered ON true
    ORDER BY page.id::uuid
"""
_OWN = """
    SELECT id::text, order_id::text, provider, status, currency, amount, captured, refunded,
           in_progress
    FROM payments
"""
_ALL = _PAYMENT.format(
    page=f"{_OWN} WHERE $1::uuid IS NULL OR id > $1 ORDER BY payments.id LIMIT {_PAGE}"
)
_OF_PROVIDER = _PAYMENT.format(
    page=f"""{_OWN} WHERE ($1::uuid IS NULL OR id > $1) AND provider = $2
    ORDER BY payments.id LIMIT {_PAGE}"""
)
_THOSE = _PAYMENT.format(page=f"{_OWN} WHERE id = ANY($1::uuid[])")
_ELSEWHERE = """
    SELECT provider, count(*) AS count FROM payments WHERE provider <> ALL($1::text[])
    GROUP BY provider ORDER BY provider
"""

_SUMS = """
    SELECT coalesce(sum(amount) FILTER (WHERE status = 'PENDING'), 0) AS sum_payments_pending,
           coalesce(sum(amount) FILTER (WHERE status = 'AUTHORIZED'), 0) AS sum_authorized,
           coalesce(sum(captured), 0) AS sum_captured, coalesce(sum(refunded), 0) AS sum_refunded,
           coalesce(bool_or(currency <> $2), false) AS is_in_another_currency
    FROM payments WHERE order_id = $1
"""
_ORDERS = f"""
    SELECT page.*, sums.* FROM (
        SELECT id, currency, payments_pending, authorized, captured, refunded FROM orders
        WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT {_PAGE}
    ) AS page
    LEFT JOIN LATERAL ({_SUMS.replace("$1", "page.id").replace("$2", "page.currency")}) AS sums
    ON true ORDER BY page.id
"""
_LEDGER = """
    SELECT currency, sum(amount) AS sum FROM ledger_entries GROUP BY currency
    HAVING sum(amount) <> 0 ORDER BY currency
"""
_ASK_AGAIN = """
    UPDATE payment_operations SET due_at = $2
    WHERE payment_id = ANY($1::uuid[]) AND status = 'OPEN' AND due_at > $2
"""

AMOUNTS = ("payments_pending", "authorized", "captured", "refunded")
"""What an order has of its payments."""


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """A payment, and what the ledger and what was asked of its provider say of it."""

    id: str
    order_id: str
    provider: str
    status: str
    currency: str
    amount: Decimal
    captured: Decimal
    refunded: Decimal
    in_progress: bool
    open_since: datetime | None  # of what its provider has not answered
    refunded_there: Decimal  # by its provider: staff may give back otherwise, too
    ledger_sum: Decimal
    ledger_captured: Decimal
    ledger_refunded: Decimal
    is_in_another_currency: bool  # an entry

    @property
    def held_there(self) -> Decimal:
        """What its provider holds for it, and has not taken."""
        return self.amount if self.status == Status.AUTHORIZED else Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderAmounts:
    """What an order says of its payments, and what these add up to."""

    order_id: str
    currency: str
    amounts: Mapping[str, Decimal]
    sums: Mapping[str, Decimal]
    is_in_another_currency: bool  # a payment


class PostgresPaymentFacts:
    """Payments of `emporium_order`, whose amounts are set through `orders`.

    Errors as in `PaymentStore`.
    """

    def __init__(self, pool: Pool, orders: Orders) -> None:
        self._pool = pool
        self._orders = orders

    async def payments(self, provider: str | None = None) -> AsyncIterator[PaymentFact]:
        """All of them, or a provider's, by rising ids; a page in memory."""
        statement, more = (_OF_PROVIDER, [provider]) if provider else (_ALL, [])
        after: str | None = None
        while True:
            with translated():
                page = await self._pool.fetch(statement, after, *more)
            for row in page:
                yield PaymentFact(**row)
            if len(page) < _PAGE:
                return
            after = page[-1]["id"]

    async def those(self, payment_ids: Collection[str]) -> Mapping[str, PaymentFact]:
        """Those of the payments that there are."""
        with translated():
            found = await self._pool.fetch(_THOSE, payment_ids)
        return {row["id"]: PaymentFact(**row) for row in found}

    async def elsewhere(self, providers: Collection[str]) -> Mapping[str, int]:
        """How many payments there are of providers other than those."""
        with translated():
            found = await self._pool.fetch(_ELSEWHERE, providers)
        return {row["provider"]: row["count"] for row in found}

    async def orders(self) -> AsyncIterator[OrderAmounts]:
        """All orders by rising ids, a page in memory."""
        after: str | None = None
        while True:
            with translated():
                page = await self._pool.fetch(_ORDERS, after)
            for row in page:
                yield OrderAmounts(
                    order_id=str(row["id"]),
                    currency=row["currency"],
                    amounts={name: row[name] for name in AMOUNTS},
                    sums=_sums(row),
                    is_in_another_currency=row["is_in_another_currency"],
                )
            if len(page) < _PAGE:
                return
            after = page[-1]["id"]

    async def ledger(self) -> Mapping[str, Decimal]:
        """By currency what the whole ledger adds up to, where that is not zero."""
        with translated():
            return {row["currency"]: row["sum"] for row in await self._pool.fetch(_LEDGER)}

    async def ask_again(self, payment_ids: Collection[str], now: datetime) -> None:
        """Has the order service ask the providers at once what has become of what is open."""
        await write(self._pool, [Write(_ASK_AGAIN, (payment_ids, now))])

    async def set_amounts(self, order_id: str, act: Act) -> bool:
        """Sets an order's amounts to what its payments add up to.

        Not where its status would be another then, or there would be more than its total: False.
        """

        async def work(unit: UnitOfWork) -> bool:
            before = await self._orders.lock(unit, order_id, None)
            [row] = await unit.fetch(_SUMS, order_id, before.currency)
            sums = _sums(row)
            promised = sums["payments_pending"] + sums["authorized"] + sums["captured"]
            if row["is_in_another_currency"] or promised > before.total_price:
                return False
            after = replace(before, **sums)
            changed = paid(before, after, act)
            if changed.order.status is not before.status:
                return False
            if changed.order != before:
                await self._orders.keep(unit, before, changed)
            return True

        is_set = await transaction(self._pool, work)
        if is_set:
            self._orders.told(order_id)
        return is_set


def _sums(row: Record) -> dict[str, Any]:
    return {name: row[f"sum_{name}"] for name in AMOUNTS}
