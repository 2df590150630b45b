"""What an operator sees of an erasure, on a real database of the user service."""

import asyncio
import uuid
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from server.kit import postgres
from server.kit.receipts import Receipt
from server.ops.erasures import main
from server.settings import Postgres
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.events.encoding import to_outbox
from server.user.personal_data.store import PostgresErasureStore
from tests.server.conftest import NewDatabase
from tests.server.user.samples import ERASING, end, opened

WHEN = datetime(2026, 5, 18, 12, tzinfo=UTC)


@pytest_asyncio.fixture
async def database(new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """A fresh database, configured by environment variables, as in a container."""
    made = await new_database("user")
    monkeypatch.setenv("DATABASE_URL", made.database_url)
    return made


async def test_each_store_has_a_line(
    database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    new = opened()
    async with postgres.connected(database) as pool:
        accounts = PostgresUserStore(pool, encode=to_outbox, wake=lambda: None)
        await accounts.create(new, None, None, b"")
        await accounts.delete(new.user.id, end, ERASING)
        receipt = Receipt("order/postgres", {"orders": 2, "first_answers": 1}, WHEN)
        await PostgresErasureStore(pool).complete(new.user.id, receipt)
    assert await asyncio.to_thread(main, [new.user.id.upper()]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "user/postgres  2026-05-17T12:00:00Z  accounts 1, first_answers 0",
        "user/mongodb  pending",
        "order/postgres  2026-05-18T12:00:00Z  first_answers 1, orders 2",
        "analytics/mongodb  pending",
    ]


async def test_of_who_was_never_erased_it_says_so(
    database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, [str(uuid.uuid4())]) == 1
    assert capsys.readouterr().err == "emporium: no account with this id was deleted\n"
