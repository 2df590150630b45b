"""How long GetUser takes at a fixed rate during a flood of logins, against the same in quiet."""

import asyncio
import math
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc

from emporium.user.v1.auth_service_pb2_grpc import AuthServiceStub
from emporium.user.v1.user_service_pb2 import GetUserRequest
from emporium.user.v1.user_service_pb2_grpc import UserServiceStub
from tests.bench import credentials
from tests.bench.budget import Budget
from tests.bench.machine import loading
from tests.bench.report import Row
from tests.bench.stage import Running, Stage
from tests.bench.users import filled

RATIO_MAX = 2.0
_CALLS_A_SECOND = 200
_LOGINS_AT_ONCE = 24
_TIMEOUT_SECONDS = 60.0
# What a flood is told that the service cannot keep up with.
_BUSY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Quiet and flood take turns; the medians of their p99s are compared."""
    users = await filled(stage, 1_000)
    token = await stage.token("admin")
    quiet, flood = [], []
    async with stage.service("user", DATABASE_URL=users.database_url) as service:
        calls = users.picked(round(budget.paced_seconds * _CALLS_A_SECOND))
        await _p99_ms(service, calls, token)  # warms up
        for _ in range(budget.rounds):
            quiet.append(await _p99_ms(service, calls, token))
            async with _flooded(service):
                flood.append(await _p99_ms(service, calls, token))
    ours, baseline = statistics.median(flood), statistics.median(quiet)
    return [
        Row(
            what=f"GetUser at {_CALLS_A_SECOND}/s in a flood of logins / in quiet",
            ours=f"p99 {ours:.1f} ms",
            baseline=f"p99 {baseline:.1f} ms",
            figure=f"{ours / baseline:.1f}",
            spread=f"{_spread(flood):.0%} / {_spread(quiet):.0%}",
            target=f"at most {RATIO_MAX:.1f}",
            met=ours <= RATIO_MAX * baseline,
        )
    ]


def _spread(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / statistics.median(values)


async def _p99_ms(service: Running, user_ids: Sequence[str], token: str) -> float:
    """From when each call was due, whatever held it up."""
    signed_in = (("authorization", token),)
    loop = asyncio.get_running_loop()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub = UserServiceStub(channel)
        await channel.channel_ready()

        async def call(user_id: str, due: float) -> float:
            await asyncio.sleep(due - loop.time())
            request = GetUserRequest(user_id=user_id)
            await stub.GetUser(request, metadata=signed_in, timeout=_TIMEOUT_SECONDS)
            return loop.time() - due

        with loading():
            begin = loop.time() + 0.1
            took = await asyncio.gather(
                *(call(each, begin + n / _CALLS_A_SECOND) for n, each in enumerate(user_ids))
            )
    return sorted(took)[math.ceil(0.99 * len(took)) - 1] * 1000


@asynccontextmanager
async def _flooded(service: Running) -> AsyncIterator[None]:
    """So many logins are under way all the time; who is refused tries again at once."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        request = await credentials.signed_up(channel)
        stub = AuthServiceStub(channel)

        over = asyncio.Event()

        async def again_and_again() -> None:
            while not over.is_set():
                try:
                    await stub.Login(request, timeout=_TIMEOUT_SECONDS)
                except grpc.aio.AioRpcError as error:
                    if error.code() not in _BUSY:
                        raise

        async with asyncio.TaskGroup() as logins:
            for _ in range(_LOGINS_AT_ONCE):
                logins.create_task(again_and_again())
            try:
                yield
            finally:
                over.set()  # what is under way ends, so that it is quiet again
