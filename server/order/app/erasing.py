"""What this service holds of people, and what erases it."""

from datetime import UTC, datetime
from typing import NamedTuple

from server.kit.background import Job, Lock
from server.kit.postgres import Pool
from server.order.addresses.store import PersonalAddresses
from server.order.app.returns import personal_returns
from server.order.app.webhooks import forgetting
from server.order.carts.store.personal import PersonalCarts
from server.order.events import carts as cart_events
from server.order.events import shipments as shipment_events
from server.order.events.anonymous import anonymous
from server.order.events.encoding import AGGREGATE_TYPE
from server.order.orders.store.erasing import PersonalOrders
from server.order.personal_data.store import PostgresErasureStore
from server.order.pricing.store.uses import PromotionUses
from server.order.returns.store.erasing import PersonalReturns
from server.order.shipping.store.erasing import PersonalShipments

_SWEEP_SECONDS = 60.0


class Held(NamedTuple):
    """What a database holds of people, and what erases it."""

    orders: PersonalOrders
    shipments: PersonalShipments
    addresses: PersonalAddresses
    carts: PersonalCarts
    returns: PersonalReturns
    erasures: PostgresErasureStore


def erasing(pool: Pool) -> Held:
    """What `pool` holds of people, and what erases it."""
    orders = PersonalOrders(pool, AGGREGATE_TYPE, anonymous, forgetting())
    shipments = PersonalShipments(pool, shipment_events.AGGREGATE_TYPE, shipment_events.anonymous)
    addresses = PersonalAddresses(pool)
    carts = PersonalCarts(pool, cart_events.anonymous)
    returns = personal_returns(pool)
    # In the order of their locks; shipments and returns after orders, whose rows are locked before
    # anything of theirs is written.
    erasures = PostgresErasureStore(
        pool, addresses, carts, orders, shipments, returns, PromotionUses()
    )
    return Held(orders, shipments, addresses, carts, returns, erasures)


def sweep(pool: Pool, lock: Lock) -> Job:
    """Erases what has come late of persons who were erased, every minute, in one process."""
    held = erasing(pool)

    async def work() -> None:
        await held.erasures.sweep(datetime.now(UTC))

    return Job("erasure_sweep", work, _SWEEP_SECONDS, lock)
