"""What a rule may change of a return, the store writes, all of it."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.outbox import Event
from server.kit.postgres import Pool
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.order.events.returns import to_outbox
from server.order.returns.rules import EventType, Line, Reason, Return, ReturnEvent, Status
from server.order.returns.store import rows
from tests.server.order.doors import Door
from tests.server.order.returns.doing import ask, delivered
from tests.server.order.samples import NOW, new_id

MOMENT = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
MONEY = st.integers(0, 10**12).map(lambda units: Decimal(units) / 10_000)
ITEMS = st.sampled_from([1, 2]).map(
    lambda count: (Line(1, 2, count, 2 - count, count, Decimal(count)), Line(2, 1))
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "user_id": st.none() | st.uuids().map(str),
    "status": st.sampled_from(Status),
    "items": ITEMS,
    "reason": st.sampled_from(Reason),
    "comment": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=500),
    "currency": st.text("ABCXYZ", min_size=3, max_size=3),
    "refundable": MONEY,
    "refunded": MONEY,
    "open_refunds": st.integers(0, 50),
    "asked": MONEY,
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "version": st.integers(1, 2**62),
}
MOST = Decimal(10**8)
# What an amount has to be within.
ROOM: dict[str, dict[str, Any]] = {
    "refunded": {"asked": MOST, "refundable": MOST},
    "asked": {"refundable": MOST},
}
_READ = f"{rows.WHOLE} WHERE id = $1"


def test_every_field_is_tried() -> None:
    # Of what a return is never changes; its history is added to, as it is moved.
    never = {"id", "order_id", "history"}
    assert {*VALUES, *never} == {field.name for field in fields(Return)}


@pytest_asyncio.fixture
async def returned(staff: Door, ann: Door, mug: Product, order_pool: Pool) -> Return:
    order = await delivered(staff, ann, (mug, 2), (mug, 1))
    made = await ann("CreateReturn", ask(order))
    return rows.to_return((await order_pool.fetch(_READ, made.id))[0])


def told(event: ReturnEvent) -> Event:
    """The event as that of another one each time: here versions follow none."""
    return replace(to_outbox(event), id=new_id(), aggregate_id=new_id(), aggregate_version=1)


async def become(pool: Pool, before: Return, after: Return) -> Return:
    event = ReturnEvent(new_id(), EventType.UPDATED, after, NOW, None)

    async def work(unit: UnitOfWork) -> None:
        for each in rows.writes(before, event, told):
            unit.write(each)

    await transaction(pool, work)
    return rows.to_return((await pool.fetch(_READ, after.id))[0])


@pytest.mark.parametrize("name", VALUES)
async def test_a_changed_field_is_read_back(order_pool: Pool, returned: Return, name: str) -> None:
    values = []

    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    @given(VALUES[name])
    def gather(value: Any) -> None:
        values.append(value)

    gather()
    before = returned
    for value in values:
        after = replace(returned, **{**ROOM.get(name, {}), name: value})
        assert await become(order_pool, before, after) == after
        before = after
