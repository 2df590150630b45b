"""What came of a return: accepted or refused, what it cost, and what goes back into the stock."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from server.kit import currencies, errors
from server.kit.errors import Violation
from server.order.orders.rules import Act, Back, Changed, Item, Order, came_back
from server.order.returns.rules.moving import exceeding, misnamed
from server.order.returns.rules.returns import Edit, Judged, Line, Return, ReturnEvent, stamped
from server.order.returns.rules.returns import Status as ReturnStatus
from server.order.stock.rules import counted


class Received(NamedTuple):
    """A return after it came, its order, and how many of each product go into the stock."""

    returned: Return
    event: ReturnEvent
    order: Changed
    restocked: Mapping[str, int]


def received(returned: Return, order: Order, edit: Edit, act: Act, order_event_id: str) -> Received:
    """`returned` as it was judged. Raises `ExceedsShipped`, and `Invalid` for lines not in it."""
    judged = _judged(returned, edit)
    items = tuple(
        _line(line, judged.get(line.position), order.items[line.position - 1], order.currency)
        for line in returned.items
    )
    refundable = sum((line.refundable for line in items), Decimal(0))
    after = replace(returned, items=items, refundable=refundable)
    changed, event = stamped(after, act, ReturnStatus.RECEIVED)
    assert event
    back = {line.position: Back(line.accepted, line.restocked) for line in items if line.accepted}
    order_act = replace(act, event_id=order_event_id)
    restocked = [
        (order.items[line.position - 1].product_id, line.restocked)
        for line in items
        if line.restocked
    ]
    return Received(changed, event, came_back(order, back, order_act), counted(restocked))


def worth(item: Item, count: int, currency: str) -> Decimal:
    """What so many of a line cost, of those that come back first.

    Rounded down but for the last, so that all of them together are worth what the line cost.
    """
    if count == item.quantity:
        return item.cost
    return currencies.most_in(currency, item.cost * count / item.quantity)


def _judged(returned: Return, edit: Edit) -> Mapping[int, Judged]:
    asked = {line.position: line.quantity for line in returned.items}
    judged = edit.judged or [Judged(at, quantity, 0) for at, quantity in asked.items()]
    positions = [each.position for each in judged]
    errors.Invalid.check(misnamed(positions, max(asked), "return"))
    errors.Invalid.check(
        Violation(f"items[{index}].position", "is not in the return")
        for index, at in enumerate(positions)
        if at not in asked
    )
    exceeding(
        [
            Violation(
                f"items[{index}].accepted_quantity",
                f"{asked[each.position]} of position {each.position} are in the return",
            )
            for index, each in enumerate(judged)
            if each.accepted + each.refused > asked[each.position]
        ]
    )
    return {
        each.position: replace(each, restock=edit.restock) if each.restock is None else each
        for each in judged
    }


def _line(line: Line, judged: Judged | None, item: Item, currency: str) -> Line:
    if judged is None:
        return line
    before = worth(item, item.returned, currency)
    return replace(
        line,
        accepted=judged.accepted,
        refused=judged.refused,
        restocked=judged.accepted if judged.restock and item.product_id else 0,
        refundable=worth(item, item.returned + judged.accepted, currency) - before,
    )
