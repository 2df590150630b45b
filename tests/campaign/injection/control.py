"""The application that is injectable, in a database of its own."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from tests.bench.machine import accepting, free_port
from tests.campaign.injection.injectable import TABLE
from tests.campaign.programs import CORES, child

_DATABASE = "injectable"


@asynccontextmanager
async def serving(admin_dsn: str, folder: Path) -> AsyncIterator[int]:
    """Runs it, and gives its port on 127.0.0.1. `admin_dsn` may make databases."""
    await _execute(admin_dsn, f"CREATE DATABASE {_DATABASE}")
    await _execute(admin_dsn, TABLE, database=_DATABASE)
    port = free_port()
    words = ("-m", "tests.campaign.injection.injectable", f"{port}", admin_dsn, _DATABASE)
    async with child(CORES, [sys.executable, *words], folder / "injectable.log"):
        await accepting(port)
        yield port


async def _execute(dsn: str, statement: str, database: str | None = None) -> None:
    connection = await asyncpg.connect(dsn, database=database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
