"""Events of stock as the contract's messages, in the outbox's envelope."""

from typing import Any

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event, new_id
from server.order.stock.rules import EventType, StockEvent
from server.order.stock.wire import to_stock

AGGREGATE_TYPE = "stock"

_MESSAGES: dict[EventType, Any] = {
    EventType.RAN_LOW: pb.StockRanLow,
    EventType.CAME_BACK: pb.StockCameBack,
}


def to_outbox(event: StockEvent) -> Event:
    """The event as the outbox stores it."""
    message = _MESSAGES[event.type](stock=to_stock(event.stock))
    return Event(
        id=new_id(),
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=event.stock.product_id,
        aggregate_version=event.stock.events,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=event.occurred_at,
        traceparent=event.traceparent,
    )
