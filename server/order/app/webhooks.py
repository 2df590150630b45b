"""What events are posted with."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from uuid_utils import uuid7

from emporium.order.v1 import webhook_service_pb2
from server.kit import background, outbox
from server.kit.auth.sealing import Sealing
from server.kit.background import Job, Lock
from server.kit.backoff import Backoff
from server.kit.call.idempotency import answering_repeats
from server.kit.lifecycle import Registration
from server.kit.listing.tokens import PageTokens
from server.kit.outbox import Event
from server.kit.postgres import Pool
from server.kit.postgres.channel import Channel
from server.kit.postgres.idempotency import first_answer
from server.order.events import carts as cart_events
from server.order.events import returns as return_events
from server.order.events import shipments as shipment_events
from server.order.events import webhooks as webhook_events
from server.order.events.anonymous import anonymous
from server.order.neighbours.receivers import GuardedNetwork, Receivers
from server.order.webhooks import rules, wire
from server.order.webhooks.sending import Pace, Sender, WebhookDestination
from server.order.webhooks.service import Reach, WebhookService
from server.order.webhooks.store.deliveries import PostgresDeliveryStore
from server.order.webhooks.store.queue import PersonalMessages, PostgresQueue
from server.order.webhooks.store.webhooks import PostgresWebhookStore
from server.settings import SettingsError, Shop

_TIDY_SECONDS = 60.0
_BACKOFF = Backoff(first_seconds=0.1, seconds_max=5.0)


class Webhooks(NamedTuple):
    """What webhooks are kept and posted with."""

    store: PostgresWebhookStore
    deliveries: PostgresDeliveryStore
    sealing: Sealing
    reach: Reach


class Line:
    """Where relays leave what is to be posted, for the process that posts it."""

    def __init__(self, pool: Pool, dsn: str) -> None:
        self.heard: Callable[[], None] = lambda: None
        self.channel = Channel(dsn, "webhooks", lambda _: self.heard())
        self.queue = PostgresQueue(pool, self.channel.tell)
        self.destination = WebhookDestination(self.queue, wire.whose)


def webhooks_of(
    pool: Pool,
    wake: outbox.Wake,
    tell: Callable[[], None] = lambda: None,
    sealing: Sealing | None = None,
    reach: Reach | None = None,
) -> Webhooks:
    """Webhooks in `pool`. Without `sealing` nobody can read their secrets."""
    return Webhooks(
        PostgresWebhookStore(pool, webhook_events.to_outbox, wake, tell),
        PostgresDeliveryStore(pool, tell),
        sealing or Sealing(secrets.token_bytes(32)),
        reach or Reach(),
    )


def reach_of(shop: Shop) -> Reach:
    """Where the shop may post to. Raises `SettingsError`."""
    try:
        return Reach(rules.networks(shop.webhook_networks), shop.webhook_http)
    except ValueError:
        raise SettingsError(
            "WEBHOOK_NETWORKS must be networks, as 10.1.0.0/16, with spaces between"
        ) from None


@asynccontextmanager
async def posting(
    pool: Pool,
    line: Line,
    wake: outbox.Wake,
    sealing: Sealing,
    shop: Shop,
    lock: Lock,
    pace: Pace | None = None,
) -> AsyncIterator[Webhooks]:
    """Posts what waits in `line`, in one of the processes that share `lock`."""
    reach = reach_of(shop)
    webhooks = webhooks_of(pool, wake, line.channel.tell, sealing, reach)
    receivers = Receivers(GuardedNetwork(lambda address: rules.may_reach(address, reach.networks)))
    sender = Sender(
        line.queue,
        webhooks.store,
        receivers.post,
        wire.to_body,
        sealing.open,
        lambda: str(uuid7()),
        pace,
    )
    line.heard = sender.wake

    async def tidy() -> None:
        await receivers.close_idle()
        await line.queue.prune(datetime.now(UTC))

    try:
        async with background.running(
            Job("webhooks_channel", line.channel.run),
            Job("webhook_posting", sender.run, lock=lock, backoff=_BACKOFF),
            Job("webhook_tidying", tidy, _TIDY_SECONDS),
        ):
            yield webhooks
    finally:
        await receivers.close()


def webhook_registration(pool: Pool, webhooks: Webhooks, tokens: PageTokens) -> Registration:
    """The service, over `pool`."""
    described = webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"]
    service = WebhookService(
        webhooks.store, webhooks.deliveries, webhooks.sealing.seal, webhooks.reach, tokens
    )
    once = partial(first_answer, pool)
    return Registration(described, answering_repeats(described, service, once))


def forgetting() -> PersonalMessages:
    """What is kept of events to post, without persons who were erased."""

    def without(event: Event, user_id: str) -> Event:
        if event.aggregate_type == shipment_events.AGGREGATE_TYPE:
            return shipment_events.anonymous(event)
        if event.aggregate_type == return_events.AGGREGATE_TYPE:
            return return_events.anonymous(event)
        return anonymous(cart_events.anonymous(event, user_id), user_id)

    return PersonalMessages(without)
