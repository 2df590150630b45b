"""Wires the order service together."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from emporium import Emporium, EmporiumError, Targets
from emporium.order.v1 import (
    catalog_service_pb2,
    order_service_pb2,
    payment_service_pb2,
    personal_data_service_pb2,
    pricing_service_pb2,
    return_service_pb2,
    shipping_service_pb2,
    stock_service_pb2,
)
from server.kit import background, lifecycle, outbox, postgres
from server.kit.auth import ServiceToken, Signer, Verifier
from server.kit.auth.sealing import Sealing
from server.kit.background import Job
from server.kit.backoff import Backoff
from server.kit.call.idempotency import Find, answering_repeats
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
from server.order.addresses.store import PostgresAddressStore
from server.order.app.auditing import auditing
from server.order.app.erasing import erasing, sweep
from server.order.app.mail import mail_destination
from server.order.app.payments import Payments, paying, payments_of, unpaid_for
from server.order.app.returns import returning
from server.order.app.shopping import cart_store, shopping
from server.order.app.webhooks import Line, posting, webhook_registration
from server.order.carts.service import Buying
from server.order.catalog.service import CatalogService
from server.order.catalog.store.categories import PostgresCategoryStore
from server.order.catalog.store.products import PostgresCatalogStore
from server.order.events import payments as payment_events
from server.order.events import products as product_events
from server.order.events import promotions as promotion_events
from server.order.events import shipments as shipment_events
from server.order.events import stock as stock_events
from server.order.events.encoding import to_outbox
from server.order.jobs.abandoning import abandon_carts
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
from server.order.orders.store.exporting import history_of, notes_of
from server.order.orders.store.fulfilling import PostgresFulfilment
from server.order.orders.store.notes import PostgresNoteStore
from server.order.orders.store.orders import PostgresOrderStore
from server.order.payments.service import PaymentService
from server.order.payments.store.following import FollowingPayments
from server.order.personal_data.service import PersonalDataService
from server.order.pricing.service import PricingService
from server.order.pricing.store.breaks import PostgresPriceStore
from server.order.pricing.store.promotions import PostgresPromotionStore
from server.order.pricing.store.rates import PostgresTaxRateStore
from server.order.pricing.store.terms import KeptTaxes, PostgresTerms
from server.order.pricing.store.uses import PromotionUses
from server.order.shipping.service import ShippingService
from server.order.shipping.store.methods import PostgresMethodStore
from server.order.shipping.store.shipments import PostgresShipmentStore, ShipmentRecords
from server.order.stock.service import StockService
from server.order.stock.store.moves import StockMoves
from server.order.stock.store.stock import PostgresStockStore
from server.services import ORDER
from server.settings import Mail, Settings

_BACKOFF = Backoff(first_seconds=0.1, seconds_max=2.0)


def main() -> int:
    """Runs the service until it is asked to stop; gives the process's exit code."""
    return lifecycle.run(_serve, "order")


async def _serve(settings: Settings) -> None:
    tokens, neighbours = settings.tokens, settings.neighbours
    signer = Signer.for_neighbours(tokens)
    targets = Targets.of({name: neighbours.neighbour_targets[name] for name in ORDER.neighbours})
    page_tokens = PageTokens(signer.secret("page tokens"))
    sealing = Sealing(signer.secret("webhook secrets"))
    one_at_a_time = AdvisoryLock(settings.postgres.database_url)
    with telemetry(settings.server, "order"):
        async with (
            postgres.connected(settings.postgres) as pool,
            background.running(
                key_expiry(pool, one_at_a_time, also=("sent_mails",)),
                sweep(pool, one_at_a_time),
            ),
            Emporium(
                targets, token=ServiceToken(signer), tls=to_neighbours(settings.server)
            ) as shop,
            user_directory(shop, neighbours.user_cache_seconds) as users,
            live_copy(shop.revocations.watch, EmporiumError) as live,
            auditing(pool, AuditKeeper(shop), one_at_a_time) as audit,
            nullcontext(Line(pool, settings.postgres.database_url)) as line,
            outbox.relaying(
                pool,
                settings.postgres.database_url,
                [*destinations(pool, shop, users, settings.mail), line.destination],
            ) as wake,
            posting(pool, line, wake, sealing, settings.shop, one_at_a_time) as webhooks,
            watching(pool, settings.postgres.database_url) as live_orders,
            paying(pool, order_store(pool, wake, live_orders.tell), settings.shop) as payments,
            background.running(
                order_expiry(
                    order_store(pool, wake, live_orders.tell),
                    one_at_a_time,
                    15.0,
                    partial(abandon_carts, cart_store(pool, wake)),
                ),
                payment_settlement(payments.processing, one_at_a_time),
                notice_expiry(payments.processing, one_at_a_time),
            ),
            lifecycle.serving(
                settings.server,
                UnrevokedTokens(Verifier.from_file(tokens.jwks_file), live.revocations),
                (
                    *registrations(
                        pool,
                        users,
                        wake,
                        currency_of(settings.shop),
                        page_tokens,
                        live_orders,
                        unpaid_for(settings.shop),
                        payments,
                        signer.secret("addresses of carts"),
                    ),
                    webhook_registration(pool, webhooks, page_tokens),
                ),
                # Neither the user service nor analytics: orders are placed without them.
                probes={"postgres": partial(postgres.ping, pool)},
                accounts=live.accounts,
                audit=audit,
            ),
        ):
            await lifecycle.stopping()


