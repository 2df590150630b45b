"""A feed of its own, in a fresh database."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from server.kit import postgres
from server.kit.postgres import Pool
from server.user.revocations.store import PostgresFeedStore
from tests.server.conftest import NewDatabase


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pool(new_database: NewDatabase) -> AsyncIterator[Pool]:
    """Connections to a database whose feed nobody else writes."""
    async with postgres.connected(await new_database("user")) as opened:
        yield opened


@pytest.fixture
def feed_store(pool: Pool) -> PostgresFeedStore:
    return PostgresFeedStore(pool)
