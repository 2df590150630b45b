"""Events of promotions as the contract's messages, in the outbox's envelope."""

from dataclasses import replace
from typing import Any

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event, new_id
from server.order.pricing.rules import PromotionEvent, PromotionEventType
from server.order.pricing.wire import to_promotion

AGGREGATE_TYPE = "promotion"

_MESSAGES: dict[PromotionEventType, Any] = {
    PromotionEventType.CREATED: pb.PromotionCreated,
    PromotionEventType.UPDATED: pb.PromotionUpdated,
    PromotionEventType.DELETED: pb.PromotionDeleted,
}


def to_outbox(event: PromotionEvent) -> Event:
    """The event as the outbox stores it."""
    # Uses come and go without events of the promotion.
    promotion = replace(event.promotion, uses=0)
    message = _MESSAGES[event.type](promotion=to_promotion(promotion))
    return Event(
        id=new_id(),
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=event.promotion.id,
        aggregate_version=event.version,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=event.occurred_at,
        traceparent=event.traceparent,
    )
