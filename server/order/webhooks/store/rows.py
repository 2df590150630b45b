"""Webhooks and deliveries as rows."""

from server.kit.outbox import Event
from server.kit.postgres import Record
from server.kit.postgres.writes import Table
from server.order.webhooks.rules import Delivery, DeliveryStatus, Webhook, WebhookStatus

_CHANGED = (
    *("id", "url", "description", "event_types", "status", "failing_since", "paused_at"),
    *("pause_reason", "events", "created_at", "updated_at", "version"),
)
# Secrets change by a rotation alone.
WEBHOOKS = Table("webhooks", _CHANGED, lock_rank=60)
NEW_WEBHOOKS = Table("webhooks", (*_CHANGED, "secret"))
WEBHOOK_COLUMNS = f"{WEBHOOKS.columns}, previous_until"
LOCK_WEBHOOK = f"SELECT {WEBHOOK_COLUMNS} FROM webhooks WHERE id = $1 FOR UPDATE"

_KEY = ("webhook_id", "id")
DELIVERIES = Table(
    "webhook_deliveries",
    (*_KEY, "status", "attempts", "due_at", "last_attempt_at", "response_status", "error"),
    key=_KEY,
    lock_rank=61,
)
DELIVERY_COLUMNS = f"{DELIVERIES.columns}, event_type, aggregate_id, created_at, in_order"

# What there is of each event, and of a test.
MESSAGE_COLUMNS = (
    *("id", "aggregate_type", "aggregate_id", "aggregate_version", "event_type", "payload"),
    *("occurred_at", "order_id", "user_id"),
)


def to_webhook(row: Record) -> Webhook:
    """A webhook from a row with `WEBHOOK_COLUMNS`."""
    return Webhook(
        id=str(row["id"]),
        url=row["url"],
        description=row["description"],
        event_types=tuple(row["event_types"]),
        status=WebhookStatus(row["status"]),
        previous_until=row["previous_until"],
        failing_since=row["failing_since"],
        paused_at=row["paused_at"],
        pause_reason=row["pause_reason"],
        events=row["events"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )


def to_delivery(row: Record) -> Delivery:
    """A delivery from a row with `DELIVERY_COLUMNS`."""
    return Delivery(
        webhook_id=str(row["webhook_id"]),
        id=str(row["id"]),
        event_type=row["event_type"],
        aggregate_id=str(row["aggregate_id"]),
        status=DeliveryStatus(row["status"]),
        attempts=row["attempts"],
        due_at=row["due_at"],
        created_at=row["created_at"],
        last_attempt_at=row["last_attempt_at"],
        response_status=row["response_status"],
        error=row["error"],
        in_order=row["in_order"],
    )


def to_event(row: Record) -> Event:
    """An event from a row with `MESSAGE_COLUMNS`."""
    return Event(
        id=str(row["id"]),
        aggregate_type=row["aggregate_type"],
        aggregate_id=str(row["aggregate_id"]),
        aggregate_version=row["aggregate_version"],
        type=row["event_type"],
        payload=row["payload"],
        occurred_at=row["occurred_at"],
    )
