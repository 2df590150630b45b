"""What payments are made with."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import NamedTuple

from server.kit.postgres import Pool
from server.order.events import payments as payment_events
from server.order.events import returns as return_events
from server.order.neighbours.payments import PaymentProvider
from server.order.neighbours.sandbox import sandbox
from server.order.orders.store.orders import PostgresOrderStore
from server.order.payments.processing import Processing
from server.order.payments.store.payments import PostgresPaymentStore
from server.order.returns.store.returns import FollowingReturns
from server.settings import Shop


class Payments(NamedTuple):
    """What payments are made with: their store, and what asks the providers."""

    store: PostgresPaymentStore
    processing: Processing
    secrets: Mapping[str, bytes]  # of notices, by their providers
    return_within: timedelta  # of the delivery of what was paid


@asynccontextmanager
async def paying(pool: Pool, orders: PostgresOrderStore, settings: Shop) -> AsyncIterator[Payments]:
    """Payments of `orders`, through the provider of the `settings`, while the block runs."""
    timeout = settings.payment_timeout_seconds
    async with AsyncExitStack() as stack:
        providers: dict[str, PaymentProvider] = {}
        secrets: dict[str, bytes] = {}
        if settings.sandbox_url:
            provider = await stack.enter_async_context(sandbox(settings.sandbox_url, timeout))
            providers[provider.name] = provider
            secrets[provider.name] = settings.sandbox_secret.encode()
        paid = payments_of(pool, orders, providers, timeout, secrets)
        yield paid._replace(return_within=timedelta(days=settings.return_days))


def payments_of(
    pool: Pool,
    orders: PostgresOrderStore,
    providers: Mapping[str, PaymentProvider],
    timeout_seconds: float = 5.0,
    secrets: Mapping[str, bytes] | None = None,
) -> Payments:
    """Payments of `orders`, through `providers`, which have so long for an answer."""
    store = PostgresPaymentStore(
        pool, orders, payment_events.to_outbox, FollowingReturns(return_events.to_outbox)
    )
    processing = Processing(store, providers, timeout_seconds)
    return Payments(store, processing, secrets or {}, timedelta(days=30))


def unpaid_for(shop: Shop) -> timedelta | None:
    """How long an order may be unpaid; None: for ever."""
    return timedelta(hours=shop.unpaid_order_hours) if shop.unpaid_order_hours else None
