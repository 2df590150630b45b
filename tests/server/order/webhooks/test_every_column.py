"""Whatever a rule changes of a webhook, the store writes."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from server.kit.postgres import Pool
from server.order.app.webhooks import webhooks_of
from server.order.webhooks.rules import Webhook, WebhookStatus
from tests.server.order.doors import Door
from tests.server.order.webhooks.conftest import PLACED

NOW = datetime(2026, 11, 27, tzinfo=UTC)
# What rotations alone write, with the secrets.
BY_ROTATION = {"previous_until"}


async def test_every_column_is_written_and_read_back(admin: Door, posting_pool: Pool) -> None:
    store = webhooks_of(posting_pool, lambda: None).store
    webhook = Webhook(
        id="01900000-0000-7000-8000-00000000000a", url="https://a.example", description="a",
        event_types=("*",), status=WebhookStatus.ACTIVE, created_at=NOW, updated_at=NOW, version=1,
    )  # fmt: skip
    await store.create(webhook, b"sealed", None, b"")
    assert await store.get(webhook.id) == webhook
    later = NOW + timedelta(days=1)
    changed = replace(
        webhook, url="https://b.example", description="b", event_types=(PLACED,),
        status=WebhookStatus.PAUSED, created_at=later, updated_at=later, version=2,
        failing_since=later, paused_at=later, pause_reason="HTTP 500", events=1,
    )  # fmt: skip
    names = {each.name for each in fields(Webhook)}
    same = {name for name in names if getattr(webhook, name) == getattr(changed, name)}
    assert same == {"id"} | BY_ROTATION
    assert await store.update(webhook.id, lambda _: changed) == changed
    assert await store.get(webhook.id) == changed
