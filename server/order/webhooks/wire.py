"""Webhooks between Protobuf, JSON and dataclasses."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass

from emporium.order.v1 import events_pb2
from emporium.order.v1 import webhook_service_pb2 as pb
from server.kit.listing.filters import choice
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.outbox import Event
from server.kit.wire import fields_of_mask, timestamp
from server.order.webhooks.rules import (
    CLEARABLE,
    PING,
    Delivery,
    DeliveryStatus,
    Webhook,
    WebhookChange,
    WebhookStatus,
)

_MESSAGES: dict[str, Any] = {
    each.full_name: GetMessageClass(each)
    for each in events_pb2.DESCRIPTOR.message_types_by_name.values()
}

EVENT_TYPES = frozenset(_MESSAGES)
"""What a webhook may ask for: every event of this service."""


def whose(event: Event) -> tuple[str | None, str | None]:
    """The order that the event is about, or about a part of, and its buyer or the cart's."""
    message = _MESSAGES.get(event.type)
    if message is None:
        return None, None
    told = message.FromString(event.payload)
    names = told.DESCRIPTOR.fields_by_name
    if "order" in names:
        return told.order.id or None, told.order.user_id or None
    for name in ("shipment", "payment", "order_return"):
        if name in names:
            return getattr(told, name).order_id or None, None
    return None, (told.cart.user_id or None) if "cart" in names else None


def to_body(event: Event) -> bytes:
    """What a receiver gets: the event's envelope, and its payload as REST would show it."""
    data: Any = {"webhook_id": event.aggregate_id}
    if event.type != PING:
        data = json_format.MessageToDict(
            _MESSAGES[event.type].FromString(event.payload),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
    body = {
        "id": event.id,
        "type": event.type,
        "timestamp": _moment(event.occurred_at),
        "aggregate_type": event.aggregate_type,
        "aggregate_id": event.aggregate_id,
        "aggregate_version": event.aggregate_version,
        "data": data,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def to_webhook(found: Webhook) -> pb.Webhook:
    """A webhook on the wire."""
    return pb.Webhook(
        id=found.id,
        url=found.url,
        description=found.description,
        event_types=found.event_types,
        status=pb.Webhook.Status.Value(found.status),
        previous_secret_until=timestamp(found.previous_until) if found.previous_until else None,
        failing_since=timestamp(found.failing_since) if found.failing_since else None,
        paused_at=timestamp(found.paused_at) if found.paused_at else None,
        pause_reason=found.pause_reason,
        created_at=timestamp(found.created_at),
        updated_at=timestamp(found.updated_at),
        etag=found.etag,
    )


def to_webhooks(query: PageQuery, page: Page[Webhook]) -> pb.ListWebhooksResponse:
    """A page of webhooks on the wire."""
    return pb.ListWebhooksResponse(
        webhooks=[to_webhook(each) for each in page.rows], meta=page_meta(query, page)
    )


def to_delivery(found: Delivery) -> pb.WebhookDelivery:
    """A delivery on the wire."""
    is_pending = found.status is DeliveryStatus.PENDING
    return pb.WebhookDelivery(
        id=found.id,
        webhook_id=found.webhook_id,
        event_type=found.event_type,
        status=pb.WebhookDelivery.Status.Value(found.status),
        attempts=found.attempts,
        next_attempt_at=timestamp(found.due_at) if is_pending else None,
        last_attempt_at=timestamp(found.last_attempt_at) if found.last_attempt_at else None,
        response_status=found.response_status,
        error=found.error,
        created_at=timestamp(found.created_at),
    )


def to_deliveries(query: PageQuery, page: Page[Delivery]) -> pb.ListWebhookDeliveriesResponse:
    """A page of deliveries on the wire."""
    return pb.ListWebhookDeliveriesResponse(
        deliveries=[to_delivery(each) for each in page.rows], meta=page_meta(query, page)
    )


def from_create(request: pb.CreateWebhookRequest, webhook_id: str, now: datetime) -> Webhook:
    """The webhook that the caller asks for."""
    return Webhook(
        id=webhook_id,
        url=request.url,
        description=request.description,
        event_types=_types(request.event_types),
        status=WebhookStatus.ACTIVE,
        created_at=now,
        updated_at=now,
        version=1,
    )


def from_list(request: pb.ListWebhooksRequest) -> WebhookStatus | None:
    """Which webhooks the caller asks for. Raises `InvalidFilter`."""
    return choice(request.status, "status", WebhookStatus, tuple(WebhookStatus))


def from_list_deliveries(request: pb.ListWebhookDeliveriesRequest) -> DeliveryStatus | None:
    """Which deliveries the caller asks for. Raises `InvalidFilter`."""
    return choice(request.status, "status", DeliveryStatus, tuple(DeliveryStatus))


def from_update(request: pb.UpdateWebhookRequest) -> WebhookChange:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    present = {name: _present(request, name) for name in ("url", "description", "active")}
    present["event_types"] = _types(request.event_types) or None
    return WebhookChange(
        fields_of_mask(request.update_mask.paths, present, CLEARABLE), request.etag
    )


def _types(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(given))


def _present(request: Any, name: str) -> Any:
    return getattr(request, name) if request.HasField(name) else None


def _moment(at: datetime) -> str:
    text: str = timestamp(at).ToJsonString()
    return text
