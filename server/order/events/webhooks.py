"""Events of webhooks as the contract's messages, in the outbox's envelope."""

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event
from server.order.webhooks.rules import WebhookPaused
from server.order.webhooks.wire import to_webhook

AGGREGATE_TYPE = "webhook"


def to_outbox(event: WebhookPaused) -> Event:
    """The event as the outbox stores it."""
    message = pb.WebhookPaused(webhook=to_webhook(event.webhook))
    return Event(
        id=event.id,
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=event.webhook.id,
        aggregate_version=event.webhook.events,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=event.occurred_at,
    )
