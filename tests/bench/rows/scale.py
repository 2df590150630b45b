"""What a million rows change: a get by id, a page far down the list, and the total."""

import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from emporium.user.v1 import user_service_pb2 as pb
from server.kit import postgres
from server.kit.listing.paging import After, PageQuery, Sort, Total
from server.settings import Postgres
from server.user.accounts.rules import Filters, Status
from server.user.accounts.store import PostgresUserStore
from server.user.events.encoding import to_outbox
from tests.bench.budget import Budget
from tests.bench.compare import Run, alternate
from tests.bench.flood import flood
from tests.bench.http2 import Target
from tests.bench.machine import cpu_seconds
from tests.bench.report import Row
from tests.bench.rows.get_user import METHOD
from tests.bench.stage import Stage
from tests.bench.users import Users, filled

_FEW = 1_000
_GET_TARGET = 0.90
_PAGE_TARGET = 0.80
_PAGES = 200
_TOTALS = 15

_FIRST = PageQuery(Sort("created_at", True), 20, 1, None, Total(1_000_000, True), "")
_ACTIVE = Filters(status=Status.ACTIVE)


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Ids are picked at random, so that no page of a table is warmer than another."""
    few, many = await filled(stage, _FEW), await filled(stage, budget.many_users)
    return [
        await _gets(stage, few, many, budget),
        *await _lists(stage, many, budget.many_users),
    ]


async def _gets(stage: Stage, few: Users, many: Users, budget: Budget) -> Row:
    async with AsyncExitStack() as stack:
        large, small = [
            await _getting(stage, stack, users, budget.calls // 2) for users in (many, few)
        ]
        found = await alternate(large, small, budget.rounds)
    what = f"GetUser, random ids, of {budget.many_users:,} / of {_FEW:,} users"
    return found.row(what, _GET_TARGET)


async def _getting(
    stage: Stage, stack: AsyncExitStack, users: Users, calls: int
) -> Callable[[], Awaitable[Run]]:
    service = await stack.enter_async_context(
        stage.service("user", DATABASE_URL=users.database_url)
    )
    async with stage.admin(users.database_url) as connection:
        ids = [row[0] for row in await connection.fetch("SELECT id::text FROM users")]
    picked = random.Random(1).choices(ids, k=calls)
    requests = [pb.GetUserRequest(user_id=user_id).SerializeToString() for user_id in picked]
    signed_in = (("authorization", stage.token(users.someone.id, "ADMIN")),)

    async def run() -> Run:
        before = cpu_seconds(service.pid)
        seconds = await flood(Target(service.port, METHOD, signed_in), requests)
        return Run(calls / seconds, (cpu_seconds(service.pid) - before) / calls * 1e6)

    return run


async def _lists(stage: Stage, users: Users, count: int) -> Sequence[Row]:
    deep = replace(_FIRST, page=count // 40, after=await _row_at(stage, users, count // 2))
    far = replace(_FIRST, page=count // 40)
    counted = replace(_FIRST, total=None)
    async with (
        postgres.connected(Postgres(database_url=users.database_url)) as pool,
        stage.admin(users.database_url) as connection,
    ):
        store = PostgresUserStore(pool, encode=to_outbox, wake=lambda: None)
        first_ms, deep_ms = await _medians_ms(
            _PAGES,
            lambda: store.list(_ACTIVE, _FIRST),
            lambda: store.list(_ACTIVE, deep),
        )
        ours_ms, exact_ms, far_ms = await _medians_ms(
            _TOTALS,
            lambda: store.list(_ACTIVE, counted),
            lambda: connection.fetchval("SELECT count(*) FROM users WHERE status = 'ACTIVE'"),
            lambda: store.list(_ACTIVE, far),
        )
    ratio = first_ms / deep_ms
    return [
        Row(
            what=f"page {deep.page:,} by token / page 1, of {count:,} rows",
            ours=f"{deep_ms:.2f} ms",
            baseline=f"{first_ms:.2f} ms",
            figure=f"{ratio:.2f}",
            target=f"at least {_PAGE_TARGET:.2f}",
            met=ratio >= _PAGE_TARGET,
        ),
        Row(what="  by number (OFFSET)", ours=f"{far_ms:.2f} ms"),
        Row(
            what="  total: to 10,000, then the planner's / exact",
            ours=f"{ours_ms - first_ms:.2f} ms",
            baseline=f"{exact_ms:.1f} ms",
        ),
    ]


async def _row_at(stage: Stage, users: Users, offset: int) -> After:
    query = "SELECT created_at, id FROM users ORDER BY created_at DESC, id DESC OFFSET $1 LIMIT 1"
    async with stage.admin(users.database_url) as connection:
        row = await connection.fetchrow(query, offset)
    assert row is not None, "there are not so many users"
    return After(row["created_at"].isoformat(), str(row["id"]))


async def _medians_ms(times: int, *calls: Callable[[], Awaitable[object]]) -> list[float]:
    """Each call's median duration, taking turns; the first turn warms up."""
    found: list[list[float]] = [[] for _ in calls]
    for turn in range(times + 1):
        for call, durations in zip(calls, found, strict=True):
            began = time.perf_counter()
            await call()
            if turn:
                durations.append((time.perf_counter() - began) * 1e3)
    return [statistics.median(durations) for durations in found]
