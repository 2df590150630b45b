"""The budgets that are promised, each met or not at 20 calls a second and at 100 callers at once.

Every kind of call is made by itself, through the whole edge, while the cluster's processes go where
the kernel sends them. Where a promise names no share of the calls, 99 of 100 have to keep it.

All callers are one admin: of a caller beside whom nobody else calls, no call waits for another, as
with a hundred people who make one each.
"""

import asyncio
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import grpc

from emporium.user.v1.user_service_pb2 import BatchGetUsersRequest
from emporium.user.v1.user_service_pb2_grpc import UserServiceStub
from server.kit.auth import Signer
from server.kit.context import Role
from tests.bench.budget import Budget
from tests.bench.h2load import CONNECTIONS, STREAMS, Load
from tests.bench.machine import loading
from tests.bench.products import endless
from tests.bench.report import Row
from tests.bench.rows.order_user import orders_of_many
from tests.bench.stage import Stage
from tests.bench.usage import SLOW_MS, Usage, watched
from tests.bench.users import Users, filled
from tests.campaign.statistics import quantile

CALLS_A_SECOND = 20
CALLERS = CONNECTIONS * STREAMS
RECORD, JOIN, LIST, CHANGE = "GET user", "GET order's user", "GET 20 users", "POST order"
BETWEEN_SERVICES = "order asks user"
# Milliseconds. The kinds without a budget of their own keep the one of p95.
BUDGETS_MS = {RECORD: 100.0, JOIN: 500.0, BETWEEN_SERVICES: 150.0}
P95_MS = 200.0
SLOW_SHARE_MAX = 0.05  # of statements: their p95
RESIDENT_MB_MAX = 512.0
CORE_SHARE_MAX = 0.5
CONNECTIONS_MAX = 100
_USERS = 1_000
_SHARE = 6  # of the budget's calls, for each kind
_TOKEN_SECONDS = 600
_TIMEOUT_SECONDS = 30.0


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The same calls at both paces; the first of all are made to warm up."""
    users = await filled(stage, _USERS, in_cluster=True)
    loads = await _loads(stage, users, await orders_of_many(stage, users, budget.orders))
    rows: list[Row] = []
    with stage.unpinned():
        await _took(stage, users, loads, CALLERS, None)
        for pace, rate, calls in (
            (f"at {CALLS_A_SECOND}/s", CALLS_A_SECOND, budget.paced_seconds * CALLS_A_SECOND),
            (f"{CALLERS} callers", None, budget.calls / _SHARE),
        ):
            async with watched(stage) as usage:
                took = await _took(stage, users, loads, math.ceil(calls), rate)
            rows += rows_of(pace, took, usage, idle=rate is not None)
    return rows


async def _loads(stage: Stage, users: Users, order_ids: Sequence[str]) -> dict[str, Load]:
    """What h2load is to do for each kind of call."""
    admin = [f"authorization: {await stage.token('admin')}"]
    async with stage.admin(await stage.database("order")) as database:
        product_id = await database.fetchval(endless(1))
    body = stage.new_file(".json")
    order = {"user_id": users.ids[0], "items": [{"product_id": product_id, "quantity": 1}]}
    body.write_text(json.dumps(order), "ascii")

    def urls(paths: Sequence[str]) -> Path:
        file = stage.new_file(".urls")
        base = f"http://127.0.0.1:{stage.cluster.edge_port}/api/v1"
        file.write_text("".join(f"{base}{path}\n" for path in paths), "ascii")
        return file

    return {
        RECORD: Load(urls([f"/users/{each}" for each in users.ids]), admin),
        JOIN: Load(urls([f"/orders/{each}/user" for each in order_ids]), admin),
        LIST: Load(urls(["/users?per_page=20"]), admin),
        CHANGE: Load(urls(["/orders"]), [*admin, "content-type: application/json"], body=body),
    }


async def _took(
    stage: Stage, users: Users, loads: Mapping[str, Load], calls: int, rate: float | None
) -> dict[str, list[float]]:
    """How many seconds each call took, by its kind."""
    took = {kind: await load.seconds(calls, rate) for kind, load in loads.items()}
    return took | {BETWEEN_SERVICES: await _between_services(stage, users.picked(calls), rate)}


async def _between_services(
    stage: Stage, user_ids: Sequence[str], rate: float | None
) -> list[float]:
    """Asks the user service for one account after the other, as the order service does."""
    token = ("authorization", _token_of_order(stage))
    left, took, began = iter(enumerate(user_ids)), list[float](), time.perf_counter()
    port = stage.cluster.grpc_port("user")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = UserServiceStub(channel)

        async def work() -> None:
            for n, user_id in left:
                if rate is not None:
                    await asyncio.sleep(began + n / rate - time.perf_counter())
                start = time.perf_counter()
                request = BatchGetUsersRequest(user_ids=[user_id])
                await stub.BatchGetUsers(request, metadata=(token,), timeout=_TIMEOUT_SECONDS)
                took.append(time.perf_counter() - start)

        with loading():
            await asyncio.gather(*(work() for _ in range(CALLERS)))
    return took


def _token_of_order(stage: Stage) -> str:
    key = json.loads(Path(stage.environment("order")["SERVICE_KEY_FILE"]).read_text("utf-8"))
    signer = Signer(key, _TOKEN_SECONDS)
    return f"Bearer {signer.sign(signer.service, Role.SERVICE)}"


def rows_of(
    pace: str, took: Mapping[str, Sequence[float]], usage: Usage, *, idle: bool
) -> list[Row]:
    """The table at one pace. `took` is in seconds; where it is `idle`, the processors count too."""
    return [
        *(
            _row(f"{pace}: {kind}, p99", quantile(took[kind], 0.99) * 1e3, most, "ms")
            for kind, most in BUDGETS_MS.items()
        ),
        _slowest(pace, {kind: each for kind, each in took.items() if kind != BETWEEN_SERVICES}),
        *(
            _row(
                f"{pace}: statements of {name} over {SLOW_MS} ms",
                each.slow_share * 100,
                SLOW_SHARE_MAX * 100,
                "%",
                f"{each.slow:,} of {each.all:,}",
            )
            for name, each in usage.statements.items()
        ),
        _row(
            f"{pace}: database connections",
            sum(usage.connections.values()),
            CONNECTIONS_MAX,
            "",
            ", ".join(f"{name} {count}" for name, count in usage.connections.items()),
        ),
        _greatest(f"{pace}: memory of a service", usage.resident_mb, RESIDENT_MB_MAX, "MB"),
        *([_busiest(pace, usage)] if idle else []),
    ]


def _slowest(pace: str, took: Mapping[str, Sequence[float]]) -> Row:
    p95 = {kind: quantile(each, 0.95) * 1e3 for kind, each in took.items()}
    return _greatest(f"{pace}: slowest kind of call, p95", p95, P95_MS, "ms")


def _busiest(pace: str, usage: Usage) -> Row:
    shares = {name: cores * 100 for name, cores in usage.cores.items()}
    return _greatest(f"{pace}: a process's share of a core", shares, CORE_SHARE_MAX * 100, "%")


def _greatest(what: str, found: Mapping[str, float], most: float, unit: str) -> Row:
    name = max(found, key=lambda each: found[each])
    return _row(what, found[name], most, unit, name)


def _row(what: str, found: float, most: float, unit: str, detail: str = "") -> Row:
    unit = f" {unit}" if unit else ""
    return Row(
        what=what,
        ours=f"{found:,.1f}{unit}" if unit else f"{found:,.0f}",
        figure=detail,
        target=f"at most {most:,.0f}{unit}",
        met=found <= most,
    )
