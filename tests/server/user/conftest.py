"""A user service, in this process, over a real database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import pytest
import pytest_asyncio

from server.kit import auth, postgres
from server.kit.postgres import Pool
from server.user.accounts.store import PostgresUserStore
from server.user.app import registrations
from server.user.events.encoding import to_outbox
from server.user.passwords.hashing import hashing
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.user.doors import Door

CHEAPEST_BCRYPT = 4


@dataclass
class Wakes:
    """Counts how often it is called."""

    count: int = 0

    def __call__(self) -> None:
        self.count += 1


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def user_pool(new_database: NewDatabase) -> AsyncIterator[Pool]:
    """Connections to a fresh, migrated user database."""
    async with postgres.connected(await new_database("user")) as pool:
        yield pool


@pytest.fixture(scope="session")
def wakes() -> Wakes:
    return Wakes()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def store(user_pool: Pool, wakes: Wakes) -> PostgresUserStore:
    """The store under test; other tests use it too, so each makes accounts of its own."""
    return PostgresUserStore(user_pool, encode=to_outbox, wake=wakes)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def user_channel(
    user_pool: Pool, wakes: Wakes, signer: auth.Signer, serve: Serve
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the running service."""
    async with (
        hashing(CHEAPEST_BCRYPT, 2) as hasher,
        serve(registrations(user_pool, hasher, signer, wakes)) as channel,
    ):
        yield channel


@pytest.fixture
def anyone(user_channel: grpc.aio.Channel) -> Door:
    """A caller without a token."""
    return Door(user_channel)


@pytest.fixture
def admin_door(user_channel: grpc.aio.Channel, token: Token) -> Door:
    """An admin."""
    return Door(user_channel, token("ADMIN"))


@pytest.fixture
def staff(user_channel: grpc.aio.Channel, token: Token) -> Door:
    """A caller of the staff."""
    return Door(user_channel, token("STAFF"))
