"""GetUser while two logins are under way all the time, against GetUser in quiet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from emporium.user.v1.auth_service_pb2 import LoginRequest
from emporium.user.v1.auth_service_pb2_grpc import AuthServiceStub
from tests.bench.budget import Budget
from tests.bench.compare import Run, alternate
from tests.bench.report import Row
from tests.bench.rows.get_user import getting
from tests.bench.stage import Running, Stage
from tests.bench.users import filled

TARGET = 0.80
_LOGINS = 2
_TIMEOUT_SECONDS = 60.0


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The hashing threads share the service's core, where they may take only what is left."""
    users = await filled(stage, 1_000)
    token = await stage.token("admin")
    email, password = stage.cluster.login("customer")
    request = LoginRequest(email=email, password=password)
    async with stage.service("user", DATABASE_URL=users.database_url) as service:
        quiet = getting(users, service, token, budget.calls)

        async def amid_logins() -> Run:
            async with _logging_in(service, request):
                return await quiet()

        found = await alternate(amid_logins, quiet, budget.rounds)
    return [found.row_by_rate("GetUser with two logins under way / in quiet", TARGET)]


@asynccontextmanager
async def _logging_in(service: Running, request: LoginRequest) -> AsyncIterator[None]:
    """Logs in, over and over, `_LOGINS` times at once.

    Waits for those under way at the end, which the load has held up. Raises when one fails.
    """
    over = asyncio.Event()

    async def again_and_again(stub: AuthServiceStub) -> None:
        while not over.is_set():
            await stub.Login(request, timeout=_TIMEOUT_SECONDS)

    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub = AuthServiceStub(channel)
        async with asyncio.TaskGroup() as group:
            for _ in range(_LOGINS):
                group.create_task(again_and_again(stub))
            try:
                yield
            finally:
                over.set()
