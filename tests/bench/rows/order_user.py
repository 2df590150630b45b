"""GetOrderUser, which asks a neighbour, against GetOrder, which does not; of random orders."""

import random
from uuid import uuid4

from emporium.order.v1 import order_service_pb2 as pb
from tests.bench import lag
from tests.bench.budget import Budget
from tests.bench.compare import alternate
from tests.bench.flood import flood, measured
from tests.bench.http2 import Target
from tests.bench.products import endless
from tests.bench.report import Row
from tests.bench.rows.orders import METHOD as CREATE_ORDER
from tests.bench.stage import Stage
from tests.bench.users import Users, filled

TARGET = 0.60
_GET_ORDER = "/emporium.order.v1.OrderService/GetOrder"
_GET_ORDER_USER = "/emporium.order.v1.OrderService/GetOrderUser"
_USERS = 1_000
_IDS = "SELECT id::text FROM orders WHERE user_id = ANY($1::text[]::uuid[])"


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The CPU is that of the order and the user service and of PostgreSQL together."""
    users = await filled(stage, _USERS, in_cluster=True)
    known = await orders_of_many(stage, users, budget.orders)
    ids = random.Random(1).choices(known, k=budget.calls)
    signed_in = (("authorization", await stage.token("admin")),)
    order = stage.measured("order")
    pids = {"order": order.pid, "user": stage.cluster.pid("user")}
    postgres = stage.cluster.pid("postgres")
    with_user = [pb.GetOrderUserRequest(order_id=each).SerializeToString() for each in ids]
    alone = [pb.GetOrderRequest(order_id=each).SerializeToString() for each in ids]
    found = await alternate(
        measured(
            Target(order.port, _GET_ORDER_USER, signed_in),
            lambda: with_user,
            pids,
            postgres=postgres,
        ),
        measured(Target(order.port, _GET_ORDER, signed_in), lambda: alone, pids, postgres=postgres),
        budget.rounds,
    )
    return [found.row("GetOrderUser / GetOrder, random orders", TARGET)]


async def orders_of_many(stage: Stage, users: Users, count: int) -> list[str]:
    """Places orders for random users, as staff do; gives their ids."""
    database_url = await stage.database("order")
    target = Target(
        stage.cluster.grpc_port("order"),
        CREATE_ORDER,
        [("authorization", await stage.token("admin"))],
    )
    async with stage.admin(database_url) as database:
        product_id = await database.fetchval(endless(1))
        requests = [
            pb.CreateOrderRequest(
                items=[pb.NewOrderItem(product_id=product_id, quantity=1)],
                user_id=user_id,
                request_id=str(uuid4()),
            ).SerializeToString()
            for user_id in users.picked(count)
        ]
        await flood(target, requests)
        await lag.until_drained(database)
        rows = await database.fetch(_IDS, list(users.ids))
    return [row["id"] for row in rows]
