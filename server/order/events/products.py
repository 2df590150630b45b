"""Events of products as the contract's messages, in the outbox's envelope."""

from dataclasses import replace
from typing import Any

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event
from server.order.catalog.rules import EventType, ProductEvent
from server.order.catalog.wire import to_product

AGGREGATE_TYPE = "product"

_MESSAGES: dict[EventType, Any] = {
    EventType.CREATED: pb.ProductCreated,
    EventType.UPDATED: pb.ProductUpdated,
    EventType.ARCHIVED: pb.ProductArchived,
    EventType.DELETED: pb.ProductDeleted,
}


def to_outbox(event: ProductEvent) -> Event:
    """The event as the outbox stores it."""
    # What is available moves without events of the product.
    product = replace(event.product, available=None)
    message = _MESSAGES[event.type](product=to_product(product))
    return Event(
        id=event.id,
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=event.product.id,
        aggregate_version=event.version,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=event.occurred_at,
        traceparent=event.traceparent,
    )
