"""A 304 against the 200 that it saves: of a small resource, and of a large one."""

from collections.abc import Sequence
from uuid import uuid4

from emporium.order.v1 import order_service_pb2 as pb
from tests.bench import edges, rest_load
from tests.bench.budget import Budget
from tests.bench.compare import Measure, alternate
from tests.bench.flood import flood
from tests.bench.http2 import Target
from tests.bench.report import Row
from tests.bench.rows.orders import METHOD as CREATE_ORDER
from tests.bench.stage import Stage
from tests.bench.users import filled

TARGET = 2.0  # a 200 costs at least so many times a 304
_USERS = 1_000
_ORDERS = 200
_LINES = 20
_ETAG = '"1"'  # of what was never changed
_IDS = "SELECT id::text FROM orders WHERE user_id = $1::text::uuid"


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The CPU is that of every process that has a part in the answer, PostgreSQL's included."""
    users = await filled(stage, _USERS, in_cluster=True)
    gets = [f"/api/v1/users/{user_id}" for user_id in users.picked(budget.calls)]
    order_ids = await _orders(stage, users.ids[0])
    orders = [f"/api/v1/orders/{order_ids[n % len(order_ids)]}" for n in range(budget.calls // 2)]
    token = await stage.token("admin")
    return [
        await _compared(stage, service, what, paths, token, budget.rounds)
        for service, what, paths in (
            ("user", "REST GET user", gets),
            ("order", f"REST GET order of {_LINES} lines", orders),
        )
    ]


async def _compared(
    stage: Stage, service: str, what: str, paths: Sequence[str], token: str, rounds: int
) -> Row:
    measured, edge = stage.measured(service), edges.whole(stage)
    pids = {service: measured.pid, "Envoy": edge.pid, **edges.limiters(stage)}
    headers = {"authorization": token}

    def asking(headers: dict[str, str], status: str) -> Measure:
        return rest_load.getting(
            stage,
            edge.port,
            paths,
            headers,
            pids,
            postgres=stage.cluster.pid("postgres"),
            status=status,
        )

    found = await alternate(
        asking(headers | {"if-none-match": _ETAG}, "3xx"), asking(headers, "2xx"), rounds
    )
    return found.row(f"{what}: what a 200 costs in 304s", TARGET)


async def _orders(stage: Stage, user_id: str) -> list[str]:
    """Places large orders for a user, as staff do; gives their ids."""
    authorization = ("authorization", await stage.token("admin"))
    target = Target(stage.cluster.grpc_port("order"), CREATE_ORDER, [authorization])
    items = [
        pb.NewOrderItem(product_name=f"Product {n}", unit_price="9.99", quantity=n + 1)
        for n in range(_LINES)
    ]
    requests = [
        pb.CreateOrderRequest(items=items, user_id=user_id, request_id=str(uuid4()))
        for _ in range(_ORDERS)
    ]
    await flood(target, [each.SerializeToString() for each in requests])
    async with stage.admin(await stage.database("order")) as database:
        return [row["id"] for row in await database.fetch(_IDS, user_id)]
