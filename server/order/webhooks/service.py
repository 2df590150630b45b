"""Webhooks: each method converts the request, applies the rules and calls the store."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.order.v1 import webhook_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.kit.outbox import Event
from server.order.webhooks import rules, wire
from server.order.webhooks.store import SORTABLE, DeliveryStore, WebhookStore

_NEWEST_FIRST = Sort("created_at", descending=True)

Seal = Callable[[str, str], bytes]
"""Encrypts a secret of the webhook with that id."""


class Reach(NamedTuple):
    """Where the shop may post to, beside the public."""

    networks: Sequence[rules.Network] = ()
    http: bool = False


class WebhookService:
    """`emporium.order.v1.WebhookService`."""

    def __init__(
        self,
        store: WebhookStore,
        deliveries: DeliveryStore,
        seal: Seal,
        reach: Reach,
        tokens: PageTokens,
    ) -> None:
        self._store = store
        self._deliveries = deliveries
        self._seal = seal
        self._reach = reach
        self._tokens = tokens

    async def CreateWebhook(self, request: pb.CreateWebhookRequest, context: Context) -> pb.Webhook:
        self._check(request.url, request.event_types)
        webhook = wire.from_create(request, _new_id(), _now())
        secret = rules.secret_of(secrets.token_bytes(rules.SECRET_BYTES))
        sealed = self._seal(secret, webhook.id)
        context.response = message = wire.to_webhook(webhook)
        answer = message.SerializeToString()
        given = pb.Webhook.FromString(
            await self._store.create(webhook, sealed, context.key, answer)
        )
        if given.id == webhook.id:  # and not that of a first call
            given.secret = secret
        return given

    async def GetWebhook(self, request: pb.GetWebhookRequest, context: Context) -> pb.Webhook:
        return wire.to_webhook(await self._store.get(request.webhook_id))

    async def ListWebhooks(
        self, request: pb.ListWebhooksRequest, context: Context
    ) -> pb.ListWebhooksResponse:
        status = wire.from_list(request)
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_NEWEST_FIRST, filters=status
        )
        return wire.to_webhooks(query, await self._store.list(status, query))

    async def UpdateWebhook(self, request: pb.UpdateWebhookRequest, context: Context) -> pb.Webhook:
        change, now = wire.from_update(request), _now()
        self._check(change.fields.get("url"), change.fields.get("event_types", ()))
        webhook = await self._store.update(
            request.webhook_id, lambda before: rules.change_webhook(before, change, now)
        )
        return wire.to_webhook(webhook)

    async def DeleteWebhook(self, request: pb.DeleteWebhookRequest, context: Context) -> Empty:
        await self._store.delete(
            request.webhook_id, lambda webhook: rules.check_deletion(webhook, request.etag)
        )
        return Empty()

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, context: Context
    ) -> pb.Webhook:
        now = _now()
        overlap = request.overlap_seconds if request.HasField("overlap_seconds") else None
        secret = rules.secret_of(secrets.token_bytes(rules.SECRET_BYTES))
        webhook_id = request.webhook_id.lower()
        answers: list[bytes] = []

        def answer(after: rules.Webhook) -> bytes:
            answers[:] = [wire.to_webhook(after).SerializeToString()]
            return answers[0]

        given = await self._store.rotate(
            webhook_id,
            lambda before: rules.rotated(before, overlap, now),
            self._seal(secret, webhook_id),
            context.key,
            answer,
        )
        webhook = pb.Webhook.FromString(given)
        if answers and given == answers[0]:  # and not that of a first call
            webhook.secret = secret
        return webhook

    async def PingWebhook(
        self, request: pb.PingWebhookRequest, context: Context
    ) -> pb.WebhookDelivery:
        webhook_id = request.webhook_id.lower()
        ping = Event(_new_id(), "webhook", webhook_id, 0, rules.PING, b"", _now())
        given = await self._deliveries.ping(
            webhook_id, rules.check_active, ping, context.key, _answer
        )
        return pb.WebhookDelivery.FromString(given)

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, context: Context
    ) -> pb.ListWebhookDeliveriesResponse:
        webhook_id, status = request.webhook_id.lower(), wire.from_list_deliveries(request)
        query = page_query(
            request,
            self._tokens,
            sortable=SORTABLE,
            default=_NEWEST_FIRST,
            filters=(webhook_id, status),
        )
        await self._store.get(webhook_id)
        return wire.to_deliveries(query, await self._deliveries.list(webhook_id, status, query))

    async def RedeliverWebhookDelivery(
        self, request: pb.RedeliverWebhookDeliveryRequest, context: Context
    ) -> pb.WebhookDelivery:
        now = _now()
        given = await self._deliveries.redeliver(
            request.webhook_id,
            request.delivery_id,
            rules.check_active,
            lambda before: rules.redelivered(before, now),
            context.key,
            _answer,
        )
        return pb.WebhookDelivery.FromString(given)

    def _check(self, url: str | None, event_types: Sequence[str]) -> None:
        """Raises `Invalid`."""
        if url is not None:
            rules.check_url(url, self._reach.networks, http=self._reach.http)
        rules.check_types(event_types, wire.EVENT_TYPES)


def _answer(delivery: rules.Delivery) -> bytes:
    return wire.to_delivery(delivery).SerializeToString()


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid7())
