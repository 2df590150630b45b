"""A user service, in this process, over a real database."""

from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from emporium.user.v1 import auth_service_pb2, user_service_pb2
from server.kit import auth, postgres
from server.kit.lifecycle import Registration
from server.kit.postgres import Pool
from server.user.passwords import hashing
from server.user.service import AuthService, UserService
from server.user.store.postgres import PostgresUserStore
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
    store: PostgresUserStore, signer: auth.Signer, serve: Serve
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the running service."""
    users = user_service_pb2.DESCRIPTOR.services_by_name["UserService"]
    sign_in = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"]
    async with hashing(CHEAPEST_BCRYPT, 2) as hasher:
        registrations = (
            Registration(users, UserService(store, hasher, signer)),
            Registration(sign_in, AuthService(store, hasher, signer)),
        )
        async with serve(registrations) as channel:
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