def destinations(
    pool: Pool, shop: Emporium, users: Users, mail: Mail
) -> Sequence[outbox.Destination]:
    """Where the events in the outbox of `pool` go, beside webhooks."""
    mails = mail_destination(pool, order_store(pool, lambda: None), users, mail)
    return [AnalyticsDestination(shop), mails]


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


def registrations(  # noqa: PLR0913, PLR0917 - each is made by who wires a process
    pool: Pool,
    users: Users,
    wake: outbox.Wake,
    shop_currency: str,
    tokens: PageTokens,
    live: LiveOrders | None = None,
    unpaid: timedelta | None = None,
    payments: Payments | None = None,
    address_key: bytes = b"",
) -> tuple[Registration, ...]:
    """The services of this process, over `pool`; an order may be `unpaid` for so long.

    Without `live` nobody hears of a change, and without `payments` there is no provider. What is
    kept of where carts were made is hashed with the `address_key`.
    """
    live = live or LiveOrders(order_feed(pool), lambda _: None)
    catalog = PostgresCatalogStore(pool, encode=product_events.to_outbox, wake=wake)
    orders = order_store(pool, wake, live.tell)
    notes = PostgresNoteStore(pool)
    stocks = PostgresStockStore(pool, stock_events.to_outbox, wake)
    held = erasing(pool)
    exported: dict[str, ExportStore] = {
        "orders": held.orders,
        "order_history": history_of(pool),
        "order_notes": notes_of(pool),
        "shipments": held.shipments,
        "addresses": held.addresses,
        "carts": held.carts,
        "returns": held.returns,
    }
    categories = PostgresCategoryStore(pool)
    products = CatalogService(catalog, categories, shop_currency, tokens)
    paid = payments or payments_of(pool, orders, {})
    payments_served = PaymentService(paid.store, paid.processing, tokens, paid.secrets)
    taxes = KeptTaxes(PostgresTaxRateStore(pool), categories)
    rates = PostgresTaxRateStore(pool, taxes.forget)
    prices = PricingService(
        PostgresPriceStore(pool),
        PostgresPromotionStore(pool, promotion_events.to_outbox, wake),
        rates,
        shop_currency,
        tokens,
    )
    methods = PostgresMethodStore(pool)
    saved = PostgresAddressStore(pool)
    quoting = Quoting(catalog, methods, PostgresTerms(pool, taxes), saved, shop_currency)
    placing = OrderService(orders, quoting, users, tokens, live.feed, notes, unpaid)
    fulfilment = PostgresFulfilment(pool, orders, shipment_records(pool))
    shipments = PostgresShipmentStore(pool)
    sending = ShippingService(methods, shipments, fulfilment, shop_currency, tokens)
    stock = StockService(stocks, catalog, tokens)
    served = partial(_served, once=partial(first_answer, pool))
    personal_data = personal_data_service_pb2.DESCRIPTOR.services_by_name["PersonalDataService"]
    return (
        served(catalog_service_pb2, products),
        served(stock_service_pb2, stock),
        served(order_service_pb2, placing, live.feed.close),
        served(payment_service_pb2, payments_served),
        served(pricing_service_pb2, prices),
        served(shipping_service_pb2, sending),
        *shopping(pool, wake, saved, Buying(quoting, orders, saved, unpaid), tokens, address_key),
        served(return_service_pb2, returning(pool, orders, paid, tokens)),
        Registration(personal_data, PersonalDataService(held.erasures, exported)),
    )


def _served(file: Any, service: object, *close: Callable[[], None], once: Find) -> Registration:
    """The one service that `file` describes, which answers repeats of keyed calls."""
    [described] = file.DESCRIPTOR.services_by_name.values()
    return Registration(described, answering_repeats(described, service, once), *close)
