"""Quiet logs that tests can read, and the ping service."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from server.kit.auth import Verifier
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
    """`async with running(behaviour) as ping`: the ping service, doing as told."""
    return partial(pings.running, verifier)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ping(running: Running) -> AsyncIterator[pings.Ping]:
    """The ping service, answering with what it was asked."""
    async with running() as started:
        yield started
