"""Where webhooks and their deliveries are stored: the interfaces of the stores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from server.kit.context import Key
from server.kit.listing.paging import Page, PageQuery
from server.kit.outbox import Event
from server.order.webhooks.rules import (
    Delivery,
    DeliveryStatus,
    Webhook,
    WebhookPaused,
    WebhookStatus,
)

SORTABLE: Mapping[str, type] = {"created_at": datetime}
"""The columns that webhooks and deliveries can be sorted by, with their types."""


class Told(NamedTuple):
    """An event as the outbox has it, and whose it is."""

    event: Event
    order_id: str | None = None  # of the order that it is about, or is a part of
    user_id: str | None = None  # of the buyer


class Due(NamedTuple):
    """A delivery that is to be posted now, with its event."""

    delivery: Delivery
    event: Event


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be posted to a webhook now."""

    url: str
    secrets: Sequence[bytes]  # encrypted; the present one first
    failing_since: datetime | None
    due: Sequence[Due]


class WebhookStore(Protocol):
    """Webhooks. Their secrets come encrypted. Errors as in `CatalogStore`."""

    async def create(
        self, webhook: Webhook, secret: bytes, key: Key | None, answer: bytes
    ) -> bytes:
        """Stores a new webhook, as `CatalogStore.create` does. Raises `TooManyWebhooks`."""

    async def get(self, webhook_id: str) -> Webhook:
        """The webhook. Raises `WebhookNotFound`."""

    async def list(self, status: WebhookStatus | None, query: PageQuery) -> Page[Webhook]:
        """One page in the query's order, ties broken by id."""

    async def update(self, webhook_id: str, change: Callable[[Webhook], Webhook]) -> Webhook:
        """Locks the webhook, stores what `change` makes of it, and returns that.

        What waits for one that becomes ACTIVE is due at once. `change` is pure, and may run again.
        Raises `WebhookNotFound`.
        """

    async def rotate(
        self,
        webhook_id: str,
        change: Callable[[Webhook], Webhook],
        secret: bytes,
        key: Key | None,
        answer: Callable[[Webhook], bytes],
    ) -> bytes:
        """Puts `secret` in the place of the present one, which stays until `previous_until`.

        Once for each `key`; gives the answer to send. Raises `WebhookNotFound`.
        """

    async def delete(self, webhook_id: str, check: Callable[[Webhook], None]) -> None:
        """Locks the webhook, and deletes it unless `check` raises. Raises `WebhookNotFound`."""

    async def pause(
        self,
        webhook_id: str,
        change: Callable[[Webhook], tuple[Webhook, WebhookPaused] | None],
    ) -> None:
        """Locks the webhook, if it is there; stores what `change` makes of it, with the event."""


class DeliveryStore(Protocol):
    """Deliveries as callers see them. Errors as in `CatalogStore`."""

    async def list(
        self, webhook_id: str, status: DeliveryStatus | None, query: PageQuery
    ) -> Page[Delivery]:
        """One page in the query's order, ties broken by id."""

    async def ping(
        self,
        webhook_id: str,
        check: Callable[[Webhook], None],
        event: Event,
        key: Key | None,
        answer: Callable[[Delivery], bytes],
    ) -> bytes:
        """Makes a delivery of `event` for this webhook, unless `check` raises; once for each `key`.

        Gives the answer to send. Raises `WebhookNotFound`.
        """

    async def redeliver(
        self,
        webhook_id: str,
        delivery_id: str,
        check: Callable[[Webhook], None],
        change: Callable[[Delivery], Delivery],
        key: Key | None,
        answer: Callable[[Delivery], bytes],
    ) -> bytes:
        """Stores what `change` makes of the delivery, as `ping` does.

        Raises `DeliveryNotFound` too.
        """


class Queue(Protocol):
    """Deliveries that are to be posted, as the sender sees them. Errors as in `CatalogStore`."""

    async def add(self, told: Sequence[Told]) -> None:
        """Makes a delivery of each event for every webhook that asks for it, and has none yet.

        All or nothing, in the order of the events.
        """

    async def ready(self) -> Sequence[str]:
        """The ids of the webhooks that something is due for."""

    async def take(self, webhook_id: str, count_max: int, bytes_max: int) -> Batch | None:
        """What is due for an ACTIVE webhook, in order; None when it is none, or nothing is.

        Leaves out what has an earlier delivery of its aggregate before it that is to be tried again
        later. The payloads of all but the last have `bytes_max` together at most.
        """

    async def mark(self, deliveries: Sequence[Delivery]) -> None:
        """Stores what became of `deliveries`."""

    async def failing(self, webhook_id: str, since: datetime) -> None:
        """Writes down that its receiver takes nothing, unless that is known."""

    async def recovered(self, webhook_id: str, *, all_due: bool) -> None:
        """Writes down that it has taken something; with `all_due` all that waits is due at once."""

    async def prune(self, now: datetime) -> int:
        """Deletes some of what is too old, or whose webhook is gone; how many."""
