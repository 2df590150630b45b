"""What comes back of an order."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from server.order.orders.rules.events import EventType
from server.order.orders.rules.history import Act
from server.order.orders.rules.moving import Changed, stamped
from server.order.orders.rules.order import Order


class Back(NamedTuple):
    """How many of a line came back and were accepted, and how many of these went into the stock."""

    accepted: int
    restocked: int


def came_back(order: Order, lines: Mapping[int, Back], act: Act) -> Changed:
    """`order` after so many of its `lines`, by their positions, came back.

    Its status stays: what is given back for them is another matter.
    """
    items = tuple(
        replace(
            item,
            returned=item.returned + back.accepted,
            restocked=item.restocked + back.restocked,
        )
        if (back := lines.get(at))
        else item
        for at, item in enumerate(order.items, 1)
    )
    if items == tuple(order.items):
        return Changed(order, None)
    return stamped(replace(order, items=items), EventType.UPDATED, act)
