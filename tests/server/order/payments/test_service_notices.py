"""Notices of the provider: forged, old, late, and told again and again."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody

from emporium.order.v1.order_service_pb2 import Order
from emporium.order.v1.payment_service_pb2 import Payment, ReceivePaymentNoticeRequest
from server.kit import background
from server.kit.postgres import Pool
from server.kit.postgres.advisory_lock import AdvisoryLock
from server.order.app import order_store, registrations
from server.order.app.payments import Payments, paying
from server.order.jobs.paying import payment_settlement
from server.order.payments.rules import signature
from server.settings import Postgres, Shop
from tests.server.conftest import Serve, Token
from tests.server.order.conftest import SHOP_CURRENCY, FakeAccounts, FakeUsers
from tests.server.order.doors import Door, get, payment, payment_of
from tests.server.order.payments.conftest import TIMEOUT_SECONDS, as_the_provider_says
from tests.server.order.payments.sandboxes import SECRET, SandboxProcess
from tests.server.refusals import refused
from tests.server.tokens import TOKENS
from tests.waiting import until


def noticed(
    key: str, notice_id: str = "", *, secret: str = SECRET, age: int = 0, body: bytes = b""
) -> tuple[ReceivePaymentNoticeRequest, tuple[str, str]]:
    """A notice about an operation, and the header that signs it."""
    told = body or json.dumps({"id": notice_id or uuid.uuid4().hex, "key": key}).encode()
    signed = signature(told, secret.encode(), int(time.time()) - age)
    notice = HttpBody(content_type="application/json", data=told)
    request = ReceivePaymentNoticeRequest(provider="sandbox", notice=notice)
    return request, ("payment-signature", signed)


async def test_a_notice_has_the_provider_asked_at_once(
    ann: Door, order: Order, paying_parts: Payments, order_pool: Pool
) -> None:
    public = Door(ann.channel)
    made = await ann("CreatePayment", payment_of(order, "tok_reply_lost"))
    await paying_parts.processing.work_off()
    assert (await ann("GetPayment", payment(made))).in_progress, "it is not due yet"
    request, header = noticed(made.id)
    await public("ReceivePaymentNotice", request, header)
    assert (await ann("GetPayment", payment(made))).in_progress, "answered before it is worked off"
    await paying_parts.processing.work_off()
    now = await ann("GetPayment", payment(made))
    assert now.status == Payment.CAPTURED
    # It comes again, and about what is over: nothing happens.
    for _ in range(3):
        await public("ReceivePaymentNotice", request, header)
    again, other = noticed(made.id)
    await public("ReceivePaymentNotice", again, other)
    await paying_parts.processing.work_off()
    assert await ann("GetPayment", payment(made)) == now
    kept = "SELECT count(*) FROM payment_notices WHERE id = ANY($1)"
    ids = [json.loads(each.notice.data)["id"] for each in (request, again)]
    assert await order_pool.fetchval(kept, ids) == 2


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"secret": "another"}, "NOTICE_NOT_SIGNED"),
        ({"age": 301}, "NOTICE_NOT_SIGNED"),
        ({"age": -301}, "NOTICE_NOT_SIGNED"),
        ({"body": b"{}"}, "MALFORMED_REQUEST"),
        ({"body": b"[" * 10_000}, "MALFORMED_REQUEST"),
        ({"body": b'{"id": "x", "key": "y"}'}, "MALFORMED_REQUEST"),
        ({"body": b'{"id": 1, "key": 2}'}, "MALFORMED_REQUEST"),
        ({"body": b" " * 65_537}, "MALFORMED_REQUEST"),
    ],
)
async def test_notices_that_are_none(
    ann: Door, order_pool: Pool, fields: dict[str, Any], reason: str
) -> None:
    before = await order_pool.fetchval("SELECT count(*) FROM payment_notices")
    request, header = noticed(str(uuid.uuid4()), **fields)
    found = await refused(Door(ann.channel)("ReceivePaymentNotice", request, header))
    assert found.reason == reason
    assert await order_pool.fetchval("SELECT count(*) FROM payment_notices") == before


async def test_forged_notices(ann: Door) -> None:
    public = Door(ann.channel)
    request, (name, signed) = noticed(str(uuid.uuid4()))
    assert (await refused(public("ReceivePaymentNotice", request))).reason == "NOTICE_NOT_SIGNED"
    changed = ReceivePaymentNoticeRequest()
    changed.CopyFrom(request)
    changed.notice.data += b" "
    found = await refused(public("ReceivePaymentNotice", changed, (name, signed)))
    assert found.reason == "NOTICE_NOT_SIGNED"
    changed = ReceivePaymentNoticeRequest(provider="nobody", notice=request.notice)
    found = await refused(public("ReceivePaymentNotice", changed, (name, signed)))
    assert found.reason == "PAYMENT_PROVIDER_NOT_FOUND"


class Telling(NamedTuple):
    """A sandbox that sends its notices, and a shop that takes payments there."""

    sandbox: SandboxProcess
    ann: Door
    heard: list[dict[str, str]]  # the notices, in the order in which they came


@pytest_asyncio.fixture
async def telling(
    ann: Door,
    order_database: Postgres,
    order_pool: Pool,
    shared_users: FakeUsers,
    accounts: FakeAccounts,
    serve: Serve,
    token: Token,
    tmp_path: Path,
) -> AsyncIterator[Telling]:
    heard: list[dict[str, str]] = []
    public: list[Door] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What the edge does: it hands the bytes on as they are."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        headers = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
        body = await reader.readexactly(int(headers["content-length"]))
        notice = HttpBody(content_type="application/json", data=body)
        request = ReceivePaymentNoticeRequest(provider="sandbox", notice=notice)
        signed = ("payment-signature", headers["payment-signature"])
        await public[0]("ReceivePaymentNotice", request, signed)
        heard.append(json.loads(body))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = SandboxProcess(tmp_path, f"http://127.0.0.1:{port}/notices", late_seconds=0.5)
    await process.start()
    settings = Shop(
        sandbox_url=process.url, sandbox_secret=SECRET, payment_timeout_seconds=TIMEOUT_SECONDS
    )
    lock = AdvisoryLock(order_database.database_url)
    async with paying(order_pool, order_store(order_pool, lambda: None), settings) as parts:
        services = registrations(
            order_pool, shared_users, lambda: None, SHOP_CURRENCY, TOKENS, payments=parts
        )
        job = payment_settlement(parts.processing, lock, 0.05)
        async with serve(services, accounts) as channel, background.running(job):
            public.append(Door(channel))
            her = Door(channel, token("CUSTOMER", ann.user_id), ann.user_id)
            yield Telling(process, her, heard)
    await process.kill()
    server.close()
    await server.wait_closed()


async def test_a_late_notice_settles_the_payment(
    telling: Telling, order: Order, order_pool: Pool
) -> None:
    made = await telling.ann("CreatePayment", payment_of(order, "tok_late_notice"))
    assert (made.status, made.in_progress) == (Payment.PENDING, True)

    async def is_paid() -> bool:
        found: Order = await telling.ann("GetOrder", get(order))
        return found.status == Order.PAID

    # Sooner than it would be asked for without the notice: some seconds after the call.
    await until(is_paid, timeout_seconds=2.5)
    assert [each["key"] for each in telling.heard] == [made.id]
    assert await as_the_provider_says(order_pool, telling.sandbox, order.id)


async def test_each_notice_may_come_several_times(
    telling: Telling, order: Order, order_pool: Pool
) -> None:
    made = await telling.ann("CreatePayment", payment_of(order, "tok_duplicate_notice"))
    assert made.status == Payment.CAPTURED

    async def all_came() -> bool:
        return len(telling.heard) == 3

    await until(all_came)
    assert len({each["id"] for each in telling.heard}) == 1
    assert await telling.ann("GetPayment", payment(made)) == made
    kept = "SELECT count(*) FROM payment_notices WHERE id = $1"
    assert await order_pool.fetchval(kept, telling.heard[0]["id"]) == 1
    assert await as_the_provider_says(order_pool, telling.sandbox, order.id)


async def test_notices_outlive_the_provider(
    telling: Telling, order: Order, order_pool: Pool
) -> None:
    made = await telling.ann("CreatePayment", payment_of(order, "tok_late_notice"))
    await telling.sandbox.kill()
    await telling.sandbox.start()

    async def is_captured() -> bool:
        found: Payment = await telling.ann("GetPayment", payment(made))
        return found.status == Payment.CAPTURED

    await until(is_captured)
    assert await as_the_provider_says(order_pool, telling.sandbox, order.id)


async def test_without_the_check_a_forged_notice_would_be_taken(
    ann: Door, order_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    request, header = noticed(str(uuid.uuid4()), secret="another")
    public = Door(ann.channel)
    assert (await refused(public("ReceivePaymentNotice", request, header))).reason
    with monkeypatch.context() as patched:
        patched.setattr("server.order.payments.rules.check_signature", lambda *_: None)
        await public("ReceivePaymentNotice", request, header)
    kept = "SELECT count(*) FROM payment_notices WHERE id = $1"
    assert await order_pool.fetchval(kept, json.loads(request.notice.data)["id"]) == 1
