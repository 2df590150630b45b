"""A user service, in this process, over a real database."""

from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from server.kit import auth, postgres
from server.kit.postgres import Pool
from server.user.accounts.store import PostgresUserStore
from server.user.app import registrations
from server.user.passwords.hashing import hashing
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.user.doors import Door

CHEAPEST_BCRYPT = 4


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def user_pool(new_database: NewDatabase) -> AsyncIterator[Pool]:
    """Connections to a fresh, migrated user database."""
    async with postgres.connected(await new_database("user")) as pool:
        yield pool


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def store(user_pool: Pool) -> PostgresUserStore:
    """The store under test; other tests use it too, so each makes accounts of its own."""
    return PostgresUserStore(user_pool)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def user_channel(
    user_pool: Pool, signer: auth.Signer, serve: Serve
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the running service."""
    async with (
        hashing(CHEAPEST_BCRYPT, 2) as hasher,
        serve(registrations(user_pool, hasher, signer)) as channel,
    ):
        yield channel


@pytest.fixture
def anyone(user_channel: grpc.aio.Channel) -> Door:
    """Somebody without a token."""
    return Door(user_channel)


@pytest.fixture
def admin_door(user_channel: grpc.aio.Channel, token: Token) -> Door:
    """An admin."""
    return Door(user_channel, token("ADMIN"))


@pytest.fixture
def staff(user_channel: grpc.aio.Channel, token: Token) -> Door:
    """Somebody of the staff."""
    return Door(user_channel, token("STAFF"))
