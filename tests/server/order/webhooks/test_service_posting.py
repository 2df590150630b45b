"""Events reach honest receivers at least once and in order, whatever others do."""

import asyncio
import base64
import time
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from emporium.order.v1 import webhook_service_pb2 as pb
from server.kit.postgres import Pool
from tests.server.order.doors import Door, cancel, update
from tests.server.order.webhooks.conftest import (
    CANCELLED,
    FAST,
    PLACED,
    UPDATED,
    deliveries,
    got,
    ordered,
    subscribed,
)
from tests.server.order.webhooks.receiver import Post, Receiver, fails, http, takes
from tests.waiting import until

SUCCEEDED, PENDING = pb.WebhookDelivery.SUCCEEDED, pb.WebhookDelivery.PENDING
HOME = {"recipient": "Ann", "street": "1 High Street", "city": "Leeds", "postal_code": "LS1 1AA"}


async def arrived(receiver: Receiver, count: int) -> None:
    async def there() -> bool:
        return len(receiver.posts) >= count

    await until(there, timeout_seconds=30)


async def settled(door: Door, webhook: pb.Webhook, count: int) -> list[pb.WebhookDelivery]:
    """The deliveries, once so many have succeeded."""

    async def there() -> bool:
        found = await deliveries(door, webhook)
        return sum(each.status == SUCCEEDED for each in found) >= count

    await until(there, timeout_seconds=30)
    return await deliveries(door, webhook)


async def test_an_event_is_posted_signed_as_the_standard_says(
    admin: Door, receiver: Receiver
) -> None:
    webhook = await subscribed(admin, receiver)
    order = await ordered(admin)
    await arrived(receiver, 1)
    [post] = receiver.posts
    told = post.verified(webhook.secret)
    assert told["id"] == post.id
    assert (told["type"], told["aggregate_type"], told["aggregate_version"]) == (PLACED, "order", 1)
    assert told["aggregate_id"] == told["data"]["order"]["id"] == order.id
    assert told["data"]["order"]["total_price"] == order.total_price
    assert post.headers["content-type"] == "application/json"
    [delivery] = await settled(admin, webhook, 1)
    assert (delivery.id, delivery.attempts, delivery.response_status) == (post.id, 1, 200)
    assert delivery.event_type == PLACED


async def test_what_was_changed_on_its_way_is_refused_by_the_library(
    admin: Door, receiver: Receiver
) -> None:
    webhook = await subscribed(admin, receiver)
    await ordered(admin)
    await arrived(receiver, 1)
    [post] = receiver.posts
    changed = Post(post.path, post.headers, post.body.replace(b"OrderPlaced", b"OrderPaid__"))
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    for forged, secret in ((changed, webhook.secret), (post, other)):
        with pytest.raises(WebhookVerificationError):
            forged.verified(secret)


async def test_only_those_who_ask_for_a_type_get_it(
    admin: Door, receiver: Receiver, posting_pool: Pool
) -> None:
    async with Receiver() as other:
        wanted = await subscribed(admin, receiver, CANCELLED)
        everything = await subscribed(admin, other, "*")
        order = await ordered(admin)
        await admin("CancelOrder", cancel(order))
        await arrived(receiver, 1)
        await arrived(other, 3)  # the product, too
        assert [post.event["type"] for post in receiver.posts] == [CANCELLED]
        assert {post.event["type"] for post in other.posts} > {PLACED, CANCELLED}
        await settled(admin, wanted, 1)
        await settled(admin, everything, 3)
    # Of what nobody asked for nothing was kept.
    types = await posting_pool.fetch("SELECT DISTINCT event_type FROM webhook_deliveries")
    assert len(types) == len(await posting_pool.fetch("SELECT id FROM webhook_messages"))


