"""What is given back for a return: by which payments of its order, and what becomes of it then."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from server.kit import currencies, errors
from server.order.orders.rules import Act, Order
from server.order.payments.rules import Operation, Payment, Progress
from server.order.returns.rules.returns import (
    Edit,
    RefundInProgress,
    RefundTooLarge,
    Return,
    ReturnChanged,
    Status,
    stamped,
)


class Refund(NamedTuple):
    """A return for which something is given back, and how much by which payments."""

    changed: ReturnChanged
    parts: Sequence[tuple[Payment, Decimal]]


def refunding(
    returned: Return, order: Order, payments: Sequence[Payment], edit: Edit, act: Act
) -> Refund:
    """`returned` as the providers of `payments`, which are the order's, are asked to give back.

    Never more than what was accepted cost, nor than is left of what was paid. Where nothing is
    given back it is REFUNDED at once. Raises `RefundInProgress`, `RefundTooLarge` and `Invalid`.
    """
    if returned.open_refunds:
        raise RefundInProgress("a refund of the return is under way")
    most = min(returned.refundable - returned.refunded, order.captured - order.refunded)
    amount = _amount(edit.refund_amount, most, returned.currency)
    if not amount:
        return Refund(stamped(returned, act, Status.REFUNDED), ())
    parts = []
    left = amount
    for payment in payments:
        if part := min(left, payment.left):
            parts.append((payment, currencies.in_full(part, returned.currency)))
            left -= part
    asked = replace(returned, asked=returned.refunded + amount, open_refunds=len(parts))
    return Refund(stamped(asked, act), parts)


def answered(returned: Return, operation: Operation, act: Act) -> ReturnChanged:
    """`returned` after a provider has answered for a refund: REFUNDED with the last of them.

    Where one of them was refused it stays as it is, and what is left may be asked for again.
    """
    is_done = operation.status is Progress.DONE
    after = replace(
        returned,
        open_refunds=returned.open_refunds - 1,
        refunded=returned.refunded + (operation.amount if is_done else Decimal(0)),
    )
    is_over = not after.open_refunds and after.refunded == after.asked
    return stamped(after, act, Status.REFUNDED if is_over else None)


def _amount(amount: Decimal | None, most: Decimal, currency: str) -> Decimal:
    if amount is None:
        return most
    errors.Invalid.check(currencies.too_fine(amount, currency, "refund_amount"))
    if amount > most:
        left = currencies.in_full(most, currency)
        raise RefundTooLarge(
            f"refund_amount: {left:f} {currency} can be given back", field="refund_amount"
        )
    return amount
