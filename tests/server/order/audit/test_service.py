"""Which calls of the order service leave a record, and of whom it tells."""

from collections.abc import Sequence

import pytest

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as pb
from server.kit.audit.record import AuditRecord
from server.kit.audit.writer import AuditWriter
from server.kit.postgres import Pool
from server.order.audit.store import PostgresWaiting
from server.order.neighbours import Buyer
from tests.server.order.conftest import FakeUsers
from tests.server.order.doors import Door, get, item, new_product, order_of, update
from tests.server.refusals import refused

ORDERS = "emporium.order.v1.OrderService"


class Kept:
    """The records that wait for the user service."""

    def __init__(self, pool: Pool, writer: AuditWriter) -> None:
        self._waiting = PostgresWaiting(pool)
        self._writer = writer

    async def of(self, actor: Door) -> Sequence[AuditRecord]:
        """Those of one caller, the oldest first."""
        await self._writer.flush()
        return await self.committed(actor)

    async def committed(self, actor: Door) -> Sequence[AuditRecord]:
        """Those that stand there without being gathered: they came with a change."""
        found = await self._waiting.first(100_000)
        return [each for each in found if each.actor_id == actor.user_id]


@pytest.fixture
def kept(order_pool: Pool, audit: AuditWriter) -> Kept:
    return Kept(order_pool, audit)


async def test_what_staff_do_to_others_orders_is_kept_with_the_change(
    ann: Door, staff: Door, mug: catalog_pb.Product, kept: Kept
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    before = len(await kept.committed(staff))
    await staff("UpdateOrder", update(order, status=pb.Order.CANCELLED))
    await staff("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id))
    told = [
        (each.action, each.subject_id, each.resource, each.outcome)
        for each in (await kept.committed(staff))[before:]
    ]
    assert told == [
        (f"{ORDERS}/{name}", ann.user_id, f"/api/v1/orders/{order.id}", "OK")
        for name in ("UpdateOrder", "DeleteOrder")
    ]
    assert len(await kept.of(staff)) == before + 2, "once"


async def test_what_staff_read_of_others_is_kept(
    ann: Door, staff: Door, mug: catalog_pb.Product, kept: Kept, users: FakeUsers
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    users.buyers[ann.user_id] = Buyer(ann.user_id, "ann@example.com", "Ann")
    before = len(await kept.of(staff))
    await staff("GetOrder", get(order))
    await staff("GetOrderUser", pb.GetOrderUserRequest(order_id=order.id))
    await staff("ListUserOrders", pb.ListUserOrdersRequest(user_id=ann.user_id))
    await staff("ListOrders", pb.ListOrdersRequest())
    told = [(each.action.rpartition("/")[2], each.subject_id) for each in await kept.of(staff)]
    assert told[before:] == [
        ("GetOrder", ann.user_id),
        ("GetOrderUser", ann.user_id),
        ("ListUserOrders", ann.user_id),
        ("ListOrders", ""),
    ]


async def test_what_is_ones_own_leaves_none(
    ann: Door, staff: Door, mug: catalog_pb.Product, kept: Kept
) -> None:
    before = len(await kept.of(staff))
    for owner in (ann, staff):
        order = await owner("CreateOrder", order_of(item(mug)))
        await owner("GetOrder", get(order))
        await owner("ListUserOrders", pb.ListUserOrdersRequest(user_id=owner.user_id))
        await owner("UpdateOrder", update(order, status=pb.Order.CANCELLED))
        await owner("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id))
    assert not await kept.of(ann)
    assert len(await kept.of(staff)) == before


async def test_what_a_role_alone_allows_is_kept_with_the_change_though_it_is_one_s_own(
    ann: Door, staff: Door, mug: catalog_pb.Product, kept: Kept
) -> None:
    before = len(await kept.committed(staff))
    cheap = await staff("CreateOrder", order_of(item(mug, unit_price="0.01")))
    anns = await staff("CreateOrder", order_of(item(mug), user_id=ann.user_id))
    await staff("UpdateOrder", update(cheap, status=pb.Order.PAID))
    told = [
        (each.action.rpartition("/")[2], each.subject_id, each.resource)
        for each in (await kept.committed(staff))[before:]
    ]
    assert told == [
        ("CreateOrder", staff.user_id, f"/api/v1/orders/{cheap.id}"),
        ("CreateOrder", ann.user_id, f"/api/v1/orders/{anns.id}"),
        ("UpdateOrder", staff.user_id, f"/api/v1/orders/{cheap.id}"),
    ]
    assert len(await kept.of(staff)) == before + 3, "once"


async def test_the_catalogue_is_the_shops(staff: Door, kept: Kept) -> None:
    product = await staff("CreateProduct", new_product())
    last = (await kept.committed(staff))[-1]
    assert last.action == "emporium.order.v1.CatalogService/CreateProduct"
    assert last.resource == f"/api/v1/products/{product.id}"


async def test_who_is_refused_leaves_a_record(
    ann: Door, bob: Door, mug: catalog_pb.Product, kept: Kept
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    await refused(bob("GetOrder", get(order)))
    await refused(bob("CreateProduct", new_product()))
    told = [(each.outcome, each.subject_id) for each in await kept.of(bob)]
    assert told == [("ORDER_NOT_FOUND", ""), ("PERMISSION_DENIED", "")]
