"""Wires the order service together."""

from functools import partial

from emporium import Emporium, Targets
from server.kit import lifecycle, outbox, postgres
from server.kit.auth import ServiceToken, Signer, Verifier
from server.kit.forgetting import forgetting
from server.kit.lifecycle import Registration
from server.kit.postgres import Pool
from server.kit.telemetry import telemetry
from server.order.neighbours.analytics import sender
from server.order.neighbours.users import UserDirectory, user_directory
from server.order.service import CatalogService, OrderService, registrations
from server.order.store.catalog import PostgresCatalogStore
from server.order.store.orders import PostgresOrderStore
from server.order.wire import events
from server.settings import Settings


def main() -> int:
    """Runs the service until it is asked to stop; gives the process's exit code."""
    return lifecycle.run(_serve)


async def _serve(settings: Settings) -> None:
    tokens, neighbours = settings.tokens, settings.neighbours
    signer = Signer.from_file(tokens.signing_key_file, tokens.token_seconds)
    targets = Targets(user=neighbours.user_target, analytics=neighbours.analytics_target)
    with telemetry(settings.server, "order"):
        async with (
            postgres.connected(settings.postgres) as pool,
            forgetting(pool),
            Emporium(targets, token=ServiceToken(signer)) as shop,
            user_directory(shop, neighbours.user_cache_seconds) as users,
            outbox.relaying(pool, settings.postgres.database_url, sender(shop)) as ring,
            lifecycle.serving(
                settings.server,
                Verifier.from_file(tokens.jwks_file),
                _registrations(pool, users, ring, settings.shop.shop_currency),
                # Neither the user service nor analytics: orders go on without them.
                probes={"postgres": partial(postgres.ping, pool)},
            ),
        ):
            await lifecycle.stopping()


def _registrations(
    pool: Pool, users: UserDirectory, ring: outbox.Ring, shop_currency: str
) -> tuple[Registration, ...]:
    catalog = PostgresCatalogStore(pool)
    orders = PostgresOrderStore(pool, encode=events.to_bytes, ring=ring)
    return registrations(
        CatalogService(catalog, shop_currency),
        OrderService(orders, catalog, users, shop_currency),
    )
