"""Persons who are erased are in nothing that is kept to be posted, and what is old goes."""

import uuid
from datetime import UTC, datetime, timedelta

from emporium.order.v1 import events_pb2
from emporium.order.v1.order_service_pb2 import NewOrderItem
from server.kit.postgres import Pool
from server.order.app.erasing import erasing
from server.order.webhooks.store.queue import PostgresQueue
from tests.server.order.doors import HOME, Door, order_of
from tests.server.order.webhooks.conftest import PLACED, deliveries, ordered, subscribed
from tests.server.order.webhooks.receiver import Receiver, fails, takes
from tests.waiting import until

NOW = datetime.now(UTC)


async def test_what_waits_is_posted_without_the_person(
    admin: Door, receiver: Receiver, posting_pool: Pool
) -> None:
    receiver.answer = fails
    webhook = await subscribed(admin, receiver)
    user_id = str(uuid.uuid4())
    line = NewOrderItem(product_name="Lamp", unit_price="12.00", quantity=1)
    order = await admin("CreateOrder", order_of(line, shipping_address=HOME))
    await posting_pool.execute("UPDATE orders SET user_id = $1 WHERE id = $2", user_id, order.id)

    async def tried() -> bool:
        return bool(receiver.posts)

    await until(tried)
    told = events_pb2.OrderPlaced(order=order)
    told.order.user_id = user_id
    await posting_pool.execute(
        "UPDATE webhook_messages SET payload = $1, user_id = $2", told.SerializeToString(), user_id
    )
    receipt = await erasing(posting_pool).erasures.erase(user_id, NOW, NOW)
    assert receipt.erased["kept_events"] == 1
    [row] = await posting_pool.fetch("SELECT payload, user_id FROM webhook_messages")
    left = events_pb2.OrderPlaced.FromString(row["payload"]).order
    assert (row["user_id"], left.user_id) == (None, "")
    assert (left.shipping_address.street, left.shipping_address.country_code) == ("", "GB")
    before = len(receiver.posts)
    receiver.answer = takes

    async def taken() -> bool:
        return not await deliveries(admin, webhook, status="pending")

    await until(taken, timeout_seconds=30)
    last = receiver.posts[-1]
    assert len(receiver.posts) > before
    assert user_id.encode() not in last.body
    assert HOME.street.encode().splitlines()[0] not in last.body


async def test_what_is_old_or_of_a_webhook_that_is_gone_is_deleted(
    admin: Door, receiver: Receiver, posting_pool: Pool
) -> None:
    webhook = await subscribed(admin, receiver, PLACED)
    await ordered(admin)

    async def posted() -> bool:
        return bool(await deliveries(admin, webhook, status="succeeded"))

    await until(posted)
    queue = PostgresQueue(posting_pool, lambda: None)
    now = datetime.now(UTC)
    assert await queue.prune(now + timedelta(days=6, hours=23)) == 0
    assert await queue.prune(now + timedelta(days=7, hours=1)) == 2
    assert await deliveries(admin, webhook) == []
    await ordered(admin)
    await until(posted)
    await posting_pool.execute("DELETE FROM webhooks")
    assert await queue.prune(now) == 1
    assert await posting_pool.fetchval("SELECT count(*) FROM webhook_deliveries") == 0
