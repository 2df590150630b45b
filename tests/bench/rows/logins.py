"""GetUser while two logins are under way all the time, against GetUser in quiet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import bcrypt
import grpc

from emporium.user.v1 import auth_service_pb2
from emporium.user.v1.auth_service_pb2_grpc import AuthServiceStub
from tests.bench.budget import Budget
from tests.bench.compare import Run, alternate
from tests.bench.report import Row
from tests.bench.rows.get_user import get_user
from tests.bench.stage import Running, Stage
from tests.bench.users import filled

TARGET = 0.80
_PASSWORD = "correct horse battery staple"
_LOGINS = 2
_COST = 12
_PATIENCE_SECONDS = 60.0


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The hashing threads share the service's core, where they may take only what is left."""
    users = await filled(stage, 1_000)
    async with stage.admin(users.database_url) as connection:
        password_hash = bcrypt.hashpw(_PASSWORD.encode(), bcrypt.gensalt(_COST))
        await connection.execute(
            "UPDATE users SET password_hash = $2, status = 'ACTIVE' WHERE id = $1",
            users.someone.id,
            password_hash,
        )
    async with stage.service("user", DATABASE_URL=users.database_url) as service:
        load = get_user(stage, users, service, signed_in=True)

        async def amid_logins() -> Run:
            async with _logging_in(service, users.someone.email):
                return await load.run(budget.calls)

        found = await alternate(amid_logins, partial(load.run, budget.calls), budget.rounds)
    return [found.row("GetUser with two logins under way / in quiet", TARGET, with_cpu=False)]


@asynccontextmanager
async def _logging_in(service: Running, email: str) -> AsyncIterator[None]:
    """Logs in, over and over, `_LOGINS` times at once.

    Waits for those under way at the end, which the load has held up. Raises when one fails.
    """
    request = auth_service_pb2.LoginRequest(email=email, password=_PASSWORD)
    over = asyncio.Event()

    async def again_and_again(stub: AuthServiceStub) -> None:
        while not over.is_set():
            await stub.Login(request, timeout=_PATIENCE_SECONDS)

    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub = AuthServiceStub(channel)
        async with asyncio.TaskGroup() as group:
            for _ in range(_LOGINS):
                group.create_task(again_and_again(stub))
            try:
                yield
            finally:
                over.set()
