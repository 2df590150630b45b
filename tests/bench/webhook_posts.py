"""Posts to a receiver and says what it took: `webhook_posts SIDE DATABASE_URL URL COUNT`.

`ours` posts deliveries by the order service's sender, `bare` the same bodies, signed, by httpx;
`many` and `few` make deliveries, with a thousand webhooks of which ten match, and with those ten.
Prints the seconds that passed, and those of CPU of this process. `receiver PORT` answers 200.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import uvloop
from uuid_utils import uuid7

from server.kit import postgres
from server.kit.auth.sealing import Sealing
from server.kit.outbox import Event
from server.kit.postgres import Pool
from server.order.app.webhooks import webhooks_of
from server.order.neighbours.receivers import CONNECTIONS_MAX, GuardedNetwork, Receivers
from server.order.webhooks import rules, wire
from server.order.webhooks.sending import Sender
from server.order.webhooks.store import Told
from server.order.webhooks.store.queue import PostgresQueue
from server.settings import Postgres

_TYPE, _OTHER = "emporium.order.v1.WebhookPaused", "emporium.order.v1.OrderPlaced"
_SECRET = rules.secret_of(bytes(rules.SECRET_BYTES))
_SEALING = Sealing(bytes(32))
_EVENTS_TOGETHER = 100
_WAITING = "SELECT EXISTS (SELECT FROM webhook_deliveries WHERE status = 'PENDING')"


def event() -> Event:
    """One of an aggregate of its own."""
    return Event(str(uuid7()), "webhook", str(uuid7()), 1, _TYPE, b"", datetime.now(UTC))


async def subscribe(pool: Pool, url: str, wanted: str, count: int) -> None:
    """So many webhooks."""
    store = webhooks_of(pool, lambda: None).store
    for _ in range(count):
        now, webhook_id = datetime.now(UTC), str(uuid7())
        webhook = rules.Webhook(
            id=webhook_id, url=url, description="", event_types=(wanted,),
            status=rules.WebhookStatus.ACTIVE, created_at=now, updated_at=now, version=1,
        )  # fmt: skip
        await store.create(webhook, _SEALING.seal(_SECRET, webhook_id), None, b"")


async def ours(pool: Pool, url: str, count: int) -> None:
    """Deliveries that wait, posted and marked."""
    await subscribe(pool, url, _TYPE, 1)
    queue = PostgresQueue(pool, lambda: None)
    for _ in range(count // _EVENTS_TOGETHER):
        await queue.add([Told(event()) for _ in range(_EVENTS_TOGETHER)])
    receivers = Receivers(GuardedNetwork(lambda _: True))
    webhooks = webhooks_of(pool, lambda: None).store
    sender = Sender(
        queue, webhooks, receivers.post, wire.to_body, _SEALING.open, lambda: str(uuid7())
    )

    async def post() -> None:
        running = asyncio.create_task(sender.run())
        while await pool.fetchval(_WAITING):  # noqa: ASYNC110 - nobody announces what rows say
            await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    await measured(post)
    await receivers.close()


async def bare(url: str, count: int) -> None:
    """The same posts, by as many callers as the sender has connections."""
    bodies = iter([(one.id, wire.to_body(one)) for one in (event() for _ in range(count))])

    async with httpx.AsyncClient(trust_env=False) as client:

        async def caller() -> None:
            for message_id, body in bodies:
                signed = rules.headers(message_id, datetime.now(UTC), body, [_SECRET])
                headers = {"content-type": "application/json", **signed}
                answer = await client.post(url, content=body, headers=headers)
                answer.raise_for_status()

        async def post() -> None:
            await asyncio.gather(*(caller() for _ in range(CONNECTIONS_MAX)))

        await measured(post)


async def made(pool: Pool, count: int, others: int) -> None:
    """Deliveries for ten webhooks, made of events, beside others that ask for something else."""
    await subscribe(pool, "https://partner.invalid", _TYPE, 10)
    await subscribe(pool, "https://partner.invalid", _OTHER, others)
    queue = PostgresQueue(pool, lambda: None)
    batches = [
        [Told(event()) for _ in range(_EVENTS_TOGETHER)] for _ in range(count // _EVENTS_TOGETHER)
    ]

    async def make() -> None:
        for batch in batches:
            await queue.add(batch)

    await measured(make)


async def measured(work: Callable[[], Awaitable[None]]) -> None:
    """Does it, and prints what it took."""
    began, cpu = time.perf_counter(), time.process_time()
    await work()
    taken = [time.perf_counter() - began, time.process_time() - cpu]
    sys.stdout.write(json.dumps(taken))


async def main(side: str, database_url: str, url: str, count: int) -> None:
    """One side, in a database without webhooks."""
    if side == "bare":
        await bare(url, count)
        return
    async with postgres.connected(Postgres(database_url=database_url)) as pool:
        await pool.execute("DELETE FROM webhooks")
        await pool.execute("DELETE FROM webhook_deliveries")
        await pool.execute("DELETE FROM webhook_messages")
        if side == "ours":
            await ours(pool, url, count)
        else:
            await made(pool, count, 990 if side == "many" else 0)


class Taking(asyncio.Protocol):
    """Answers each request as soon as its body is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._read = transport, b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, between, body = self._read.partition(b"\r\n\r\n")
        if not between:
            return
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        if len(body) >= length:
            self._read = body[length:]
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


async def receive(port: int) -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_server(Taking, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "receiver":
        uvloop.run(receive(int(sys.argv[2])))
    else:
        uvloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
