"""Wires the order service together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from emporium import Emporium, EmporiumError, Targets
from emporium.order.v1 import (
    catalog_service_pb2,
    order_service_pb2,
    payment_service_pb2,
    personal_data_service_pb2,
    pricing_service_pb2,
    shipping_service_pb2,
    stock_service_pb2,
)
from server.kit import background, lifecycle, outbox, postgres
from server.kit.audit.forwarding import Keeper, forwarding
from server.kit.audit.trail import CommittingSink
from server.kit.audit.writer import AuditWriter, writing
from server.kit.auth import ServiceToken, Signer, Verifier
from server.kit.background import Job, Lock
from server.kit.backoff import Backoff
from server.kit.call.idempotency import answering_repeats
from server.kit.following import live_copy
from server.kit.lifecycle import Registration
from server.kit.listing.tokens import PageTokens
from server.kit.postgres import Pool
from server.kit.postgres.advisory_lock import AdvisoryLock
from server.kit.postgres.channel import ANYTHING, Channel
from server.kit.postgres.expiry import key_expiry
from server.kit.postgres.idempotency import first_answer
from server.kit.revocations import UnrevokedTokens
from server.kit.shop import currency_of
from server.kit.telemetry import telemetry
from server.kit.tls import to_neighbours
from server.order.app.payments import Payments, paying, payments_of
from server.order.app.returns import SERVICE as RETURN_SERVICE
from server.order.app.returns import personal_returns, returning
from server.order.audit.store import PostgresWaiting, inserting
from server.order.catalog.service import CatalogService
from server.order.catalog.store.categories import PostgresCategoryStore
from server.order.catalog.store.products import PostgresCatalogStore
from server.order.events import payments as payment_events
from server.order.events import products as product_events
from server.order.events import shipments as shipment_events
from server.order.events import stock as stock_events
from server.order.events.anonymous import anonymous
from server.order.events.encoding import AGGREGATE_TYPE, to_outbox
from server.order.jobs.expiring import order_expiry
from server.order.jobs.paying import notice_expiry, payment_settlement
from server.order.neighbours import Users
from server.order.neighbours.analytics import AnalyticsDestination
from server.order.neighbours.audit import AuditKeeper
from server.order.neighbours.users import user_directory
from server.order.orders.feed import OrderFeed
from server.order.orders.quoting import Quoting
from server.order.orders.service import OrderService
from server.order.orders.store import Belongings, ExportStore, Tell
from server.order.orders.store.erasing import PersonalOrders
from server.order.orders.store.exporting import history_of, notes_of
from server.order.orders.store.fulfilling import PostgresFulfilment
from server.order.orders.store.notes import PostgresNoteStore
from server.order.orders.store.orders import PostgresOrderStore
from server.order.payments.service import PaymentService
from server.order.payments.store.following import FollowingPayments
from server.order.personal_data.service import PersonalDataService
from server.order.personal_data.store import PostgresErasureStore
from server.order.pricing.service import PricingService
from server.order.pricing.store.breaks import PostgresPriceStore
from server.order.pricing.store.promotions import PostgresPromotionStore
from server.order.pricing.store.rates import PostgresTaxRateStore
from server.order.pricing.store.terms import KeptTaxes, PostgresTerms
from server.order.pricing.store.uses import PromotionUses
from server.order.returns.store.erasing import PersonalReturns
from server.order.shipping.service import ShippingService
from server.order.shipping.store.erasing import PersonalShipments
from server.order.shipping.store.methods import PostgresMethodStore
from server.order.shipping.store.shipments import PostgresShipmentStore, ShipmentRecords
from server.order.stock.service import StockService
from server.order.stock.store.moves import StockMoves
from server.order.stock.store.stock import PostgresStockStore
from server.services import ORDER
from server.settings import Settings, Shop

_SWEEP_SECONDS = 60.0
_BACKOFF = Backoff(first_seconds=0.1, seconds_max=2.0)


def main() -> int:
    """Runs the service until it is asked to stop; gives the process's exit code."""
    return lifecycle.run(_serve, "order")


