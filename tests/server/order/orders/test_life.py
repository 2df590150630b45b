"""Whatever becomes of orders, in any order of steps: it comes to what the model says."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_asyncio
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test

from server.kit import postgres
from server.order.app import order_store, registrations
from server.order.app.payments import paying
from server.order.orders.rules import MOVES, Changed, Order, Status, moving
from server.order.payments.rules import settling
from server.order.shipping import rules as shipping
from server.order.stock.store.moves import StockMoves
from server.settings import Shop as Settings
from tests.effort import Effort
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.order.conftest import SHOP_CURRENCY, FakeAccounts, FakeUsers
from tests.server.order.doors import Door
from tests.server.order.orders.life import Lives, Play
from tests.server.order.orders.life_model import CANCELLED, DELIVERED, PAID, Kept, Shop
from tests.server.order.orders.life_of_payments import PaidLives
from tests.server.order.payments.sandboxes import SECRET, SandboxProcess
from tests.server.tokens import TOKENS

LIVES = 10
STEPS = 30
_SECONDS_MAX = 3_600


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(
    new_database: NewDatabase,
    serve: Serve,
    accounts: FakeAccounts,
    token: Token,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Shop]:
    """The service and its provider, where orders may be unpaid for an hour."""
    folder: Path = tmp_path_factory.mktemp("sandbox")
    provider, unpaid = SandboxProcess(folder), timedelta(hours=1)
    await provider.start()
    settings = Settings(sandbox_url=provider.url, sandbox_secret=SECRET)
    try:
        async with (
            postgres.connected(await new_database("order")) as pool,
            paying(pool, order_store(pool, lambda: None), settings) as parts,
            serve(
                registrations(
                    pool, FakeUsers(), lambda: None, SHOP_CURRENCY, TOKENS, None, unpaid, parts
                ),
                accounts,
            ) as channel,
        ):
            buyer_id, staff_id = str(uuid.uuid4()), str(uuid.uuid4())
            buyer = Door(channel, token("CUSTOMER", buyer_id), buyer_id)
            staff = Door(channel, token("STAFF", staff_id), staff_id)
            yield Shop(buyer, staff, pool, parts, provider, asyncio.get_running_loop())
    finally:
        await provider.kill()


def bound(shop: Shop) -> type[PaidLives]:
    return type("Bound", (PaidLives,), {"shop": shop})


def run(shop: Shop, effort: Effort) -> None:
    """Plays histories; raises with the shortest one that differs from the model."""
    run_state_machine_as_test(
        hypothesis.seed(effort.seed)(bound(shop)),
        settings=hypothesis.settings(
            max_examples=effort.times(LIVES),
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            suppress_health_check=[*HealthCheck],
        ),
    )


@pytest.mark.timeout(_SECONDS_MAX)
async def test_any_life_comes_to_what_the_model_says(shop: Shop, effort: Effort) -> None:
    await asyncio.to_thread(run, shop, effort)


def placed(life: Lives) -> Kept:
    life.begin([9, 9])
    kept = life.place(2, 0, True)
    assert isinstance(kept, Kept)
    return kept


def cancelled(life: Lives) -> None:
    kept = placed(life)
    life.move(kept, CANCELLED, None)
    life.the_stock_is_what_it_must_be()


def skipped_ahead(life: Lives) -> None:
    life.move(placed(life), DELIVERED, None)


def paid_in_part(life: PaidLives) -> None:
    life.pay(placed(life), "1.00", True)


def sent_in_part(life: PaidLives) -> None:
    kept = placed(life)
    life.move(kept, PAID, None)
    life.ship(kept, 1, 1)
    life.ship(kept, 1, 2)


def unpaid(order: Order, *arguments: Any) -> Changed:
    """What was taken is forgotten."""
    return Changed(order, None)


async def nothing(self: StockMoves, *arguments: Any) -> None:
    """Moves no stock."""


@pytest.mark.parametrize(
    ("where", "name", "instead", "play"),
    [
        (StockMoves, "settle", nothing, cancelled),
        (moving, "MOVES", dict.fromkeys(MOVES, frozenset(Status)), skipped_ahead),
        (settling, "paid", unpaid, paid_in_part),
        (shipping, "packed", lambda left, parts: parts, sent_in_part),
    ],
    ids=["stock", "moves", "payments", "shipments"],
)
async def test_the_model_sees_a_service_without(
    where: Any, name: str, instead: Any, play: Play, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That stock follows its orders, that an order moves by the table alone, is paid by its
    payments, and that no more is sent than was ordered.
    """
    await asyncio.to_thread(play, bound(shop)())
    monkeypatch.setattr(where, name, instead)
    with pytest.raises(AssertionError):
        await asyncio.to_thread(play, bound(shop)())
