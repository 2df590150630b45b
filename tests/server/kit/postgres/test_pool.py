"""The pool: retries at start, clear errors, and an end that a hanging server does not block."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import asyncpg
import psutil
import pytest

from server.kit import errors, postgres
from server.kit.postgres import Pool, connected, translated
from server.kit.shares import sharer
from server.local.engines.postgres import EmbeddedPostgres
from server.local.home.ports import free_ports
from server.settings import Postgres, SettingsError
from tests.server.kit.conftest import Lines


async def test_a_server_that_comes_up_late_is_waited_for(tmp_path: Path, lines: Lines) -> None:
    late = EmbeddedPostgres(tmp_path, durable=False)
    async with late:
        pass  # it has its files and its password now, and is away again
    settings = Postgres(database_url=late.admin_dsn, connect_timeout_seconds=20)

    async def connect() -> int:
        async with connected(settings) as pool:
            answer: int = await pool.fetchval("SELECT 7")
            return answer

    waiting = asyncio.ensure_future(connect())
    while not lines:  # the first attempt has failed, and said so
        await asyncio.wait({waiting}, timeout=0.01)
    async with late:
        assert await asyncio.wait_for(waiting, 20) == 7
    assert {line["event"] for line in lines} == {"postgres.waiting"}


async def test_a_server_that_never_comes_up_is_given_up() -> None:
    (port,) = free_ports(1)
    url = f"postgresql://a:b@127.0.0.1:{port}/c"
    settings = Postgres(database_url=url, connect_timeout_seconds=0.2)
    with pytest.raises(errors.Unavailable, match="PostgreSQL cannot be reached"):
        async with connected(settings):
            raise AssertionError("unreachable")


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda url: "", "is not set"),
        (lambda url: "nonsense", "DATABASE_URL"),
        (lambda url: url.replace("@", "wrong@"), "password"),
        (lambda url: url.replace("//postgres:", "//nobody:"), "password"),
        (lambda url: f"{url}_missing", "no such database"),
    ],
)
async def test_a_wrong_url_is_told_at_once(
    scratch: Postgres, change: Callable[[str], str], hint: str
) -> None:
    settings = replace(scratch, database_url=change(scratch.database_url))
    with pytest.raises(SettingsError, match=hint):
        async with asyncio.timeout(5), connected(settings):
            raise AssertionError("unreachable")


async def test_nobody_waits_for_ever_for_a_connection(postgres: EmbeddedPostgres) -> None:
    settings = Postgres(
        database_url=postgres.admin_dsn,
        pool_size_min=1,
        pool_size_max=1,
        acquire_timeout_seconds=0.1,
    )
    async with connected(settings) as pool:
        async with pool.acquire():
            with pytest.raises(errors.DeadlineExceeded), translated():
                await asyncio.wait_for(pool.fetchval("SELECT 1"), 10)
        assert await pool.fetchval("SELECT 1") == 1


async def test_one_caller_leaves_connections_to_others(postgres: EmbeddedPostgres) -> None:
    settings = Postgres(database_url=postgres.admin_dsn, pool_size_min=1, pool_size_max=4)
    over = asyncio.Event()
    held: list[str] = []

    async def hold(name: str) -> None:
        sharer.set(name)
        async with pool.acquire():
            held.append(name)
            await over.wait()

    async with connected(settings) as pool, asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(hold("greedy"))
        modest = group.create_task(hold("modest"))
        await asyncio.wait({modest}, timeout=0.01)
        async with asyncio.timeout(10):
            assert await pool.fetchval("SELECT 1") == 1  # on nobody's account
            while "modest" not in held:
                await asyncio.wait({modest}, timeout=0.01)
        assert sorted(held) == ["greedy", "modest"]
        over.set()
    assert len(held) == 11


async def test_ping_says_whether_it_answers(pool: Pool, scratch: Postgres) -> None:
    await postgres.ping(pool)
    async with connected(scratch) as closed:
        pass
    with pytest.raises(postgres.AWAY):
        await postgres.ping(closed)


async def deadlock(pool: Pool) -> None:
    await pool.execute("CREATE TABLE IF NOT EXISTS locks (id int PRIMARY KEY)")
    await pool.execute("INSERT INTO locks VALUES (1), (2) ON CONFLICT DO NOTHING")
    both = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT FROM locks WHERE id = $1 FOR UPDATE", first)
            await both.wait()
            await connection.execute("SELECT FROM locks WHERE id = $1 FOR UPDATE", second)

    results = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    (error,) = [result for result in results if result]
    raise error


async def lose_the_race(pool: Pool) -> None:
    await pool.execute("CREATE TABLE IF NOT EXISTS races (id int PRIMARY KEY, n int)")
    await pool.execute("INSERT INTO races VALUES (1, 0) ON CONFLICT DO NOTHING")
    async with pool.acquire() as slow, slow.transaction(isolation="serializable"):
        await slow.fetchval("SELECT n FROM races")
        await pool.execute("UPDATE races SET n = n + 1")
        await slow.execute("UPDATE races SET n = n + 1")


async def find_it_locked(pool: Pool) -> None:
    await pool.execute("CREATE TABLE busy AS SELECT 1 AS id")
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM busy FOR UPDATE")
        await pool.execute("SELECT FROM busy FOR UPDATE NOWAIT")


async def take_too_long_there(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = '10ms'")
        await connection.execute("SELECT pg_sleep(5)")


async def take_too_long_here(pool: Pool) -> None:
    await pool.fetchval("SELECT pg_sleep(5)", timeout=0.01)


async def be_killed(pool: Pool) -> None:
    async with pool.acquire() as victim:
        await pool.execute("SELECT pg_terminate_backend($1)", victim.get_server_pid())
        await victim.fetchval("SELECT 1")


async def use_a_closed_pool(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.close()
        await connection.fetchval("SELECT 1")


@pytest.mark.parametrize(
    ("mishap", "kind"),
    [
        (deadlock, errors.Conflict),
        (lose_the_race, errors.Conflict),
        (find_it_locked, errors.Conflict),
        (take_too_long_there, errors.DeadlineExceeded),
        (take_too_long_here, errors.DeadlineExceeded),
        (be_killed, errors.Unavailable),
        (use_a_closed_pool, errors.Unavailable),
    ],
    ids=lambda value: value.__name__,
)
async def test_what_the_driver_raises_gets_a_name(
    pool: Pool, mishap: Callable[[Pool], Awaitable[None]], kind: type[errors.EmporiumError]
) -> None:
    with pytest.raises(kind) as raised, translated():
        await mishap(pool)
    assert "asyncpg" not in raised.value.message
    assert await pool.fetchval("SELECT 1") == 1  # the pool has got over it


@pytest.mark.parametrize("statement", ["SELECT FROM missing", "SELECT 1/0", "no SQL"])
async def test_a_defect_of_ours_keeps_its_own_name(pool: Pool, statement: str) -> None:
    with pytest.raises(asyncpg.PostgresError), translated():
        await pool.execute(statement)


async def test_a_server_that_hangs_does_not_keep_us_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    monkeypatch.setattr("server.kit.postgres.pool._CLOSE_SECONDS", 0.1)
    async with EmbeddedPostgres(tmp_path, durable=False) as server:
        assert server.child.pid
        family = psutil.Process(server.child.pid)
        async with connected(Postgres(database_url=server.admin_dsn)) as pool:
            await postgres.ping(pool)
            frozen = [family, *family.children(recursive=True)]
            for process in frozen:
                os.kill(process.pid, signal.SIGSTOP)
            asked = asyncio.ensure_future(postgres.ping(pool))
            await asyncio.wait({asked}, timeout=0.05)
        try:
            assert [line["event"] for line in lines] == ["postgres.cut_off"]
            with pytest.raises(asyncpg.PostgresConnectionError):
                await asyncio.wait_for(asked, 5)
        finally:
            for process in frozen:
                os.kill(process.pid, signal.SIGCONT)
