"""A cluster of its own, where passwords cost little and nothing else happens meanwhile."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from server.local.cluster import Cluster
from tests.e2e.conftest import throwaway_cluster
from tests.e2e.doors import doors
from tests.e2e.doors.doors import Doors
from tests.e2e.extreme_scene import Scene, opened

CHEAPEST_BCRYPT = "4"


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BCRYPT_COST", CHEAPEST_BCRYPT)
        async with throwaway_cluster(tmp_path_factory.mktemp("doors")) as running:
            yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def scene(cluster: Cluster) -> AsyncIterator[Scene]:
    async with opened(cluster) as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def all_doors(cluster: Cluster) -> AsyncIterator[Doors]:
    async with doors.opened(cluster) as made:
        yield made
