"""Whether an operator is told of all that the reports count otherwise than it was ordered."""

import asyncio
import uuid
from decimal import Decimal
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from server.analytics.sales.store import verifying
from server.ops.verify.__main__ import main
from server.order.app import order_store
from server.order.orders.store import facts
from tests.server.ops.verify.conftest import Shop
from tests.server.order.samples import line, placed


async def test_what_agrees_is_said_to_agree(shop: Shop) -> None:
    report = await shop.verified()
    # The deleted one is known to analytics alone.
    assert report.lines == [
        "10 orders, 1 days, 0 payments, 0 charges, 0 stocks and 0 promotions compared, 0 differ"
    ]


PLANTED: dict[str, tuple[int, dict[str, Any]]] = {
    "status": (1, {"state": "REFUNDED"}),
    "total": (2, {"total_price": Decimal128("7.77")}),
    "currency": (3, {"currency": "EUR"}),
    "order date": (4, {"order_date": Int64(1)}),
    "units": (5, {"units": 99}),
    "captured in reports": (5, {"captured": Decimal128("0.01")}),
    "given back in reports": (8, {"refunded": Decimal128("0.01")}),
}


@pytest.mark.parametrize("kind", PLANTED)
async def test_a_drift_is_found_by_its_order_and_repaired(shop: Shop, kind: str) -> None:
    number, change = PLANTED[kind]
    await shop.plant(number, **change)
    found = await shop.kinds(repair=True)
    assert (shop.ids[number], kind) in found
    assert {what for what, _ in found if "-" in what and ":" not in what} == {shop.ids[number]}
    assert await shop.kinds() == set()


async def test_drifts_of_every_kind_are_all_found_at_once_and_repaired(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the ends of pages, too."""
    monkeypatch.setattr(verifying, "_PAGE", 2)
    monkeypatch.setattr(facts, "_NEXT", facts._NEXT.replace("LIMIT 1000", "LIMIT 3"))
    monkeypatch.setattr(facts, "_PAGE", 3)
    monkeypatch.setattr("server.ops.verify.sales._TOGETHER", 2)
    expected = set()
    for kind, (number, change) in PLANTED.items():
        await shop.plant(number, **change)
        expected.add((shop.ids[number], kind))
    orders, days = shop.database.collection("orders"), shop.database.collection("sales_daily")
    known = await orders.find_one({"_id": uuid.UUID(shop.ids[6])})
    assert known
    stranger = uuid.uuid4()
    await orders.insert_one({**known, "_id": stranger})
    await orders.delete_one({"_id": uuid.UUID(shop.ids[7])})
    expected |= {(str(stranger), "extra"), (shop.ids[7], "missing")}
    # An event that was lost, and one that changed nothing there.
    await shop.pool.execute("UPDATE orders SET status = 'PAID' WHERE id = $1", shop.ids[0])
    await shop.pool.execute("UPDATE orders SET status = 'REFUNDED' WHERE id = $1", shop.ids[6])
    expected.add((shop.ids[6], "status"))
    await days.update_many({}, {"$inc": {"units": 3}})
    found = await shop.kinds()
    assert {each for each in found if each[1] != "figures"} == expected
    assert "figures" in {kind for _, kind in found}
    assert await shop.kinds(repair=True) == found
    assert await shop.kinds() == set()


async def test_figures_that_are_not_what_orders_add_up_to_are_found_and_repaired(
    shop: Shop,
) -> None:
    days = shop.database.collection("sales_daily")
    before = await days.find_one({})
    assert before
    await days.update_one({"_id": before["_id"]}, {"$inc": {"gross": Decimal128("0.01")}})
    assert await shop.kinds() == {(before["_id"], "figures")}
    await shop.verified(repair=True)
    assert await days.find_one({"_id": before["_id"]}) == before
    await days.delete_one({"_id": before["_id"]})
    assert await shop.kinds(repair=True) == {(before["_id"], "figures")}
    assert await days.find_one({"_id": before["_id"]}) == before


async def test_what_is_on_its_way_is_no_drift_and_a_dead_letter_is(shop: Shop) -> None:
    orders = order_store(shop.pool, lambda: None)
    late = placed(line())
    await orders.create(late, None, b"")
    report = await shop.verified()
    assert (report.drifts, report.waiting) == ([], 1)
    await shop.pool.execute(
        "INSERT INTO outbox_blocks (destination, aggregate_id, event_id, state, attempts, error)"
        " SELECT 'analytics', aggregate_id, event_id, 'DEAD', 1, 'no' FROM outbox_deliveries"
    )
    assert await shop.kinds(repair=True) == {(late.order.id, "missing")}
    assert await shop.kinds() == set()
    await shop.deliver()  # replayed after all: it counts once
    assert await shop.kinds() == set()


async def test_orders_that_are_placed_meanwhile_are_no_drift(shop: Shop) -> None:
    orders = order_store(shop.pool, lambda: None)

    async def go_on() -> None:
        for _ in range(30):
            await orders.create(placed(line()), None, b"")
            await shop.deliver()

    _, report = await asyncio.gather(go_on(), shop.verified())
    assert report.drifts == []


async def test_the_command_ends_with_1_where_something_differs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", shop.settings.database_url)
    monkeypatch.setenv("MONGODB_URI", shop.mongodb.mongodb_uri)
    monkeypatch.setenv("MONGODB_DATABASE", shop.mongodb.mongodb_database)
    assert await asyncio.to_thread(main, []) == 0
    await shop.plant(2, total_price=Decimal128(Decimal("7.77")))
    assert await asyncio.to_thread(main, []) == 1
    said = capsys.readouterr().out
    assert f"{shop.ids[2]}  total  7.55 is counted as 7.77" in said
    assert await asyncio.to_thread(main, ["--repair"]) == 1
    assert await asyncio.to_thread(main, []) == 0


async def test_without_a_database_the_command_says_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("MONGODB_URI", shop.mongodb.mongodb_uri)
    monkeypatch.setenv("MONGODB_DATABASE", shop.mongodb.mongodb_database)
    assert await asyncio.to_thread(main, []) == 2
    assert "emporium: " in capsys.readouterr().err
