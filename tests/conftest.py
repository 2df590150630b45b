"""Real engines for every test that asks: one PostgreSQL and one mongod a session, on a RAM disk.

Tests share them, so each makes databases of its own and leaves other people's alone.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio

from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.postgres import EmbeddedPostgres
from tests import typescript as client
from tests.effort import Effort

RAM_DISK = Path("/dev/shm")
ROOM_BYTES = 1024**3

# A red run is the fault of the change it tests, so every run tries the same, and a campaign
# what is new. How long a try takes is the machine's.
hypothesis.settings.register_profile(
    "suite",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make campaign` says to the seeded tests."""
    parser.addoption("--seed", type=int, default=1, help="of all chance; campaigns draw new ones")
    parser.addoption("--effort", type=float, default=1.0, help="times as much as usual")
    parser.addoption("--size", type=float, default=1.0, help="times as many at once as usual")
    parser.addoption("--from-round", type=int, default=0, help="the round to begin with")


@pytest.fixture
def effort(request: pytest.FixtureRequest) -> Effort:
    """How much to try; its seed is shown when the test fails."""
    chosen = request.config.getoption
    seed = chosen("--seed")
    print(f"again: --seed {seed}")
    return Effort(seed, chosen("--effort"), chosen("--size"), chosen("--from-round"))


@pytest.fixture(scope="session")
def engines_folder() -> Iterator[Path]:
    """Where the engines keep their files: on the RAM disk when it has room, else on disk."""
    roomy = RAM_DISK.is_dir() and shutil.disk_usage(RAM_DISK).free > ROOM_BYTES
    with tempfile.TemporaryDirectory(
        prefix="emporium-tests-", dir=RAM_DISK if roomy else None, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(engines_folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL 18; `postgres.admin_dsn` connects as its superuser."""
    async with EmbeddedPostgres(
        engines_folder / "postgres", durable=False, connections_max=300
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mongo(engines_folder: Path) -> AsyncIterator[EmbeddedMongo]:
    """A MongoDB with transactions and change streams; `mongo.uri` connects to it."""
    async with EmbeddedMongo(engines_folder / "mongo", durable=False) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def typescript() -> Path:
    """The folder of the TypeScript client, built."""
    return await client.built()
