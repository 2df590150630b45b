"""The first page of many users, with its total, against a bare page of the same rows."""

from emporium.user.v1 import user_service_pb2 as pb
from tests.bench.budget import Budget
from tests.bench.compare import Measure, alternate
from tests.bench.flood import measured
from tests.bench.http2 import Target
from tests.bench.report import Row
from tests.bench.stage import Running, Stage
from tests.bench.users import filled

METHOD = "/emporium.user.v1.UserService/ListUsers"
TARGET = 0.80
_SHARE = 5  # of the budget's calls, which are for calls that cost a fifth of this one


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The CPU is that of the server and of PostgreSQL together, which does the counting."""
    users = await filled(stage, budget.listed_users)
    signed_in = (("authorization", await stage.token("admin")),)
    requests = [pb.ListUsersRequest(per_page=20).SerializeToString()] * (budget.calls // _SHARE)
    postgres = stage.cluster.pid("postgres")

    def listing(server: Running) -> Measure:
        target = Target(server.port, METHOD, signed_in)
        return measured(target, lambda: requests, {"server": server.pid}, postgres=postgres)

    async with (
        stage.service("user", DATABASE_URL=users.database_url) as service,
        stage.baseline(users.database_url, "tuned") as bare,
    ):
        found = await alternate(listing(service), listing(bare), budget.rounds)
    return [found.row(f"ListUsers page 1 of {budget.listed_users:,} / a bare keyset page", TARGET)]
