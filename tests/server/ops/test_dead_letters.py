"""What an operator does about dead letters, on the real outbox of the order service."""

import asyncio
import uuid

import asyncpg
import pytest
import pytest_asyncio

from server.ops.dead_letters import main
from server.settings import Postgres
from tests.server.conftest import NewDatabase

_APPEND = """
    INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_version, event_type, payload,
                        occurred_at)
    VALUES ($1, 'order', $2, $3, 'emporium.order.v1.OrderPlaced', '', now())
"""
_BLOCK = """
    INSERT INTO outbox_blocks (destination, aggregate_id, event_id, state, attempts, error)
    VALUES ('analytics', $1, $2, 'DEAD', 1, 'units: must be positive')
"""


@pytest_asyncio.fixture
async def database(new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """A fresh database, configured by environment variables, as in a container."""
    made = await new_database("order")
    monkeypatch.setenv("DATABASE_URL", made.database_url)
    return made


async def killed(database: Postgres) -> str:
    """The id of an event that is a dead letter, with another of its order behind it."""
    event_id, order_id = str(uuid.uuid4()), str(uuid.uuid4())
    connection = await asyncpg.connect(database.database_url)
    await connection.execute(_APPEND, event_id, order_id, 1)
    await connection.execute(_APPEND, str(uuid.uuid4()), order_id, 2)
    await connection.execute(_BLOCK, order_id, event_id)
    await connection.close()
    return event_id


async def waiting(database: Postgres) -> tuple[int, int]:
    """How many blocks and how many deliveries there are."""
    connection = await asyncpg.connect(database.database_url)
    blocks = await connection.fetchval("SELECT count(*) FROM outbox_blocks")
    deliveries = await connection.fetchval("SELECT count(*) FROM outbox_deliveries")
    await connection.close()
    return blocks, deliveries


async def run(*arguments: str) -> int:
    """Runs the command on a loop of its own, as a shell would."""
    return await asyncio.to_thread(main, arguments)


async def test_a_list_says_what_died_of_what_and_what_it_holds_back(
    database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("list") == 0
    assert capsys.readouterr().out == "no dead letters\n"
    event_id = await killed(database)
    assert await run("list") == 0
    shown = capsys.readouterr().out
    assert f"analytics  {event_id}  emporium.order.v1.OrderPlaced" in shown
    assert "holds back 1" in shown
    assert "units: must be positive" in shown


async def test_a_replay_may_be_of_one(
    database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = await killed(database), await killed(database)
    assert await run("replay", "--event", first) == 0
    assert capsys.readouterr().out == "1 dead letters will be sent again\n"
    assert await waiting(database) == (1, 4)
    assert await run("replay", "--destination", "elsewhere") == 0
    assert await waiting(database) == (1, 4)
    assert await run("replay") == 0
    assert await waiting(database) == (0, 4)


async def test_a_replay_of_one_that_is_not_there_is_an_error(
    database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    await killed(database)
    assert await run("replay", "--event", str(uuid.uuid4())) == 1
    assert capsys.readouterr().err == "emporium: there is no such dead letter\n"
    assert await waiting(database) == (1, 2)
    with pytest.raises(SystemExit):
        await run("replay", "--event", "everything")
    assert "--event" in capsys.readouterr().err


async def test_what_is_skipped_is_dropped_and_what_it_held_flows_on(
    database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    event_id = await killed(database)
    assert await run("skip", "analytics", event_id) == 0
    assert capsys.readouterr().out == "1 dead letter was dropped\n"
    assert await waiting(database) == (0, 1)
    assert await run("skip", "analytics", event_id) == 1
    assert capsys.readouterr().err == "emporium: there is no such dead letter\n"


async def test_without_a_database_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert await run("list") == 1
    assert "DATABASE_URL is not set" in capsys.readouterr().err
