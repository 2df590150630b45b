"""REST of users through the whole edge, against a plain FastAPI and SQLModel application.

Both are asked by HTTP/1.1, read the same table, check the token, count the caller's calls and write
a log line. A caller's limit is so high on either side that he never meets it; the application's
window is a second long, so that it holds few calls, as one of a minute does that is met. Ours also
records that an admin has read of somebody.
"""

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from tests.bench import edges, rest_load
from tests.bench.budget import Budget
from tests.bench.compare import alternate
from tests.bench.machine import SERVER_CORE, accepting, free_port
from tests.bench.report import Row
from tests.bench.stage import Running, Stage
from tests.bench.users import crowded, filled

GET_TARGET = 3.0
LIST_TARGET = 7.5
_USERS = 1_000  # so few that the total, which the application counts, costs it little
_LISTS_SHARE = 5  # of the budget's calls, as a list costs several gets
_LIMIT = "1000000000/second"


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The CPU is that of every process that has a part in the answer, PostgreSQL's included."""
    users = await filled(stage, _USERS, in_cluster=True)
    gets = [f"/api/v1/users/{user_id}" for user_id in users.picked(budget.calls)]
    lists = ["/api/v1/users?page=1&per_page=20"] * (budget.calls // _LISTS_SHARE)
    async with application(stage, users.database_url) as plain:
        compared = partial(_compared, stage, plain, budget.rounds)
        rows = [
            await compared("GET user", gets, GET_TARGET),
            await compared(f"GET 20 of {_USERS:,} users", lists, LIST_TARGET),
        ]
        async with crowded(stage, users, budget.listed_users):
            what = f"GET 20 of {budget.listed_users:,} users"
            rows.append(await compared(what, lists, LIST_TARGET))
    return rows


async def _compared(
    stage: Stage, plain: Running, rounds: int, what: str, paths: Sequence[str], target: float
) -> Row:
    service, edge = stage.measured("user"), edges.whole(stage)
    asking = partial(
        rest_load.getting,
        stage,
        paths=paths,
        headers={"authorization": await stage.token("admin")},
        postgres=stage.cluster.pid("postgres"),
        http1=True,
    )
    ours = {"service": service.pid, "Envoy": edge.pid, **edges.limiters(stage)}
    found = await alternate(
        asking(edge.port, pids=ours),
        asking(plain.port, pids={"application": plain.pid}),
        rounds,
    )
    return found.row(f"REST {what} / FastAPI and SQLModel, calls a CPU second", target)


@asynccontextmanager
async def application(
    stage: Stage, database_url: str, limit: str = _LIMIT
) -> AsyncIterator[Running]:
    """The application of `fastapi_app/` on the server core, with the keys of the user service."""
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "JWKS_FILE": stage.environment("user")["JWKS_FILE"],
        "RATE_LIMIT": limit,
    }
    command = [sys.executable, "-m", "tests.bench.fastapi_app", str(port)]
    async with stage.child(command, SERVER_CORE, environment) as pid:
        await accepting(port)
        yield Running(pid, port)
