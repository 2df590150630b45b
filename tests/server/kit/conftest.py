"""Quiet logs that tests can read, and the ping service."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from server.kit.auth import Verifier
from server.kit.postgres import Pool, connected
from server.local.engines.postgres import EmbeddedPostgres
from server.settings import Postgres
from tests.server.kit import ping as pings

Lines = list[Any]
Running = Callable[..., AbstractAsyncContextManager[pings.Ping]]


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    """What has been logged so far, each line as a dictionary."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture(scope="session")
def running(verifier: Verifier) -> Running:
    """`async with running(behaviour) as ping`: the ping service with that behaviour."""
    return partial(pings.running, verifier)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ping(running: Running) -> AsyncIterator[pings.Ping]:
    """The ping service, answering with what it was asked."""
    async with running() as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def scratch(postgres: EmbeddedPostgres) -> Postgres:
    """An empty database in which tests make tables of their own, as the superuser."""
    name = f"scratch_{uuid.uuid4().hex[:8]}"
    connection = await asyncpg.connect(postgres.admin_dsn)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return Postgres(database_url=f"{postgres.admin_dsn.rpartition('/')[0]}/{name}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pool(scratch: Postgres) -> AsyncIterator[Pool]:
    """Connections to it."""
    async with connected(scratch) as opened:
        yield opened