async def test_what_fails_comes_again_with_the_same_id_and_body_and_in_order(
    admin: Door, receiver: Receiver
) -> None:
    """Of one order the next event waits, and others go on."""
    failed: set[str] = set()

    async def once_in_two(post: Post) -> bytes:
        if post.id in failed:
            return http(200)
        failed.add(post.id)
        return http(503)

    receiver.answer = once_in_two
    webhook = await subscribed(admin, receiver, PLACED, UPDATED, CANCELLED)
    orders = [await ordered(admin) for _ in range(3)]
    for order in orders:
        await admin("UpdateOrder", update(order, shipping_address={**HOME, "country_code": "GB"}))
        await admin("CancelOrder", cancel(order))
    await settled(admin, webhook, 9)
    for order in orders:
        posts = [post for post in receiver.posts if post.event["aggregate_id"] == order.id]
        assert [post.event["aggregate_version"] for post in posts] == [1, 1, 2, 2, 3, 3]
        assert len({(post.id, post.body) for post in posts}) == 3
        for post in posts:
            post.verified(webhook.secret)


async def test_a_slow_receiver_a_dead_one_and_one_that_resets_hold_up_no_other(
    admin: Door, receiver: Receiver
) -> None:
    let_go = asyncio.Event()

    async def slow(_: Post) -> bytes:
        await let_go.wait()
        return http(200)

    async def resets(_: Post) -> None:
        return None

    async with Receiver(answer=slow) as slow_one, Receiver(answer=resets) as rude:
        slow_webhook = await subscribed(admin, slow_one)
        await subscribed(admin, rude)
        await subscribed(admin, receiver, url="http://127.0.0.1:1/nobody")
        webhook = await subscribed(admin, receiver)
        began = time.monotonic()
        orders = [await ordered(admin) for _ in range(20)]
        await settled(admin, webhook, 20)
        assert time.monotonic() - began < 10, "as long as the slow one has for an answer"
        assert {post.event["aggregate_id"] for post in receiver.posts} == {o.id for o in orders}
        assert len(slow_one.posts) <= FAST.side_by_side, "no more at once to one receiver"
        assert rude.posts
        let_go.set()
        await settled(admin, slow_webhook, 20)


@pytest.mark.parametrize("answer", [fails, takes])
async def test_a_receiver_that_comes_back_gets_everything(
    admin: Door, receiver: Receiver, answer: Any
) -> None:
    receiver.answer = answer
    webhook = await subscribed(admin, receiver)
    orders = [await ordered(admin) for _ in range(3)]
    await arrived(receiver, 3)
    assert (await got(admin, webhook)).HasField("failing_since") == (answer is fails)
    receiver.answer = takes
    await settled(admin, webhook, 3)
    assert {post.event["aggregate_id"] for post in receiver.posts} == {o.id for o in orders}
    assert not (await got(admin, webhook)).HasField("failing_since")


async def test_a_dead_receiver_is_paused_and_told_of_and_nothing_is_lost(
    admin: Door, receiver: Receiver
) -> None:
    async with Receiver(answer=fails) as dead:
        told = await subscribed(admin, receiver, "emporium.order.v1.WebhookPaused")
        webhook = await subscribed(admin, dead)
        first = await ordered(admin)
        await settled(admin, told, 1)
        paused = await got(admin, webhook)
        assert (paused.status, paused.pause_reason) == (pb.Webhook.PAUSED, "HTTP 500")
        assert paused.HasField("paused_at")
        assert paused.etag != webhook.etag
        [post] = receiver.posts
        assert post.event["data"]["webhook"]["id"] == post.event["aggregate_id"] == webhook.id
        assert post.event["aggregate_version"] == 1
        assert (
            "secret" not in post.event["data"]["webhook"]
            or not (post.event["data"]["webhook"]["secret"])
        )
        # What happens meanwhile waits for it.
        before = len(dead.posts)
        second = await ordered(admin)
        dead.answer = takes

        async def kept() -> bool:
            return len(await deliveries(admin, webhook)) == 2

        await until(kept)
        assert len(dead.posts) == before
        again = pb.UpdateWebhookRequest(webhook_id=webhook.id, active=True)
        assert (await admin("UpdateWebhook", again)).status == pb.Webhook.ACTIVE
        await settled(admin, webhook, 2)
        reached = {post.event["aggregate_id"] for post in dead.posts[before:]}
        assert reached == {first.id, second.id}


