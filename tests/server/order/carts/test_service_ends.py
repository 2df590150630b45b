"""How carts end: forgotten, with an event, or erased with their owner; and what is exported."""

from collections.abc import Sequence

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.order.v1 import events_pb2
from emporium.order.v1 import personal_data_service_pb2 as held_pb
from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.postgres import Pool
from server.order.app.shopping import cart_store
from server.order.jobs.abandoning import abandon_carts
from tests.server.conftest import Token
from tests.server.order.carts.carting import by_secret, checkout, line, lines, made, reading
from tests.server.order.doors import HOME, MISSING, Door
from tests.server.refusals import refused

_FORGET = "UPDATE carts SET expires_at = now() - interval '1 second' WHERE id = ANY($1)"
_TOLD = """
    SELECT payload FROM outbox WHERE aggregate_type = 'cart' AND aggregate_id = ANY($1)
    ORDER BY occurred_at, id
"""


@pytest.fixture
def user_service(anyone: Door, token: Token) -> Door:
    return Door(anyone.channel, token("SERVICE", "user"))


async def told(pool: Pool, *ids: str) -> Sequence[events_pb2.CartAbandoned]:
    rows = await pool.fetch(_TOLD, ids)
    return [events_pb2.CartAbandoned.FromString(row["payload"]) for row in rows]


async def test_what_is_forgotten_is_told_of_and_gone(
    ann: Door, bob: Door, anyone: Door, mug: Product, order_pool: Pool
) -> None:
    mine, nobodys, empty = await made(ann), await made(anyone), await made(bob)
    await ann("UpdateCartItem", line(mine, mug, 2))
    await anyone("UpdateCartItem", line(nobodys, mug, 3), by_secret(nobodys))
    ids = [mine.id, nobodys.id, empty.id]
    await abandon_carts(cart_store(order_pool, lambda: None))  # those of other tests
    assert lines(await ann("GetCart", reading(mine))) == {mug.id: 2}
    await order_pool.execute(_FORGET, ids)
    assert await abandon_carts(cart_store(order_pool, lambda: None), batch_max=2) == 3
    found = {each.cart.id: each.cart for each in await told(order_pool, *ids)}
    assert {each: lines(cart) for each, cart in found.items()} == {
        mine.id: {mug.id: 2},
        nobodys.id: {mug.id: 3},
    }
    assert (found[mine.id].user_id, found[nobodys.id].user_id) == (ann.user_id, "")
    assert (await refused(ann("GetCart", reading(mine)))).reason == "CART_NOT_FOUND"
    assert await abandon_carts(cart_store(order_pool, lambda: None)) == 0


async def test_a_change_keeps_a_cart_and_an_order_is_told_by_itself(
    ann: Door, mug: Product, order_pool: Pool
) -> None:
    cart = await made(ann)
    await abandon_carts(cart_store(order_pool, lambda: None))  # those of other tests
    await order_pool.execute(_FORGET, [cart.id])
    await ann("UpdateCartItem", line(cart, mug))
    assert await abandon_carts(cart_store(order_pool, lambda: None)) == 0
    await ann("CheckoutCart", checkout(cart))
    await order_pool.execute(_FORGET, [cart.id])
    assert await abandon_carts(cart_store(order_pool, lambda: None)) == 1
    assert await told(order_pool, cart.id) == []


async def test_carts_are_exported_and_go_with_their_owner(
    ann: Door, user_service: Door, mug: Product, order_pool: Pool
) -> None:
    first = await made(ann)
    await ann("UpdateCartItem", line(first, mug, 2))
    await ann("CheckoutCart", checkout(first, shipping_address=HOME))
    second = await made(ann)
    await ann("UpdateCartItem", line(second, mug, 4))
    asked = held_pb.ExportBuyerRequest(user_id=ann.user_id, part="carts")
    [part] = (await user_service("ExportBuyer", asked)).parts
    assert [each["id"] for each in part.records] == [first.id, second.id]
    assert part.records[1]["items"][0]["quantity"] == 4
    asked.page_token = first.id
    [part] = (await user_service("ExportBuyer", asked)).parts
    assert [each["id"] for each in part.records] == [second.id]
    asked.page_token = MISSING
    assert (await refused(user_service("ExportBuyer", asked))).reason == "INVALID_PAGE_TOKEN"
    await abandon_carts(cart_store(order_pool, lambda: None))  # those of other tests
    await order_pool.execute(_FORGET, [second.id])
    assert await abandon_carts(cart_store(order_pool, lambda: None)) == 1
    third = await made(ann)
    now = Timestamp()
    now.GetCurrentTime()
    erase = held_pb.EraseBuyerRequest(user_id=ann.user_id, erased_at=now)
    receipt = await user_service("EraseBuyer", erase)
    assert (receipt.erased["carts"], receipt.erased["waiting_cart_events"]) == (2, 1)
    [event] = await told(order_pool, second.id)
    assert event.cart.user_id == ""
    assert await order_pool.fetchval("SELECT count(*) FROM carts WHERE id = $1", third.id) == 0
    left = await order_pool.fetchval(
        "SELECT count(*) FROM outbox WHERE aggregate_type = 'cart'"
        " AND strpos(encode(payload, 'escape'), $1) > 0",
        ann.user_id,
    )
    assert left == 0
    assert await user_service("EraseBuyer", erase) == receipt
    assert (await refused(made(ann))).reason == "ACCOUNT_INACTIVE"
