"""No handler is entered with a field that its request does not have, wherever it is said."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from server.kit.call.rest_names import RestNames
from tests import asking
from tests.e2e.server_owned import not_taken, said, writes
from tests.envoy.conftest import signed
from tests.envoy.guarded_edge import Doors, opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    async with opened(tmp_path_factory.mktemp("edge")) as made:
        yield made


async def enter(doors: Doors) -> int:
    """How often a handler was entered by calls with a field too many."""
    token = f"Bearer {signed(role='ADMIN')}"
    calls = [
        asking.with_header(call, "authorization", token)
        for rpc in writes()
        for good in asking.by_rest(rpc, asking.good(rpc))
        for name, value in not_taken(rpc).items()
        for _, call in said(good, name, value)
    ]
    assert calls
    doors.inside.entered.clear()
    await doors.outcomes("REST", calls)
    return doors.inside.entered.total()


async def test_a_field_too_many_enters_nothing(doors: Doors) -> None:
    assert await enter(doors) == 0


async def test_the_count_sees_a_pipeline_that_does_not_look_at_names(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RestNames, "gate", lambda self, method: None)
    async with opened(tmp_path_factory.mktemp("careless")) as careless:
        assert await enter(careless) > 0
