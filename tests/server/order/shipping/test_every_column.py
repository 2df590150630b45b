"""Of shipping methods and shipments the stores keep every field, of new ones and changed ones."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.outbox import Event
from server.kit.postgres import Pool
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.order.events.shipments import to_outbox
from server.order.shipping.rules import (
    Band,
    EventType,
    Method,
    NewMethod,
    Shipment,
    ShipmentChanged,
    ShipmentEvent,
    Status,
    Tracking,
    Zone,
    add_method,
)
from server.order.shipping.store.methods import PostgresMethodStore
from server.order.shipping.store.shipments import PostgresShipmentStore, ShipmentRecords
from tests.server.order.doors import Door
from tests.server.order.samples import NOW, new_id
from tests.server.order.shipping.doing import paid, send

MOMENT = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=100)
BANDS = st.builds(Band, st.none() | st.integers(1, 10**9), st.decimals(0, 1_000, places=4))
ZONES = st.builds(
    Zone,
    st.lists(st.sampled_from(["GB", "FR", "*"])).map(tuple),
    st.lists(BANDS, max_size=3).map(tuple),
)
OF_METHODS: dict[str, st.SearchStrategy[Any]] = {
    "name": TEXT,
    "currency": st.text("ABCXYZ", min_size=3, max_size=3),
    "zones": st.lists(ZONES, max_size=3).map(tuple),
    "active": st.booleans(),
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "version": st.integers(1, 2**62),
}
OF_SHIPMENTS: dict[str, st.SearchStrategy[Any]] = {
    "user_id": st.none() | st.uuids().map(str),
    "shipping_method_id": st.none() | st.uuids().map(str),
    "status": st.sampled_from(Status),
    "tracking_number": TEXT.map(lambda text: text[:64]),
    "delivered_at": st.none() | MOMENT,
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "version": st.integers(1, 2**62),
}


def values_of(strategy: st.SearchStrategy[Any]) -> list[Any]:
    values = []

    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    @given(strategy)
    def gather(value: Any) -> None:
        values.append(value)

    gather()
    return values


def test_every_field_is_tried() -> None:
    assert {*OF_METHODS, "id"} == {field.name for field in fields(Method)}
    # What is in a shipment, and of which order it is, never changes; what is heard is added.
    never = {"id", "order_id", "items", "tracking"}
    assert {*OF_SHIPMENTS, *never} == {field.name for field in fields(Shipment)}


@pytest.mark.parametrize("name", OF_METHODS)
async def test_a_field_of_a_method_is_read_back(order_pool: Pool, name: str) -> None:
    store = PostgresMethodStore(order_pool)
    new = NewMethod("By road", None, (Zone(("GB",), ()),))
    for value in values_of(OF_METHODS[name]):
        old = add_method(new, new_id(), NOW, "GBP")
        changed = replace(old, **{name: value})
        await store.create(changed, None, b"")
        assert await store.get(changed.id, only_active=False) == changed
        await store.update(changed.id, lambda _, to=old: to)  # type: ignore[misc]  # a default
        await store.update(changed.id, lambda _, to=changed: to)  # type: ignore[misc]  # a default
        assert await store.get(changed.id, only_active=False) == changed


@pytest_asyncio.fixture
async def shipment(staff: Door, ann: Door, mug: Product, order_pool: Pool) -> Shipment:
    order = await paid(staff, ann, (mug, 2))
    made = await staff("CreateShipment", send(order, (1, 1)))
    return await PostgresShipmentStore(order_pool).get(made.id, None)


def told(event: ShipmentEvent) -> Event:
    """The event as that of another one each time: here versions follow none."""
    return replace(to_outbox(event), aggregate_id=new_id(), aggregate_version=1)


async def become(pool: Pool, after: Shipment, tracking: Tracking | None = None) -> Shipment:
    event = ShipmentEvent(EventType.UPDATED, after, NOW, None, tracking)

    async def work(unit: UnitOfWork) -> None:
        records = ShipmentRecords(pool, told)
        await records.change(unit, after.id, lambda _: ShipmentChanged(after, event))

    await transaction(pool, work)
    return await PostgresShipmentStore(pool).get(after.id, None)


@pytest.mark.parametrize("name", OF_SHIPMENTS)
async def test_a_changed_field_of_a_shipment_is_read_back(
    order_pool: Pool, shipment: Shipment, name: str
) -> None:
    for value in values_of(OF_SHIPMENTS[name]):
        after = replace(shipment, **{name: value})
        if name == "delivered_at" and value:
            after = replace(after, status=Status.DELIVERED)
        if after.status is Status.DELIVERED and not after.delivered_at:
            after = replace(after, delivered_at=NOW)
        assert await become(order_pool, after) == after


async def test_what_was_heard_is_read_back(order_pool: Pool, shipment: Shipment) -> None:
    heard = Tracking(new_id(), Status.IN_TRANSIT, "Leeds", "Rang\ntwice", NOW, NOW)
    assert (await become(order_pool, shipment, heard)).tracking == (heard,)
