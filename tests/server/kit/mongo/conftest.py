"""A database on either driver."""

import gc
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Literal

import pytest
import pytest_asyncio

from server.kit import mongo as kit_mongo
from server.kit.mongo import Database
from server.kit.mongo.idempotency import KEYS
from server.local.engines.mongo import EmbeddedMongo
from server.settings import Mongo

Driver = Literal["pymongo", "motor"]
DRIVERS: tuple[Driver, ...] = ("pymongo", "motor")


@pytest.fixture(autouse=True)
def _sockets_closed() -> Iterator[None]:
    """PyMongo leaves a socket open when it is closed while it connects. It is
    collected here, where that is known, and not in another test.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def connected(
    uri: str, driver: Driver = "pymongo", timeout_seconds: float = 5.0
) -> AbstractAsyncContextManager[Database]:
    return kit_mongo.connected(
        Mongo(
            mongodb_uri=uri,
            mongodb_database=f"emporium_kit_{uuid.uuid4().hex[:8]}",
            mongodb_driver=driver,
            mongodb_timeout_seconds=timeout_seconds,
            mongodb_connect_timeout_seconds=0.5,
        )
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=DRIVERS)
async def database(request: pytest.FixtureRequest, mongo: EmbeddedMongo) -> AsyncIterator[Database]:
    """A database with two empty collections, once on either driver."""
    async with connected(mongo.uri, request.param) as opened:
        for name in ("words", KEYS):
            await opened.ensure_collection(name, {})
        yield opened


@pytest_asyncio.fixture(loop_scope="session", params=DRIVERS)
async def empty(request: pytest.FixtureRequest, mongo: EmbeddedMongo) -> AsyncIterator[Database]:
    """A database with nothing in it, once on either driver."""
    async with connected(mongo.uri, request.param) as opened:
        yield opened
