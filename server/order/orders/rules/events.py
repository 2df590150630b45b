"""Events of an order: exactly one for each change of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from server.order.orders.rules.history import Move
from server.order.orders.rules.order import Order
from server.order.pricing.rules import Promotion
from server.order.shipping.rules import Shipment


class EventType(StrEnum):
    """What happened to an order."""

    PLACED = "PLACED"
    UPDATED = "UPDATED"  # edited, without a change of its status
    PAID = "PAID"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One change of an order.

    `version` numbers the changes of one order from 1, without a gap. It is the version of `order`,
    the order as the change left it; after a deletion, one more than that of the last order.
    """

    id: str
    type: EventType
    order: Order
    version: int
    occurred_at: datetime
    traceparent: str | None  # of the call that made the change, as W3C Trace Context has it
    move: Move | None = None  # where the change is one of the status
    restocks: bool = False  # of a refund: what the order had is put back into the stock
    takes_back: bool = False  # of one that restocks: what was sent, too
    shipment: Shipment | None = None  # what was sent by the change
    promotions: Sequence[Promotion] = ()  # of a new order: what it uses, in the order of its codes
