"""Events of carts as the contract's messages, in the outbox's envelope."""

from dataclasses import replace
from datetime import datetime

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event, new_id
from server.order.carts.rules import Cart
from server.order.carts.wire import to_told

AGGREGATE_TYPE = "cart"


def abandoned(cart: Cart, at: datetime) -> Event:
    """That the cart was abandoned, as the outbox stores it."""
    message = pb.CartAbandoned(cart=to_told(cart))
    return Event(
        id=new_id(),
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=cart.id,
        aggregate_version=1,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=at,
        traceparent=None,
    )


def anonymous(event: Event, user_id: str) -> Event:
    """`event` without that owner; the same where it has another, or is none of a cart."""
    if event.aggregate_type != AGGREGATE_TYPE:
        return event
    told = pb.CartAbandoned.FromString(event.payload)
    if told.cart.user_id != user_id:
        return event
    told.cart.user_id = ""
    return replace(event, payload=told.SerializeToString())
