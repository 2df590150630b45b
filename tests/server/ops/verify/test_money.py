"""Whether an operator is told of all money and goods that are not what the rest says they are."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1 import pricing_service_pb2 as pricing_pb
from emporium.order.v1.payment_service_pb2 import Payment
from server.local.engines.postgres import EmbeddedPostgres
from server.ops.verify.__main__ import main
from server.ops.verify.report import Mend
from server.order.payments.store import facts as payment_facts
from server.order.pricing.store import facts as promotion_facts
from server.order.stock.store import facts as stock_facts
from tests.server.conftest import Serve, Token
from tests.server.ops.verify.conftest import Shop
from tests.server.ops.verify.trading import Trade, trading
from tests.server.order.doors import adjust, item, new_product, refund, update, void
from tests.server.order.payments.sandboxes import SandboxProcess

_CHECKED = "SELECT payment_id::text, account, amount FROM ledger_entries ORDER BY 1, 2, 3"
_AGE = """
    UPDATE payment_operations SET created_at = now() - interval '2 hours',
        due_at = now() + interval '1 day'
    WHERE id = $1::uuid
"""


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


async def goods(trade: Trade) -> tuple[str, str]:
    """A product and a promotion, ordered twice."""
    mug = await trade.staff("CreateProduct", new_product())
    await trade.staff("AdjustStock", adjust(mug, 10))
    promotion = await trade.staff(
        "CreatePromotion",
        pricing_pb.CreatePromotionRequest(code=mug.sku[:8], name="Ten percent", percentage="10"),
    )
    for _ in range(2):
        await trade.ordered(item(mug, 2), promotion_codes=[promotion.code])
    return mug.id, promotion.id


async def in_every_state(trade: Trade) -> None:
    """Payments of every kind, as they should be."""
    await trade.paid(amount="4.00")
    refunded = await trade.paid()
    await trade.staff("RefundPayment", refund(refunded, amount="4.00"))
    await trade.paid(capture=False)
    await trade.staff("VoidPayment", void(await trade.paid(capture=False)))
    await trade.paid("tok_declined")
    # Given back otherwise than through the provider, who does not know of it.
    given_back = await trade.paid()
    await trade.staff("UpdateOrder", update(ref(given_back), status=pb.Order.REFUNDED))
    by_staff = await trade.ordered()
    await trade.staff("UpdateOrder", update(by_staff, status=pb.Order.PAID))
    await trade.ordered()


def ref(payment: Payment) -> pb.Order:
    return pb.Order(id=payment.order_id)


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


async def planted(trade: Trade) -> dict[tuple[str, str], Mend]:
    """Spoils a shop in every way; what is to be found, and what becomes of it."""
    decide, possible = Mend.PERSON, Mend.POSSIBLE
    expected: dict[tuple[str, str], Mend] = {}

    async def spoilt(payment: Payment, statement: str, kinds: str, mend: Mend = decide) -> None:
        await trade.spoil(statement, payment.order_id if "orders" in statement else payment.id)
        expected.update({(payment.order_id, kind): mend for kind in kinds.split(", ")})

    held = await trade.paid(capture=False)
    await trade.done_there(f"{held.id}/captures/", amount="10.00")
    expected |= {(held.order_id, f"{each} by provider"): decide for each in ("held", "captured")}
    given_back = await trade.paid()
    await trade.done_there(f"{given_back.id}/refunds/", amount="1.00")
    expected[given_back.order_id, "refunded by provider"] = decide
    known = {"amount": "5.00", "currency": "GBP", "capture": True}
    stranger = await trade.done_there("", token="tok_approved", **known)
    await trade.done_there("", token="tok_declined", **known)  # nothing has moved
    expected[stranger, "unknown charge"] = decide
    external = await trade.ordered()
    await trade.staff("UpdateOrder", update(external, status=pb.Order.PAID))
    await trade.spoil("UPDATE payments SET provider = 'sandbox' WHERE order_id = $1", external.id)
    expected[external.id, "missing charge"] = decide

    await spoilt(
        await trade.paid(),
        "UPDATE payments SET currency = 'EUR' WHERE id = $1",
        "currency at provider, ledger currency, currency of payments",
    )
    await spoilt(
        await trade.paid(),
        "UPDATE ledger_entries SET amount = amount - 1"
        " WHERE payment_id = $1 AND account = 'RECEIVABLE'",
        "ledger, ledger captured",
    )
    expected["GBP", "ledger sum"] = decide
    refunded = await trade.paid()
    await trade.staff("RefundPayment", refund(refunded, amount="4.00"))
    await spoilt(
        refunded,
        "DELETE FROM ledger_entries WHERE payment_id = $1 AND operation_id <> payment_id",
        "ledger refunded",
    )
    await spoilt(
        await trade.paid(), "UPDATE payments SET in_progress = true WHERE id = $1", "in progress"
    )
    await spoilt(
        await trade.paid(),
        "UPDATE orders SET captured = 9, refunded = 1 WHERE id = $1",
        "captured, refunded",
        possible,
    )
    await spoilt(
        await trade.paid("tok_declined"),
        "UPDATE orders SET payments_pending = 2, authorized = 3 WHERE id = $1",
        "payments_pending, authorized",
        possible,
    )
    await spoilt(
        await trade.paid(capture=False),
        "UPDATE orders SET authorized = 3 WHERE id = $1",
        "authorized",
        possible,
    )
    lost = await trade.paid("tok_reply_lost")
    await trade.spoil(_AGE, lost.id)
    expected[lost.order_id, "open"] = possible
    return expected | await planted_goods(trade)


async def planted_goods(trade: Trade) -> dict[tuple[str, str], Mend]:
    mug, promotion = await goods(trade)
    await trade.spoil("UPDATE stock SET on_hand = 9, reserved = 3 WHERE product_id = $1", mug)
    await trade.spoil("UPDATE promotions SET uses = 5 WHERE id = $1", promotion)
    cup, once = await goods(trade)
    await trade.spoil("DELETE FROM stock_movements WHERE product_id = $1 AND number = 2", cup)
    await trade.spoil("UPDATE promotions SET uses = 1, uses_max = 1 WHERE id = $1", once)
    return {
        (mug, "on_hand"): Mend.POSSIBLE,
        (mug, "reserved"): Mend.POSSIBLE,
        (promotion, "uses"): Mend.POSSIBLE,
        (cup, "movements"): Mend.PERSON,
        (cup, "reserved"): Mend.PERSON,
        (once, "uses"): Mend.PERSON,
    }


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


_LOST = """
    SELECT id FROM payment_operations WHERE created_at < now() - interval '1 hour'
