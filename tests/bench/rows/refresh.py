"""Refreshes a second against bare journalled updates of MongoDB, by the same driver."""

import asyncio
import time

import grpc

from emporium.user.v1.auth_service_pb2_grpc import AuthServiceStub
from emporium.user.v1.session_service_pb2 import RefreshRequest
from emporium.user.v1.session_service_pb2_grpc import SessionServiceStub
from tests.bench import credentials
from tests.bench.budget import Budget
from tests.bench.compare import Measure, Run, alternate
from tests.bench.machine import cpu_seconds, loading
from tests.bench.report import Row
from tests.bench.stage import Running, Stage

TARGET = 0.4
_AT_ONCE = 16  # sessions, each of which has one refresh under way
_SHARE = 4  # of the budget's calls
_CHEAPEST_BCRYPT = "4"
_TIMEOUT_SECONDS = 30.0


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """A refresh also reads the account from PostgreSQL, and signs an access token."""
    count = budget.calls // _SHARE // _AT_ONCE * _AT_ONCE or _AT_ONCE
    async with (
        stage.service("user", BCRYPT_COST=_CHEAPEST_BCRYPT) as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        # The admin's: a service's user may not make a collection.
        uri, database = stage.cluster.record["mongodb_uri"], "bench"
        found = await alternate(
            await _refreshing(service, channel, count),
            credentials.bare("update", uri, database, _AT_ONCE, count),
            budget.rounds,
        )
    return [found.row_by_rate("Refresh / a bare find_one_and_update, journalled", TARGET)]


async def _refreshing(service: Running, channel: grpc.aio.Channel, count: int) -> Measure:
    login = await credentials.signed_up(channel)
    sessions, auth = SessionServiceStub(channel), AuthServiceStub(channel)
    granted = [await auth.Login(login, timeout=_TIMEOUT_SECONDS) for _ in range(_AT_ONCE)]
    tokens = [each.refresh_token for each in granted]

    async def chain(n: int) -> None:
        for _ in range(count // _AT_ONCE):
            request = RefreshRequest(refresh_token=tokens[n])
            answer = await sessions.Refresh(request, timeout=_TIMEOUT_SECONDS)
            tokens[n] = answer.refresh_token

    async def run() -> Run:
        began, cpu = time.perf_counter(), cpu_seconds(service.pid)
        with loading():
            await asyncio.gather(*(chain(n) for n in range(_AT_ONCE)))
        seconds = time.perf_counter() - began
        return Run(count / seconds, (cpu_seconds(service.pid) - cpu) / count * 1e6)

    return run
