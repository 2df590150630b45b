"""What orders do to stocks: they reserve, and what they hold is committed, released, put back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from server.kit import errors
from server.kit.errors import Violation
from server.order.stock.rules.stock import ON_HAND_MAX, Cause, Change, Kind, Stock, moved

Stocks = Mapping[str, Stock]
"""By product id."""


class OutOfStock(errors.Conflict):
    """There is less of a product than is asked for."""

    reason = "OUT_OF_STOCK"


class Line(NamedTuple):
    """One line of an order; None: it is of no product."""

    product_id: str | None
    quantity: int


class Held(NamedTuple):
    """What an order has of a product, as the movements for it add up."""

    product_id: str
    reserved: int
    committed: int


@dataclass(frozen=True, slots=True)
class Claim:
    """An order that reserves, or moves what it has."""

    lines: Sequence[Line]
    cause: Cause
    gone: Mapping[str, int] = field(default_factory=dict)  # of each product, what was sent by then

    @property
    def wanted(self) -> Mapping[str, int]:
        """How many of each product."""
        return counted(self.lines)


def counted(lines: Iterable[tuple[str | None, int]]) -> Mapping[str, int]:
    """How many of each product `lines` have together."""
    found: dict[str, int] = {}
    for product_id, quantity in lines:
        if product_id:
            found[product_id] = found.get(product_id, 0) + quantity
    return found


class Step(NamedTuple):
    """What becomes of an order, and so of its stock."""

    kinds: Sequence[Kind]  # one after the other
    in_full: bool = False  # what is sent has to be there, and is committed if it was not


PAID = Step((Kind.COMMITTED,))
SENT = Step((Kind.COMMITTED,), in_full=True)
ENDED = Step((Kind.RELEASED,))
PUT_BACK = Step((Kind.RELEASED, Kind.RESTOCKED))


def reserved(stocks: Stocks, claim: Claim) -> Sequence[Change]:
    """What `claim` changes. Raises `OutOfStock`, naming each line of a product that is short."""
    wanted = [
        (stocks[product_id], quantity)
        for product_id, quantity in claim.wanted.items()
        if product_id in stocks and stocks[product_id].tracked
    ]
    left = {stock.product_id: _left(stock) for stock, count in wanted if count > _left(stock)}
    if left:
        raise _short(claim, left)
    return [moved(stock, Kind.RESERVED, claim.cause, reserved=count) for stock, count in wanted]


def settled(stocks: Stocks, held: Sequence[Held], claim: Claim, step: Step) -> Sequence[Change]:
    """What becomes of what the order of `claim` has.

    Of a product that was ordered beyond its stock, only what is there can be committed; the rest
    stays reserved until it is sent. Raises `OutOfStock` when it is not there then either. What was
    sent is not put back. Of a product that was deleted there is no stock any more, and nothing to
    move.
    """
    held = [each for each in held if each.product_id in stocks]
    now, changes = dict(stocks), []
    if step.in_full:
        held = [_owed(each, claim) for each in held]
        _check_is_there(stocks, held, claim)
    for kind in step.kinds:
        for each in held:
            if change := _settled(now[each.product_id], each, kind, claim):
                now[each.product_id] = change.stock
                changes.append(change)
    return changes


def _owed(held: Held, claim: Claim) -> Held:
    """Of what is reserved, as many as were sent by now and are not committed yet."""
    owed = claim.gone.get(held.product_id, 0) - held.committed
    return held._replace(reserved=min(max(owed, 0), held.reserved))


def _settled(stock: Stock, held: Held, kind: Kind, claim: Claim) -> Change | None:
    cause = claim.cause
    if kind is Kind.COMMITTED and (count := min(held.reserved, stock.on_hand)):
        return moved(stock, kind, cause, on_hand=-count, reserved=-count)
    if kind is Kind.RELEASED and held.reserved:
        return moved(stock, kind, cause, reserved=-held.reserved)
    left = held.committed - claim.gone.get(held.product_id, 0)
    if kind is Kind.RESTOCKED and left > 0:
        return moved(stock, kind, cause, on_hand=left)
    return None


def _check_is_there(stocks: Stocks, held: Sequence[Held], claim: Claim) -> None:
    left = {
        each.product_id: stocks[each.product_id].on_hand
        for each in held
        if each.reserved > stocks[each.product_id].on_hand
    }
    if left:
        raise _short(claim, left)


def _left(stock: Stock) -> int:
    """How many more can be reserved."""
    return ON_HAND_MAX - stock.reserved if stock.backorders else max(stock.available, 0)


def _short(claim: Claim, left: Mapping[str, int]) -> OutOfStock:
    violations = [
        Violation(f"items[{index}].quantity", f"{left[product_id]} left")
        for index, (product_id, _) in enumerate(claim.lines)
        if product_id is not None and product_id in left
    ]
    first = violations[0]
    others = len(violations) - 1
    more = f", and {others} more line{'s' if others > 1 else ''}" if others else ""
    return OutOfStock(f"{first.field}: {first.description}{more}", violations=violations)
