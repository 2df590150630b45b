"""A real gRPC server with made-up answers, and a client of it."""

from collections.abc import AsyncIterator

import pytest

from emporium import Emporium
from tests.clients.fake_shop import FakeShop, open_shop


@pytest.fixture
async def server() -> AsyncIterator[FakeShop]:
    """A shop that answers as it is set."""
    async with open_shop() as shop:
        yield shop


@pytest.fixture
async def shop(server: FakeShop) -> AsyncIterator[Emporium]:
    """A client of `server`, signed in."""
    async with Emporium(server.address, token="a-token") as client:
        yield client
