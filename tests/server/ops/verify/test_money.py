"""Whether an operator is told of all money and goods that are not what the rest says they are."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from emporium.order.v1.order_service_pb2 import CancelOrderRequest
from server.analytics.sales.rules import Period
from server.analytics.sales.store import MongoSalesStore
from server.local.engines.postgres import EmbeddedPostgres
from server.ops.verify.__main__ import main
from server.ops.verify.report import Mend
from server.order.payments.store import facts as payment_facts
from server.order.pricing.store import facts as promotion_facts
from server.order.stock.store import facts as stock_facts
from tests.server.conftest import Serve, Token
from tests.server.ops.verify.conftest import Shop
from tests.server.ops.verify.spoiling import AGE, goods, in_every_state, planted
from tests.server.ops.verify.trading import Trade, trading
from tests.server.order.doors import capture, refund
from tests.server.order.payments.sandboxes import SandboxProcess

_LOST = """
    SELECT id FROM payment_operations WHERE created_at < now() - interval '1 hour'
"""
_ENTRIES = "SELECT payment_id::text, account, amount FROM ledger_entries ORDER BY 1, 2, 3"


@pytest_asyncio.fixture
async def trade(
    empty_shop: Shop, postgres: EmbeddedPostgres, tmp_path: Path, serve: Serve, token: Token
) -> AsyncIterator[Trade]:
    sandbox = SandboxProcess(tmp_path)
    await sandbox.start()
    try:
        async with trading(empty_shop, postgres.admin_dsn, sandbox, serve, token) as made:
            yield made
    finally:
        await sandbox.kill()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, names in (
        (payment_facts, ("_ALL", "_OF_PROVIDER", "_ORDERS")),
        (stock_facts, ("_ALL",)),
        (promotion_facts, ("_ALL",)),
    ):
        monkeypatch.setattr(module, "_PAGE", 2)
        for name in names:
            page = getattr(module, name).replace("LIMIT 1000", "LIMIT 2")
            monkeypatch.setattr(module, name, page)
    monkeypatch.setattr("server.ops.verify.charges._TOGETHER", 2)


async def test_a_shop_that_is_as_it_should_be_is_said_to_be(
    trade: Trade, small_pages: None
) -> None:
    await in_every_state(trade)
    await goods(trade)
    await trade.shop.deliver()
    report = await trade.shop.verified()
    assert report.lines == [
        "10 orders, 1 days, 7 payments, 6 charges, 1 stocks and 1 promotions compared, 0 differ"
    ]


_BY_DAY = """
    SELECT (order_date AT TIME ZONE 'UTC')::date AS day, sum(captured), sum(refunded),
           sum(refunded) FILTER (WHERE status <> 'CANCELLED')
    FROM orders GROUP BY 1
