"""Logins a second when nothing else is called, against the bcrypt limit of the same core."""

import asyncio
import time

import grpc

from emporium.user.v1.auth_service_pb2_grpc import AuthServiceStub
from tests.bench import credentials
from tests.bench.budget import Budget
from tests.bench.compare import Measure, Run, alternate
from tests.bench.machine import cpu_seconds, loading
from tests.bench.report import Row
from tests.bench.stage import Running, Stage

TARGET = 0.85
_DEFAULT_COST, _DEFAULT_THREADS = "12", "2"
_CALLS_PER_LOGIN = 500  # of the budget's: a login takes a quarter of a second
_FEWEST = 4
_WAITING = 2  # logins for each thread that hashes, so that none waits for the next caller
_TIMEOUT_SECONDS = 60.0


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The service and its hashing threads have one core, as the bare hashes do."""
    count = max(_FEWEST, budget.calls // _CALLS_PER_LOGIN)
    environment = stage.environment("user")
    cost = environment.get("BCRYPT_COST", _DEFAULT_COST)
    threads = int(environment.get("BCRYPT_THREADS", _DEFAULT_THREADS))
    async with (
        stage.service("user") as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        found = await alternate(
            await _logging_in(service, channel, threads * _WAITING, count),
            credentials.bare("bcrypt", cost, threads, count),
            budget.rounds,
        )
    return [found.row_by_rate("logins alone / bare bcrypt of the same cost", TARGET)]


async def _logging_in(
    service: Running, channel: grpc.aio.Channel, at_once: int, count: int
) -> Measure:
    request = await credentials.signed_up(channel)
    stub = AuthServiceStub(channel)

    async def run() -> Run:
        left = [request] * count

        async def work() -> None:
            while left:
                await stub.Login(left.pop(), timeout=_TIMEOUT_SECONDS)

        began, cpu = time.perf_counter(), cpu_seconds(service.pid)
        with loading():
            await asyncio.gather(*(work() for _ in range(at_once)))
        seconds = time.perf_counter() - began
        return Run(count / seconds, (cpu_seconds(service.pid) - cpu) / count * 1e6)

    return run
