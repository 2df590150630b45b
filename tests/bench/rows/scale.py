"""What a million rows change: a get by id, a page far down the list, and the total."""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import grpc

from emporium.user.v1 import user_service_pb2 as pb
from emporium.user.v1.user_service_pb2_grpc import UserServiceStub
from tests.bench.budget import Budget
from tests.bench.compare import Measure, alternate
from tests.bench.report import Row
from tests.bench.rows.get_user import getting
from tests.bench.stage import Stage
from tests.bench.users import Users, filled

_FEW = 1_000
_GET_TARGET = 0.90
_PAGE_TARGET = 0.80
_PAGES = 200
_TOTALS = 15
_TIMEOUT_SECONDS = 30.0


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


async def _getting(stage: Stage, stack: AsyncExitStack, users: Users, calls: int) -> Measure:
    service = await stack.enter_async_context(
        stage.service("user", DATABASE_URL=users.database_url)
    )
    return getting(users, service, await stage.token("admin"), calls)


async def _lists(stage: Stage, users: Users, count: int) -> Sequence[Row]:
    """Pages as a caller gets them, so each figure holds the call as well, which is the same."""
    signed_in = (("authorization", await stage.token("admin")),)
    deep = count // 40
    async with (
        stage.service("user", DATABASE_URL=users.database_url) as service,
        stage.admin(users.database_url) as connection,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        stub = UserServiceStub(channel)

        async def page(**asked: Any) -> pb.ListUsersResponse:
            request = pb.ListUsersRequest(status="active", **asked)
            return await stub.ListUsers(request, metadata=signed_in, timeout=_TIMEOUT_SECONDS)

        second = (await page()).meta.next_page_token
        after_deep = (await page(page=deep)).meta.next_page_token
        near_ms, deep_ms = await _medians_ms(
            _PAGES,
            lambda: page(page_token=second),
            lambda: page(page_token=after_deep),
        )
        first_ms, exact_ms, far_ms = await _medians_ms(
            _TOTALS,
            page,
            lambda: connection.fetchval("SELECT count(*) FROM users WHERE status = 'ACTIVE'"),
            lambda: page(page=deep),
        )
    ratio = near_ms / deep_ms
    return [
        Row(
            what=f"page {deep:,} by token / page 2 by token, of {count:,} rows",
            ours=f"{deep_ms:.2f} ms",
            baseline=f"{near_ms:.2f} ms",
            figure=f"{ratio:.2f}",
            target=f"at least {_PAGE_TARGET:.2f}",
            met=ratio >= _PAGE_TARGET,
        ),
        Row(what="  by number (OFFSET)", ours=f"{far_ms:.2f} ms"),
        Row(
            what="  total: what it adds to page 1 / an exact count",
            ours=f"{first_ms - near_ms:.2f} ms",
            baseline=f"{exact_ms:.1f} ms",
        ),
    ]


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
