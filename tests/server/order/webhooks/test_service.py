"""Webhooks through the service's door."""

import uuid

import grpc
import pytest

from emporium.order.v1 import webhook_service_pb2 as pb
from server.kit.postgres import Pool
from tests.server.order.doors import MISSING, Door
from tests.server.order.webhooks.conftest import CANCELLED, PLACED, SEALING, subscribed
from tests.server.order.webhooks.receiver import Receiver
from tests.server.refusals import refused


def new(**fields: object) -> pb.CreateWebhookRequest:
    given = {"url": "https://partner.example/hooks", "event_types": [PLACED], **fields}
    return pb.CreateWebhookRequest(**given)  # type: ignore[arg-type]  # by their names


async def test_a_secret_is_shown_once_and_kept_encrypted(admin: Door, posting_pool: Pool) -> None:
    request = new(request_id=uuid.uuid4().hex, event_types=[PLACED, CANCELLED])
    made = await admin("CreateWebhook", request)
    assert made.secret.startswith("whsec_")
    assert (made.status, [*made.event_types]) == (pb.Webhook.ACTIVE, [CANCELLED, PLACED])
    again = await admin("CreateWebhook", request)
    assert (again.id, again.secret) == (made.id, "")
    assert not (await admin("GetWebhook", pb.GetWebhookRequest(webhook_id=made.id))).secret
    [row] = await posting_pool.fetch("SELECT * FROM webhooks WHERE id = $1", made.id)
    assert made.secret.encode() not in row["secret"]
    assert SEALING.open(row["secret"], made.id) == made.secret
    for table in ("idempotency_keys", "webhooks"):
        whole = await posting_pool.fetch(f"SELECT t::text FROM {table} AS t")
        assert made.secret not in str(whole)


async def test_a_repeated_rotation_is_one_and_shows_no_secret(admin: Door) -> None:
    made = await admin("CreateWebhook", new())
    request = pb.RotateWebhookSecretRequest(webhook_id=made.id, request_id=uuid.uuid4().hex)
    rotated = await admin("RotateWebhookSecret", request)
    again = await admin("RotateWebhookSecret", request)
    assert rotated.secret
    assert not again.secret
    assert again.etag == rotated.etag != made.etag


async def test_what_is_sent_is_changed_and_nothing_else(admin: Door) -> None:
    made = await admin("CreateWebhook", new(description="The partner"))
    change = pb.UpdateWebhookRequest(webhook_id=made.id, event_types=["*"], etag=made.etag)
    changed = await admin("UpdateWebhook", change)
    assert ([*changed.event_types], changed.description) == (["*"], "The partner")
    stale = await refused(admin("UpdateWebhook", change))
    assert stale.reason == "ETAG_MISMATCH"
    clear = pb.UpdateWebhookRequest(webhook_id=made.id)
    clear.update_mask.paths.append("description")
    assert (await admin("UpdateWebhook", clear)).description == ""
    for field in ("url", "event_types", "active"):
        clear.update_mask.paths[:] = [field]
        assert (await refused(admin("UpdateWebhook", clear))).reason == "INVALID_UPDATE_MASK"
    nothing = pb.UpdateWebhookRequest(webhook_id=made.id)
    assert (await refused(admin("UpdateWebhook", nothing))).reason == "NOTHING_TO_UPDATE"


async def test_a_disabled_one_gets_nothing_and_is_not_tried(
    admin: Door, receiver: Receiver
) -> None:
    webhook = await subscribed(admin, receiver)
    off = pb.UpdateWebhookRequest(webhook_id=webhook.id, active=False)
    assert (await admin("UpdateWebhook", off)).status == pb.Webhook.DISABLED
    ping = pb.PingWebhookRequest(webhook_id=webhook.id)
    assert (await refused(admin("PingWebhook", ping))).reason == "WEBHOOK_NOT_ACTIVE"
    on = pb.UpdateWebhookRequest(webhook_id=webhook.id, active=True)
    assert (await admin("UpdateWebhook", on)).status == pb.Webhook.ACTIVE
    assert (await admin("PingWebhook", ping)).event_type == "ping"


async def test_lists_are_filtered_by_status(admin: Door) -> None:
    made = [await admin("CreateWebhook", new()) for _ in range(3)]
    await admin("UpdateWebhook", pb.UpdateWebhookRequest(webhook_id=made[0].id, active=False))
    listed = await admin("ListWebhooks", pb.ListWebhooksRequest(status="Active"))
    assert [each.id for each in listed.webhooks] == [made[2].id, made[1].id]
    wrong = await refused(admin("ListWebhooks", pb.ListWebhooksRequest(status="gone")))
    assert (wrong.reason, wrong.fields) == ("INVALID_FILTER", ["status"])


async def test_what_is_not_there_is_not_found(admin: Door) -> None:
    made = await admin("CreateWebhook", new())
    for request in (
        pb.GetWebhookRequest(webhook_id=MISSING),
        pb.UpdateWebhookRequest(webhook_id=MISSING, active=True),
        pb.DeleteWebhookRequest(webhook_id=MISSING),
        pb.RotateWebhookSecretRequest(webhook_id=MISSING),
        pb.PingWebhookRequest(webhook_id=MISSING),
        pb.ListWebhookDeliveriesRequest(webhook_id=MISSING),
        pb.RedeliverWebhookDeliveryRequest(webhook_id=MISSING, delivery_id=MISSING),
    ):
        name = type(request).__name__.removesuffix("Request")
        assert (await refused(admin(name, request))).reason == "WEBHOOK_NOT_FOUND"
    again = pb.RedeliverWebhookDeliveryRequest(webhook_id=made.id, delivery_id=MISSING)
    error = await refused(admin("RedeliverWebhookDelivery", again))
    assert error.reason == "WEBHOOK_DELIVERY_NOT_FOUND"
    await admin("DeleteWebhook", pb.DeleteWebhookRequest(webhook_id=made.id))
    gone = await refused(admin("GetWebhook", pb.GetWebhookRequest(webhook_id=made.id)))
    assert gone.code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("types", "field"),
    [
        (["emporium.order.v1.Nothing"], "event_types[0]"),
        ([PLACED, "ping"], "event_types[1]"),
        (["*", PLACED], "event_types"),
        ([], "event_types"),
    ],
)
async def test_an_event_that_there_is_not_is_refused_by_its_place(
    admin: Door, types: list[str], field: str
) -> None:
    error = await refused(admin("CreateWebhook", new(event_types=types)))
    assert (error.reason, error.fields) == ("VALIDATION_FAILED", [field])


async def test_there_are_no_more_than_there_may_be(
    admin: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.order.webhooks.rules.webhooks.WEBHOOKS_MAX", 2)
    for _ in range(2):
        await admin("CreateWebhook", new())
    assert (await refused(admin("CreateWebhook", new()))).reason == "TOO_MANY_WEBHOOKS"