"""


async def entries(trade: Trade) -> list[Any]:
    return [tuple(row) for row in await trade.shop.pool.fetch(_CHECKED)]


async def test_an_order_whose_status_would_move_is_for_a_person(trade: Trade) -> None:
    paid = await trade.paid()
    await trade.shop.deliver()
    await trade.spoil(
        "UPDATE orders SET status = 'PENDING', captured = 0 WHERE id = $1", paid.order_id
    )
    [drift] = (await trade.shop.verified(repair=True)).drifts
    assert (drift.what, drift.kind, drift.mend) == (paid.order_id, "captured", Mend.PERSON)
    status = "SELECT status FROM orders WHERE id = $1"
    assert await trade.shop.pool.fetchval(status, paid.order_id) == "PENDING"


async def test_without_an_answer_to_what_was_asked_again_an_open_payment_is_said_to_be_asked(
    trade: Trade,
) -> None:
    lost = await trade.paid("tok_reply_lost")
    await trade.spoil(_AGE, lost.id)
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
    said = f"{paid.order_id}  refunded by provider  0 of payment {paid.id} is 1.00 there"
    assert f"{said}; a person must decide" in capsys.readouterr().out.replace("0.0000 of", "0 of")
    await trade.sandbox.kill()
    assert await asyncio.to_thread(main, []) == 2
    assert "the payment provider sandbox cannot be asked" in capsys.readouterr().err