async def test_one_that_says_that_it_is_gone_is_paused_at_once(
    admin: Door, receiver: Receiver
) -> None:
    async def gone(_: Post) -> bytes:
        return http(410)

    receiver.answer = gone
    webhook = await subscribed(admin, receiver)
    await ordered(admin)

    async def is_paused() -> bool:
        return (await got(admin, webhook)).status == pb.Webhook.PAUSED

    await until(is_paused)
    assert len(receiver.posts) == 1


async def test_an_event_that_is_never_taken_is_given_up_and_stops_its_own_order_alone(
    admin: Door, receiver: Receiver
) -> None:
    refused: list[str] = []

    async def picky(post: Post) -> bytes:
        if not refused:
            refused.append(post.id)
        return http(400 if post.id in refused else 200)

    receiver.answer = picky
    webhook = await subscribed(admin, receiver, PLACED, CANCELLED)
    bad = await ordered(admin)
    await arrived(receiver, 1)
    await admin("CancelOrder", cancel(bad))
    # Others are taken, so the receiver is alive.
    async with asyncio.timeout(30):
        while pb.WebhookDelivery.FAILED not in {
            each.status for each in await deliveries(admin, webhook)
        }:
            await ordered(admin)
    found = {each.id: each for each in await deliveries(admin, webhook)}
    assert found[refused[0]].attempts == len(FAST.schedule) + 1
    assert found[refused[0]].error == "HTTP 400"
    assert (await got(admin, webhook)).status == pb.Webhook.ACTIVE

    async def later_one() -> bool:
        posts = [post.event for post in receiver.posts]
        return any((each["aggregate_id"], each["type"]) == (bad.id, CANCELLED) for each in posts)

    await until(later_one, timeout_seconds=30)


async def test_a_rotated_secret_and_the_one_before_both_sign(
    admin: Door, receiver: Receiver
) -> None:
    webhook = await subscribed(admin, receiver)
    rotate = pb.RotateWebhookSecretRequest(webhook_id=webhook.id)
    rotated = await admin("RotateWebhookSecret", rotate)
    assert rotated.secret not in ("", webhook.secret)
    assert rotated.HasField("previous_secret_until")
    await ordered(admin)
    await arrived(receiver, 1)
    [post] = receiver.posts
    for secret in (webhook.secret, rotated.secret):
        post.verified(secret)
    assert len(post.headers["webhook-signature"].split()) == 2
    # Without overlap the one before is forgotten.
    rotate = pb.RotateWebhookSecretRequest(webhook_id=webhook.id, overlap_seconds=0)
    last = await admin("RotateWebhookSecret", rotate)
    await ordered(admin)
    await arrived(receiver, 2)
    receiver.posts[1].verified(last.secret)
    for secret in (webhook.secret, rotated.secret):
        with pytest.raises(WebhookVerificationError):
            receiver.posts[1].verified(secret)


async def test_a_test_is_posted_and_a_delivery_is_posted_again(
    admin: Door, receiver: Receiver
) -> None:
    webhook = await subscribed(admin, receiver)
    ping = await admin("PingWebhook", pb.PingWebhookRequest(webhook_id=webhook.id))
    assert (ping.event_type, ping.status) == ("ping", PENDING)
    await settled(admin, webhook, 1)
    told = receiver.posts[0].verified(webhook.secret)
    assert (told["type"], told["id"]) == ("ping", ping.id)
    assert told["data"] == {"webhook_id": webhook.id}
    again = pb.RedeliverWebhookDeliveryRequest(webhook_id=webhook.id, delivery_id=ping.id)
    assert (await admin("RedeliverWebhookDelivery", again)).attempts == 0
    await arrived(receiver, 2)
    assert receiver.posts[0].id == receiver.posts[1].id
    assert receiver.posts[0].body == receiver.posts[1].body
