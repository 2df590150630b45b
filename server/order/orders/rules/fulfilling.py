"""What is sent of an order, and that it has arrived: its status follows."""

from dataclasses import replace
from typing import NamedTuple

from server.kit import errors
from server.order.orders.rules.events import EventType, OrderEvent
from server.order.orders.rules.history import Act
from server.order.orders.rules.moving import MOVES, Changed, moved, stamped
from server.order.orders.rules.order import Fulfilment, Order, OrderAnonymous, Status
from server.order.shipping import rules as shipping
from server.order.shipping.rules import Parcel, Shipment


class OrderNotShippable(errors.Conflict):
    """Only of a PAID order can anything be sent."""

    reason = "ORDER_NOT_SHIPPABLE"


class Sent(NamedTuple):
    """An order of which something was sent, the event of that, and what was sent."""

    order: Order
    event: OrderEvent
    shipment: Shipment


def sent(order: Order, parcel: Parcel, act: Act) -> Sent:
    """`order` after what `parcel` asks for was sent; the event has the shipment.

    It is SHIPPED with its last line, and as paid as before until then. The shipment has the id of
    the act. Raises `OrderNotShippable`, `OrderAnonymous`, and what `shipping.packed` does.
    """
    if Status.SHIPPED not in MOVES[order.status]:
        raise OrderNotShippable(f"the order is {order.status}")
    check_texts(order.user_id, {"tracking_number": parcel.tracking_number})
    left = [item.quantity - item.shipped for item in order.items]
    parts = shipping.packed(left, parcel.parts)
    counts = dict(parts)
    items = tuple(
        replace(item, shipped=item.shipped + counts[at]) if at in counts else item
        for at, item in enumerate(order.items, 1)
    )
    is_whole = all(item.shipped == item.quantity for item in items)
    status = Fulfilment.SHIPPED if is_whole else Fulfilment.PARTIALLY_SHIPPED
    after = replace(order, items=items, fulfilment_status=status)
    if is_whole:
        changed = moved(after, Status.SHIPPED, act)
    else:
        changed = stamped(after, EventType.UPDATED, act)
    at = changed.order.updated_at
    shipment = Shipment(
        id=act.event_id,
        order_id=order.id,
        user_id=order.user_id,
        shipping_method_id=parcel.shipping_method_id or order.shipping_method_id,
        status=shipping.Status.SENT,
        items=parts,
        tracking_number=parcel.tracking_number,
        tracking=(),
        delivered_at=None,
        created_at=at,
        updated_at=at,
        version=1,
    )
    assert changed.event
    return Sent(changed.order, replace(changed.event, shipment=shipment), shipment)


def arrived(order: Order, act: Act) -> Changed:
    """`order` after all of it has arrived. Raises `IllegalStatusMove`."""
    return moved(replace(order, fulfilment_status=Fulfilment.DELIVERED), Status.DELIVERED, act)


def check_texts(buyer_id: str | None, texts: dict[str, str]) -> None:
    """Raises `OrderAnonymous` where there is no buyer, for words that may be about one."""
    for field, text in texts.items():
        if text and buyer_id is None:
            raise OrderAnonymous("the order's buyer was erased", field=field)
