"""Authenticated GetUser by gRPC with the full chain, against L."""

from functools import partial

from emporium.user.v1 import user_service_pb2 as pb
from tests.bench.budget import Budget
from tests.bench.compare import alternate
from tests.bench.h2load import Load, grpc_load
from tests.bench.machine import is_batch
from tests.bench.report import Row
from tests.bench.stage import Running, Stage
from tests.bench.users import Users, filled

METHOD = "/emporium.user.v1.UserService/GetUser"
TARGET = 0.95


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Against L as the target has it, and against L with our two settings, to see the chain."""
    users = await filled(stage, 1_000)
    async with (
        stage.service("user", DATABASE_URL=users.database_url) as service,
        stage.baseline(users.database_url) as bare,
        stage.baseline(users.database_url, "tuned") as tuned,
    ):
        if not is_batch(service.pid):
            raise RuntimeError("the service is not scheduled as a batch job")
        ours = partial(get_user(stage, users, service, signed_in=True).run, budget.calls)
        against = [
            await alternate(ours, partial(get_user(stage, users, each).run, budget.calls), rounds)
            for each, rounds in ((bare, budget.rounds), (tuned, max(1, budget.rounds // 2)))
        ]
    return [
        against[0].row("GetUser / L", TARGET),
        against[1].row("  and L with batch scheduling and no reset query"),
    ]


def get_user(stage: Stage, users: Users, server: Running, *, signed_in: bool = False) -> Load:
    """GetUser of one user, asked by itself."""
    load = grpc_load(
        server, METHOD, pb.GetUserRequest(user_id=users.someone.id), users.someone, stage.folder
    )
    return load.with_token(stage.token(users.someone.id, "CUSTOMER")) if signed_in else load
