"""Webhooks."""

from collections.abc import Sequence
from typing import Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.webhook_service_pb2 import (
    CreateWebhookRequest,
    DeleteWebhookRequest,
    GetWebhookRequest,
    ListWebhookDeliveriesRequest,
    ListWebhooksRequest,
    PingWebhookRequest,
    RedeliverWebhookDeliveryRequest,
    RotateWebhookSecretRequest,
    UpdateWebhookRequest,
    Webhook,
    WebhookDelivery,
)
from emporium.order.v1.webhook_service_pb2_grpc import WebhookServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import query


class WebhookFilters(PageOptions, total=False):
    """The arguments of `webhooks.list`. Sorts by `created_at` (descending by default)."""

    status: str
    """Only those of this status: `active`, `paused` or `disabled`."""


class DeliveryFilters(PageOptions, total=False):
    """The arguments of `webhooks.deliveries`. Sorts by `created_at` (descending by default)."""

    status: str
    """Only those of this status: `pending`, `succeeded` or `failed`."""


class Webhooks:
    """`shop.webhooks`: where events are posted to; for admins."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = WebhookServiceStub(connection.channel)

    async def create(
        self,
        url: str,
        event_types: Sequence[str],
        *,
        description: str = "",
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Webhook:
        """Adds a webhook; the answer has its `secret`, and nothing else ever has.

        A repeat with the same `idempotency_key` gets the first answer without the secret; left out,
        the call has a key of its own, which its retries share.

        Raises `InvalidRequest`, `Conflict` (TOO_MANY_WEBHOOKS), `AlreadyExists`
        (IDEMPOTENCY_KEY_REUSED).
        """
        request = CreateWebhookRequest(
            url=url,
            event_types=event_types,
            description=description,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreateWebhook, request, timeout_seconds)

    async def get(self, webhook_id: str, *, timeout_seconds: float | None = None) -> Webhook:
        """Reads a webhook. Raises `NotFound` (WEBHOOK_NOT_FOUND)."""
        request = GetWebhookRequest(webhook_id=webhook_id)
        return await self._connection.call(self._stub.GetWebhook, request, timeout_seconds)

    def list(self, **filters: Unpack[WebhookFilters]) -> Listing[Webhook]:
        """Lists webhooks, the newest first unless `sort` says otherwise.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = filters.get("timeout_seconds")

        async def fetch(request: ListWebhooksRequest) -> Page[Webhook]:
            call = self._connection.call
            answer = await call(self._stub.ListWebhooks, request, timeout_seconds)
            return Page(answer.webhooks, answer.meta)

        return Listing(ListWebhooksRequest(**query(filters)), fetch)

    async def update(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        event_types: Sequence[str] = (),
        description: str | None = None,
        active: bool | None = None,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> Webhook:
        """Changes the fields that are given; `active=True` takes up one that was paused.

        Raises `NotFound` (WEBHOOK_NOT_FOUND), `Outdated` (ETAG_MISMATCH), `InvalidRequest`. Not
        retried, because it is not idempotent.
        """
        request = UpdateWebhookRequest(
            webhook_id=webhook_id,
            url=url,
            event_types=event_types,
            description=description,
            active=active,
            etag=etag,
        )
        return await self._connection.call(self._stub.UpdateWebhook, request, timeout_seconds)

    async def delete(
        self, webhook_id: str, *, etag: str = "", timeout_seconds: float | None = None
    ) -> None:
        """Deletes a webhook with its deliveries.

        Raises `NotFound` (WEBHOOK_NOT_FOUND), `Outdated` (ETAG_MISMATCH). `NotFound` may also mean
        that a first attempt had deleted it before a retry.
        """
        request = DeleteWebhookRequest(webhook_id=webhook_id, etag=etag)
        await self._connection.call(self._stub.DeleteWebhook, request, timeout_seconds)

    async def rotate_secret(
        self,
        webhook_id: str,
        *,
        overlap_seconds: int | None = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Webhook:
        """Gives it another secret, which only this answer has; both sign for a day, or so long.

        Raises `NotFound` (WEBHOOK_NOT_FOUND), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED).
        """
        request = RotateWebhookSecretRequest(
            webhook_id=webhook_id,
            overlap_seconds=overlap_seconds,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.RotateWebhookSecret, request, timeout_seconds)

    async def ping(
        self,
        webhook_id: str,
        *,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> WebhookDelivery:
        """Has a test posted.

        Raises `NotFound` (WEBHOOK_NOT_FOUND), `Conflict` (WEBHOOK_NOT_ACTIVE), `AlreadyExists`
        (IDEMPOTENCY_KEY_REUSED).
        """
        request = PingWebhookRequest(
            webhook_id=webhook_id, request_id=idempotency_key or str(uuid4())
        )
        return await self._connection.call(self._stub.PingWebhook, request, timeout_seconds)

    def deliveries(
        self, webhook_id: str, **filters: Unpack[DeliveryFilters]
    ) -> Listing[WebhookDelivery]:
        """Lists what was posted to it, or is to be, the newest first; of 7 days.

        Reading it raises `NotFound` (WEBHOOK_NOT_FOUND), `InvalidRequest` (UNKNOWN_SORT_FIELD,
        INVALID_PAGE_TOKEN).
        """
        timeout_seconds = filters.get("timeout_seconds")

        async def fetch(request: ListWebhookDeliveriesRequest) -> Page[WebhookDelivery]:
            call = self._connection.call
            answer = await call(self._stub.ListWebhookDeliveries, request, timeout_seconds)
            return Page(answer.deliveries, answer.meta)

        request = ListWebhookDeliveriesRequest(webhook_id=webhook_id, **query(filters))
        return Listing(request, fetch)

    async def redeliver(
        self,
        webhook_id: str,
        delivery_id: str,
        *,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> WebhookDelivery:
        """Has a delivery posted again, whatever became of it.

        Raises `NotFound` (WEBHOOK_NOT_FOUND, WEBHOOK_DELIVERY_NOT_FOUND), `Conflict`
        (WEBHOOK_NOT_ACTIVE), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED).
        """
        request = RedeliverWebhookDeliveryRequest(
            webhook_id=webhook_id,
            delivery_id=delivery_id,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(
            self._stub.RedeliverWebhookDelivery, request, timeout_seconds
        )
