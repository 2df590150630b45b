"""GetUser of random users by gRPC with the full chain, against L."""

from collections.abc import Sequence

from emporium.user.v1 import user_service_pb2 as pb
from tests.bench.budget import Budget
from tests.bench.compare import Measure, alternate
from tests.bench.flood import measured
from tests.bench.http2 import Target
from tests.bench.machine import is_batch
from tests.bench.report import Row
from tests.bench.stage import Running, Stage
from tests.bench.users import Users, filled

METHOD = "/emporium.user.v1.UserService/GetUser"
TARGET = 0.90


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Against L with our two settings, to see what the chain costs, and against L as it is.

    All three get the same requests with the same headers.
    """
    users = await filled(stage, 1_000)
    token = await stage.token("admin")
    async with (
        stage.service("user", DATABASE_URL=users.database_url) as service,
        stage.baseline(users.database_url) as bare,
        stage.baseline(users.database_url, "tuned") as tuned,
    ):
        if not is_batch(service.pid):
            raise RuntimeError("the service is not scheduled as a batch job")
        ours = getting(users, service, token, budget.calls)
        against = [
            await alternate(ours, getting(users, each, token, budget.calls), rounds)
            for each, rounds in ((tuned, budget.rounds), (bare, max(2, budget.rounds // 2)))
        ]
    return [
        against[0].row("GetUser / L with our settings", TARGET),
        against[1].row("  and L as it is"),
    ]


def getting(users: Users, server: Running, token: str, calls: int) -> Measure:
    """GetUser of random users, by an admin's token."""
    target = Target(server.port, METHOD, [("authorization", token)])
    requests: Sequence[bytes] = [
        pb.GetUserRequest(user_id=user_id).SerializeToString() for user_id in users.picked(calls)
    ]
    return measured(target, lambda: requests, {"server": server.pid})