async def _serve(settings: Settings) -> None:
    tokens, neighbours = settings.tokens, settings.neighbours
    signer = Signer.for_neighbours(tokens)
    targets = Targets.of({name: neighbours.neighbour_targets[name] for name in ORDER.neighbours})
    one_at_a_time = AdvisoryLock(settings.postgres.database_url)
    with telemetry(settings.server, "order"):
        async with (
            postgres.connected(settings.postgres) as pool,
            background.running(key_expiry(pool, one_at_a_time), sweep(pool, one_at_a_time)),
            Emporium(
                targets, token=ServiceToken(signer), tls=to_neighbours(settings.server)
            ) as shop,
            user_directory(shop, neighbours.user_cache_seconds) as users,
            live_copy(shop.revocations.watch, EmporiumError) as live,
            auditing(pool, AuditKeeper(shop), one_at_a_time) as audit,
            outbox.relaying(
                pool, settings.postgres.database_url, [AnalyticsDestination(shop)]
            ) as wake,
            watching(pool, settings.postgres.database_url) as live_orders,
            paying(pool, order_store(pool, wake, live_orders.tell), settings.shop) as payments,
            background.running(
                order_expiry(order_store(pool, wake, live_orders.tell), one_at_a_time),
                payment_settlement(payments.processing, one_at_a_time),
                notice_expiry(payments.processing, one_at_a_time),
            ),
            lifecycle.serving(
                settings.server,
                UnrevokedTokens(Verifier.from_file(tokens.jwks_file), live.revocations),
                registrations(
                    pool,
                    users,
                    wake,
                    currency_of(settings.shop),
                    PageTokens(signer.secret("page tokens")),
                    live_orders,
                    unpaid_for(settings.shop),
                    payments,
                ),
                # Neither the user service nor analytics: orders are placed without them.
                probes={"postgres": partial(postgres.ping, pool)},
                accounts=live.accounts,
                audit=audit,
            ),
        ):
            await lifecycle.stopping()


class Held(NamedTuple):
    """What a database holds of people, and what erases it."""

    orders: PersonalOrders
    shipments: PersonalShipments
    returns: PersonalReturns
    erasures: PostgresErasureStore


def erasing(pool: Pool) -> Held:
    """What `pool` holds of people, and what erases it."""
    orders = PersonalOrders(pool, AGGREGATE_TYPE, anonymous)
    shipments = PersonalShipments(pool, shipment_events.AGGREGATE_TYPE, shipment_events.anonymous)
    returns = personal_returns(pool)
    # After orders, whose rows are locked before anything of their shipments and returns is written.
    erasures = PostgresErasureStore(pool, orders, shipments, returns, PromotionUses())
    return Held(orders, shipments, returns, erasures)


def sweep(pool: Pool, lock: Lock) -> Job:
    """Erases what has come late of persons who were erased, every minute, in one process."""
    held = erasing(pool)

    async def work() -> None:
        await held.erasures.sweep(datetime.now(UTC))

    return Job("erasure_sweep", work, _SWEEP_SECONDS, lock)


@asynccontextmanager
async def auditing(pool: Pool, keeper: Keeper, lock: Lock) -> AsyncIterator[CommittingSink]:
    """What takes the records of this service's calls, and sends them on to `keeper`."""
    waiting = PostgresWaiting(pool)
    async with (
        background.running(forwarding(waiting, keeper, lock)),
        writing(AuditWriter(waiting.append)) as writer,
    ):
        yield audit_sink(writer)


def audit_sink(writer: AuditWriter) -> CommittingSink:
    """The record of a change is committed with it."""
    return CommittingSink(writer, lambda record: inserting([record]))


class LiveOrders(NamedTuple):
    """What is watched in this process, and what tells of a change."""

    feed: OrderFeed
    tell: Tell


def order_feed(pool: Pool) -> OrderFeed:
    """What becomes of the orders in `pool`, for those who watch them."""
    return OrderFeed(order_store(pool, wake=lambda: None))


@asynccontextmanager
async def watching(pool: Pool, dsn: str) -> AsyncIterator[LiveOrders]:
    """Hears of changes that any process makes, while the block runs."""
    feed = order_feed(pool)

    def heard(names: Sequence[str]) -> None:
        if ANYTHING in names:
            feed.heard_nothing()
        else:
            feed.heard(names)

    channel = Channel(dsn, "orders", heard)
    async with background.running(
        Job("orders_channel", channel.run), Job("orders_feed", feed.run, backoff=_BACKOFF)
    ):
        yield LiveOrders(feed, channel.tell)


