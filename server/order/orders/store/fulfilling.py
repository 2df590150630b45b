"""What is sent of orders, with what they become by it, in PostgreSQL."""

from collections.abc import Callable

from server.kit.context import Key
from server.kit.postgres import Pool
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork
from server.order.orders.rules import (
    Act,
    Changed,
    Order,
    Status,
    arrived,
    check_moment,
    check_texts,
    person,
    sent,
)
from server.order.orders.store import Shipments
from server.order.orders.store.orders import PostgresOrderStore
from server.order.shipping.rules import Doing, Parcel, Shipment, ShipmentChanged


class PostgresFulfilment:
    """A `shipping.store.Fulfilment`. Whoever changes a shipment has the turn of its order."""

    def __init__(self, pool: Pool, orders: PostgresOrderStore, shipments: Shipments) -> None:
        self._pool = pool
        self._orders = orders
        self._shipments = shipments

    async def user_of(self, order_id: str, owner_scope: str | None) -> str | None:
        return await self._orders.user_of(order_id, owner_scope)

    async def send(
        self,
        order_id: str,
        parcel: Parcel,
        doing: Doing,
        key: Key | None,
        answer: Callable[[Shipment], bytes],
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            before = await self._orders.lock(unit, order_id, None)
            order, event, shipment = sent(before, parcel, _act(before, doing))
            await self._orders.keep(unit, before, Changed(order, event))
            return answer(shipment)

        buyer = await self._orders.user_of(order_id, None) if key else None
        given = await change_once(self._pool, work, key, subject=buyer)
        self._orders.told(order_id)
        return given

    async def change(
        self,
        shipment_id: str,
        doing: Doing,
        change: Callable[[Shipment], ShipmentChanged],
        key: Key | None,
        answer: Callable[[Shipment], bytes],
    ) -> bytes:
        order_id, buyer = await self._shipments.order_of(shipment_id)

        async def work(unit: UnitOfWork) -> bytes:
            before = await self._orders.lock(unit, order_id, None)
            shipment, event = await self._shipments.change(unit, shipment_id, change)
            if event:
                tracking = event.tracking
                if tracking:
                    check_moment(before, tracking.occurred_at)
                texts = {"location": tracking.location, "note": tracking.note} if tracking else {}
                check_texts(before.user_id, {"tracking_number": shipment.tracking_number, **texts})
            if await self._is_last(unit, before, shipment):
                await self._orders.keep(unit, before, arrived(before, _act(before, doing)))
            return answer(shipment)

        given = await change_once(self._pool, work, key, subject=buyer)
        self._orders.told(order_id)
        return given

    async def _is_last(self, unit: UnitOfWork, order: Order, shipment: Shipment) -> bool:
        """Whether all of the order has arrived, and it does not say so yet."""
        if order.status is not Status.SHIPPED or shipment.delivered_at is None:
            return False
        return not await self._shipments.are_on_their_way(unit, shipment)


def _act(order: Order, doing: Doing) -> Act:
    actor = person(doing.caller_id, order.user_id)
    return Act(doing.id, doing.at, actor, doing.traceparent)
