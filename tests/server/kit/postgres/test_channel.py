"""What one process tells of, every other one hears."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from server.kit.postgres import channel as module
from server.kit.postgres.channel import ANYTHING, Channel
from server.local.engines.postgres import EmbeddedPostgres
from tests.server.conftest import NewDatabase


class Ears:
    """What a process has heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._more = asyncio.Event()

    def __call__(self, names: Sequence[str]) -> None:
        self.heard += names
        self._more.set()

    async def hears(self, *names: str) -> None:
        """Returns when all of them were heard."""
        async with asyncio.timeout(30):
            while not {*names} <= {*self.heard}:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def listening(dsn: str, ears: Ears) -> AsyncIterator[Channel]:
    channel = Channel(dsn, "things", ears)
    task = asyncio.create_task(channel.run())
    try:
        await ears.hears(ANYTHING)  # it may have missed whatever came before
        yield channel
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def test_what_is_told_is_heard_here_at_once_and_there_by_its_name(
    new_database: NewDatabase,
) -> None:
    dsn = (await new_database("order")).database_url
    here, there = Ears(), Ears()
    async with listening(dsn, here) as channel, listening(dsn, there):
        here.heard.clear()
        for name in ("a", "b", "a"):
            channel.tell(name)
        assert here.heard == ["a", "b", "a"]
        await there.hears("a", "b")
        assert there.heard == [ANYTHING, "a", "b"]
        assert here.heard == ["a", "b", "a"]  # and not once more by the database


async def test_of_more_than_can_be_named_anything_is_told(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_NAMES_MAX", 3)
    dsn = (await new_database("order")).database_url
    ears = Ears()
    async with listening(dsn, ears):
        ears.heard.clear()
        silent = Channel(dsn, "things", lambda _: None)
        for name in ("a", "b", "c", "d"):
            silent.tell(name)
        task = asyncio.create_task(silent.run())
        await ears.hears(ANYTHING)
        task.cancel()
        await asyncio.wait((task,))


async def test_many_names_fit_into_notifications(new_database: NewDatabase) -> None:
    dsn = (await new_database("order")).database_url
    ears = Ears()
    names = [f"0190f3c4-0000-7000-8000-{number:012}" for number in range(450)]
    async with listening(dsn, Ears()) as channel, listening(dsn, ears):
        for name in names:
            channel.tell(name)
        await ears.hears(*names)


async def test_whoever_was_deaf_may_have_missed_anything(
    new_database: NewDatabase, postgres: EmbeddedPostgres
) -> None:
    dsn = (await new_database("order")).database_url
    ears = Ears()
    async with listening(dsn, Ears()) as channel, listening(dsn, ears):
        ears.heard.clear()
        admin = await asyncpg.connect(postgres.admin_dsn)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
            dsn.rpartition("/")[2],
        )
        await admin.close()
        channel.tell("meanwhile")
        # Whoever was deaf has to look at everything.
        await ears.hears(ANYTHING)
