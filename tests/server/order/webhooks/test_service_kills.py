"""The service is killed between a post and its mark: the post comes again, with the same id."""

import asyncio
import signal
from pathlib import Path

from emporium import Emporium, Webhook
from server.kit.context import Role
from server.settings import Postgres
from tests.server.conftest import NewDatabase
from tests.server.fake_feed import quiet_feed
from tests.server.order.test_app import Analytics, Service
from tests.server.order.webhooks.conftest import PLACED
from tests.server.order.webhooks.receiver import Post, Receiver, http, takes
from tests.waiting import until


async def subscribed(shop: Emporium, receiver: Receiver) -> Webhook:
    return await shop.webhooks.create(receiver.url, [PLACED])


async def test_killed_between_a_post_and_its_mark_it_posts_again(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database: Postgres = await new_database("order")
    user, port = await quiet_feed()
    service = Service(database, tmp_path, port)
    service.environment |= {"WEBHOOK_NETWORKS": "127.0.0.0/8", "WEBHOOK_HTTP": "true"}
    analytics = await Analytics().serve(service.analytics_port)
    posted, killed = asyncio.Event(), asyncio.Event()

    async def dies_first(_: Post) -> bytes:
        posted.set()
        await killed.wait()
        return http(200)

    async with Receiver(answer=dies_first) as receiver:
        process = await service.start("server", "order")
        await service.ready()
        async with service.shop(Role.ADMIN) as shop:
            webhook = await subscribed(shop, receiver)
            await shop.webhooks.ping(webhook.id)
            async with asyncio.timeout(60):
                await posted.wait()
            process.send_signal(signal.SIGKILL)
            await process.wait()
            killed.set()
            receiver.answer = takes
            process = await service.start("server", "order")
            await service.ready()

            async def again() -> bool:
                return len(receiver.posts) >= 2

            await until(again, timeout_seconds=60)
            first, second = receiver.posts[:2]
            assert (first.id, first.body) == (second.id, second.body)
            second.verified(webhook.secret)

            async def marked() -> bool:
                found = await shop.webhooks.deliveries(webhook.id, status="succeeded").first_page()
                return len(found.items) == 1

            await until(marked, timeout_seconds=60)
        process.terminate()
        await process.communicate()
    await analytics.stop(0)
    await user.stop(0)