"""


async def test_reports_count_what_was_taken_and_given_back_to_the_penny(trade: Trade) -> None:
    await in_every_state(trade)
    part = await trade.paid(amount="3.33")
    await trade.staff("CancelOrder", CancelOrderRequest(order_id=part.order_id))
    assert await trade.parts.processing.work_off() == 1
    await trade.shop.deliver()
    days = await MongoSalesStore(trade.shop.database).days("GBP", Period(), 10)
    counted = [
        (day.day, day.sales.captured, day.sales.paid_back, day.sales.refunded) for day in days
    ]
    rows = await trade.shop.pool.fetch(_BY_DAY)
    assert counted == [tuple(row) for row in rows]
    [(_, captured, paid_back, refunded)] = counted
    assert (captured, paid_back, refunded) == (
        Decimal("37.33"),
        Decimal("17.33"),
        Decimal("14.00"),
    )
    assert (await trade.shop.verified()).drifts == []


async def test_what_is_not_answered_yet_is_no_drift_and_a_repair_has_it_asked_for(
    trade: Trade,
) -> None:
    lost = await trade.paid("tok_reply_lost")
    await trade.shop.deliver()
    report = await trade.shop.verified()
    assert (report.drifts, report.unanswered) == ([], 1)
    assert await trade.parts.processing.work_off() == 0  # it is not due yet
    await trade.shop.verified(repair=True)
    assert await trade.parts.processing.work_off() == 1
    await trade.shop.deliver()
    report = await trade.shop.verified()
    assert (report.drifts, report.unanswered) == ([], 0)
    captured = "SELECT captured FROM payments WHERE id = $1"
    assert await trade.shop.pool.fetchval(captured, lost.id) == 10


async def test_without_giving_it_time_what_is_not_answered_yet_would_be_a_drift(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    lost = await trade.paid("tok_reply_lost")
    await trade.shop.deliver()
    monkeypatch.setattr("server.ops.verify.charges._is_open", lambda _: False)
    [drift] = (await trade.shop.verified()).drifts
    assert (drift.what, drift.kind) == (lost.order_id, "captured by provider")


async def test_what_is_paid_and_given_back_meanwhile_is_no_drift(trade: Trade) -> None:
    is_over = False

    async def go_on() -> None:
        while not is_over:
            paid = await trade.paid(capture=False)
            paid = await trade.staff("CapturePayment", capture(paid))
            await trade.staff("RefundPayment", refund(paid, amount="3.00"))

    paying = [asyncio.create_task(go_on()) for _ in range(4)]
    reports = [await trade.shop.verified() for _ in range(5)]
    is_over = True
    await asyncio.gather(*paying)
    # What analytics has not heard of yet is not the subject here.
    assert [report.drifts for report in reports] == [[]] * 5
    assert reports[-1].charges > reports[0].charges
    await trade.shop.deliver()
    report = await trade.shop.verified()
    assert (report.drifts, report.waiting, report.unanswered) == ([], 0, 0)


async def test_drifts_of_every_kind_are_all_found_and_repaired_where_nothing_is_guessed(
    trade: Trade, small_pages: None
) -> None:
    """Over the ends of pages, too."""
    await in_every_state(trade)
    expected = await planted(trade)
    await trade.shop.deliver()
    report = await trade.shop.verified()
    assert {(each.what, each.kind): each.mend for each in report.drifts} == expected
    before = await entries(trade)

    async def serve() -> None:
        while True:
            await trade.parts.processing.work_off()
            await asyncio.sleep(0.01)

    serving = asyncio.create_task(serve())
    repaired = await trade.shop.verified(repair=True)
    serving.cancel()
    done = {each: Mend.DONE if mend is Mend.POSSIBLE else mend for each, mend in expected.items()}
    assert {(each.what, each.kind): each.mend for each in repaired.drifts} == done
    await trade.shop.deliver()
    left = await trade.shop.verified()
    persons = {each: mend for each, mend in expected.items() if mend is Mend.PERSON}
    assert {(each.what, each.kind): each.mend for each in left.drifts} == persons
    # No movement of money was made up: only what the provider has said of the lost one is new.
    assert [each for each in await entries(trade) if each in before] == before
    assert {each[0] for each in await entries(trade)} - {each[0] for each in before} == {
        str(await trade.shop.pool.fetchval(_LOST))
    }


async def entries(trade: Trade) -> list[Any]:
    return [tuple(row) for row in await trade.shop.pool.fetch(_ENTRIES)]


async def test_an_order_whose_status_would_move_is_for_a_person(trade: Trade) -> None:
    paid = await trade.paid()
    await trade.shop.deliver()
    await trade.spoil(
        "UPDATE orders SET status = 'PENDING', captured = 0 WHERE id = $1", paid.order_id
    )
    found = (await trade.shop.verified(repair=True)).drifts
    assert {each.what for each in found} == {paid.order_id}
    # The reports follow what the order says, until a person has decided.
    told = {each.kind: each.mend for each in found}
    assert told == {"captured": Mend.PERSON, "captured in reports": Mend.DONE}
    status = "SELECT status FROM orders WHERE id = $1"
    assert await trade.shop.pool.fetchval(status, paid.order_id) == "PENDING"


async def test_without_an_answer_to_what_was_asked_again_an_open_payment_is_said_to_be_asked(
    trade: Trade,
) -> None:
    lost = await trade.paid("tok_reply_lost")
    await trade.spoil(AGE, lost.id)
    await trade.shop.deliver()
    [drift] = (await trade.shop.verified(repair=True)).drifts
    assert (drift.kind, drift.mend) == ("open", Mend.ASKED)


async def test_without_the_providers_address_it_is_said_what_was_not_compared(
    trade: Trade,
) -> None:
    await trade.paid()
    await trade.shop.deliver()
    trade.shop.sandbox_url = ""
    report = await trade.shop.verified()
    assert (report.drifts, report.not_asked) == ([], {"sandbox": 1})
    assert "1 payments are not compared with their provider: sandbox has no address" in str(
        report.lines
    )


async def test_the_command_asks_the_provider_and_says_when_it_is_silent(
    trade: Trade, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paid = await trade.paid()
    await trade.done_there(f"{paid.id}/refunds/", amount="1.00")
    await trade.shop.deliver()
    monkeypatch.setenv("DATABASE_URL", trade.shop.settings.database_url)
    monkeypatch.setenv("MONGODB_URI", trade.shop.mongodb.mongodb_uri)
    monkeypatch.setenv("MONGODB_DATABASE", trade.shop.mongodb.mongodb_database)
    monkeypatch.setenv("SANDBOX_URL", trade.sandbox.url)
    assert await asyncio.to_thread(main, []) == 1
    said = f"{paid.order_id}  refunded by provider  0.00 of payment {paid.id} is 1.00 there"
    assert f"{said}; a person must decide" in capsys.readouterr().out
    await trade.sandbox.kill()
    assert await asyncio.to_thread(main, []) == 2
    assert "the payment provider sandbox cannot be asked" in capsys.readouterr().err
