"""Databases of users for the rows to read."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from tests.bench.stage import Stage

# Ids as the service makes them: by time of creation, a second apart.
FILL = """
    INSERT INTO users (id, email, full_name, age, role, status, created_at, updated_at, version)
    SELECT uuidv7(make_interval(secs => n - $1)), 'user' || n || '@bench.example', 'User ' || n,
           20 + n % 60, 'CUSTOMER', CASE WHEN n % 10 = 0 THEN 'DISABLED' ELSE 'ACTIVE' END,
           now() + make_interval(secs => n - $1), now(), 1
    FROM generate_series(1, $1) AS n
"""
# The cluster's database may have been filled before it was copied.
_EMPTY = "DELETE FROM users WHERE email LIKE '%@bench.example'"
_IDS = "SELECT id::text FROM users ORDER BY random() LIMIT 20000"


_CROWD = FILL.replace("@bench.example", "@crowd.example")
_NO_CROWD = "DELETE FROM users WHERE email LIKE '%@crowd.example'"
_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Users:
    """A filled database, and some of its users, in no order."""

    database_url: str
    ids: Sequence[str]

    def picked(self, count: int) -> list[str]:
        """The ids of `count` of them at random, and the same ones each time."""
        return random.Random(1).choices(self.ids, k=count)


async def filled(stage: Stage, count: int, *, in_cluster: bool = False) -> Users:
    """A user database with `count` users: one of its own, or the cluster's."""
    suffix = "" if in_cluster else f"_{count}"
    return await stage.once(f"users{suffix}", partial(_fill, stage, count, suffix))


@asynccontextmanager
async def crowded(stage: Stage, users: Users, count: int) -> AsyncIterator[None]:
    """So many more are in the same database while the block runs."""
    async with stage.admin(users.database_url) as connection:
        await connection.execute(_CROWD, count, timeout=_TIMEOUT_SECONDS)
        await connection.execute("VACUUM ANALYZE users")
        try:
            yield
        finally:
            await connection.execute(_NO_CROWD, timeout=_TIMEOUT_SECONDS)
            await connection.execute("VACUUM ANALYZE users")


async def _fill(stage: Stage, count: int, suffix: str) -> Users:
    database_url = await stage.database("user", suffix)
    async with stage.admin(database_url) as connection:
        await connection.execute(_EMPTY)
        await connection.execute(FILL, count, timeout=_TIMEOUT_SECONDS)
        await connection.execute("VACUUM ANALYZE users")
        rows = await connection.fetch(_IDS)
    return Users(database_url, [row["id"] for row in rows])