def order_store(pool: Pool, wake: outbox.Wake, tell: Tell = lambda _: None) -> PostgresOrderStore:
    """The orders, which move the stocks of the same database, are paid and are sent."""
    stocks = StockMoves(stock_events.to_outbox)
    payments = FollowingPayments(payment_events.to_outbox)
    belongings = Belongings(stocks, payments, shipment_records(pool), PromotionUses())
    return PostgresOrderStore(pool, to_outbox, wake, belongings, tell)


def shipment_records(pool: Pool) -> ShipmentRecords:
    """What becomes of shipments with their orders."""
    return ShipmentRecords(pool, shipment_events.to_outbox)


def unpaid_for(shop: Shop) -> timedelta | None:
    """How long an order may be unpaid; None: for ever."""
    return timedelta(hours=shop.unpaid_order_hours) if shop.unpaid_order_hours else None


def registrations(
    pool: Pool,
    users: Users,
    wake: outbox.Wake,
    shop_currency: str,
    tokens: PageTokens,
    live: LiveOrders | None = None,
    unpaid: timedelta | None = None,
    payments: Payments | None = None,
) -> tuple[Registration, ...]:
    """The services of this process, over `pool`; an order may be `unpaid` for so long.

    Without `live` nobody hears of a change, and without `payments` there is no provider.
    """
    live = live or LiveOrders(order_feed(pool), lambda _: None)
    catalog = PostgresCatalogStore(pool, encode=product_events.to_outbox, wake=wake)
    orders = order_store(pool, wake, live.tell)
    notes = PostgresNoteStore(pool)
    stocks = PostgresStockStore(pool, stock_events.to_outbox, wake)
    stock_service = stock_service_pb2.DESCRIPTOR.services_by_name["StockService"]
    catalog_service = catalog_service_pb2.DESCRIPTOR.services_by_name["CatalogService"]
    held = erasing(pool)
    exported: dict[str, ExportStore] = {
        "orders": held.orders,
        "order_history": history_of(pool),
        "order_notes": notes_of(pool),
        "shipments": held.shipments,
        "returns": held.returns,
    }
    order_service = order_service_pb2.DESCRIPTOR.services_by_name["OrderService"]
    personal_data = personal_data_service_pb2.DESCRIPTOR.services_by_name["PersonalDataService"]
    pricing = pricing_service_pb2.DESCRIPTOR.services_by_name["PricingService"]
    once = partial(first_answer, pool)
    categories = PostgresCategoryStore(pool)
    products = CatalogService(catalog, categories, shop_currency, tokens)
    paid = payments or payments_of(pool, orders, {})
    payment_service = payment_service_pb2.DESCRIPTOR.services_by_name["PaymentService"]
    payments_served = PaymentService(paid.store, paid.processing, tokens, paid.secrets)
    taxes = KeptTaxes(PostgresTaxRateStore(pool), categories)
    rates = PostgresTaxRateStore(pool, taxes.forget)
    prices = PricingService(
        PostgresPriceStore(pool), PostgresPromotionStore(pool), rates, shop_currency, tokens
    )
    methods = PostgresMethodStore(pool)
    quoting = Quoting(catalog, methods, PostgresTerms(pool, taxes), shop_currency)
    placing = OrderService(orders, quoting, users, tokens, live.feed, notes, unpaid)
    fulfilment = PostgresFulfilment(pool, orders, shipment_records(pool))
    shipments = PostgresShipmentStore(pool)
    sending = ShippingService(methods, shipments, fulfilment, shop_currency, tokens)
    shipping = shipping_service_pb2.DESCRIPTOR.services_by_name["ShippingService"]
    stock = StockService(stocks, catalog, tokens)
    returned = returning(pool, orders, paid, tokens)
    return (
        Registration(catalog_service, answering_repeats(catalog_service, products, once)),
        Registration(stock_service, answering_repeats(stock_service, stock, once)),
        Registration(
            order_service, answering_repeats(order_service, placing, once), live.feed.close
        ),
        Registration(payment_service, answering_repeats(payment_service, payments_served, once)),
        Registration(pricing, answering_repeats(pricing, prices, once)),
        Registration(shipping, answering_repeats(shipping, sending, once)),
        Registration(RETURN_SERVICE, answering_repeats(RETURN_SERVICE, returned, once)),
        Registration(personal_data, PersonalDataService(held.erasures, exported)),
    )
