"""What is called on both clusters, row by row."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from rich.console import Console

from tests.bench.against import event, filling, rest
from tests.bench.against.contract import NotInContract
from tests.bench.against.filling import LIST_ORDERS, LIST_USERS
from tests.bench.against.side import Side, picked
from tests.bench.against.verdict import row_of
from tests.bench.budget import Budget
from tests.bench.cluster import Cluster
from tests.bench.compare import Measure, Run, alternate
from tests.bench.flood import flood
from tests.bench.h2load import LoadFailed
from tests.bench.report import Row
from tests.bench.tree import TreeError

Measuring = Callable[[Side, Side, Budget], Awaitable[list[Row]]]
Requests = Callable[[Side, int], Sequence[Mapping[str, Any]]]


async def measure(
    console: Console, ours: Cluster, theirs: Cluster, names: Sequence[str], budget: Budget
) -> list[Row]:
    """Fills both clusters alike, and measures the rows called `names`.

    A row that one of them cannot do says so and why; the others go on.
    """
    sides = Side(ours), Side(theirs)
    for side in sides:
        with console.status(f"filling {side.name}"):
            try:
                await filling.fill(side, budget.users, budget.orders)
            except NotInContract as error:
                raise TreeError(f"{side.name} cannot be filled: {error}") from error
    rows: list[Row] = []
    for name in names:
        with console.status(name):
            try:
                rows += await _ROWS[name](*sides, budget)
            except NotInContract as error:
                rows.append(Row(what=name, figure="not measured", target=str(error)))
            except LoadFailed as error:
                refused = [side.cluster.refusals() for side in sides]
                rows.append(
                    Row(what=f"{name}: {error}", ours=refused[0], baseline=refused[1], met=False)
                )
    return rows


@dataclass(frozen=True)
class Call:
    """An rpc, called with requests that differ. The first process has a core to itself."""

    rpc: str
    processes: Sequence[str]  # whose CPU counts
    requests: Requests
    share: float = 1.0  # of the budget's calls; what is slow is called less often
    database: str = "postgres"

    async def __call__(self, ours: Side, theirs: Side, budget: Budget) -> list[Row]:
        """Measures both sides in turns."""
        calls = int(budget.calls * self.share)
        first, second = [self._measure(side, calls) for side in (ours, theirs)]
        found = await alternate(first, second, budget.turns)
        return [row_of(self.rpc.rpartition("/")[2], found)]

    def _measure(self, side: Side, calls: int) -> Measure:
        side.pin(self.processes[0])

        async def run() -> Run:
            messages = side.encoded(self.rpc, self.requests(side, calls))
            before = side.meter(self.processes, self.database)
            seconds = await flood(side.target(self.rpc), messages)
            return side.used(before, calls, seconds)

        return run


def _users(side: Side, count: int) -> list[dict[str, Any]]:
    return [{"user_id": user_id} for user_id in picked(side.user_ids, count)]


def _orders(side: Side, count: int) -> list[dict[str, Any]]:
    return [{"order_id": order_id} for order_id in picked(side.order_ids, count)]


def _first_pages(side: Side, count: int) -> list[dict[str, Any]]:
    return [{"per_page": 20}] * count


def _behaviour(side: Side, count: int) -> list[dict[str, Any]]:
    return [
        {"request_id": str(uuid4()), "type": "page.viewed", "properties": {"path": f"/p/{n}"}}
        for n in range(count)
    ]


_USER, _ORDER = "emporium.user.v1.UserService", "emporium.order.v1.OrderService"
_RECORD_EVENT = "emporium.analytics.v1.EventService/RecordEvent"

_ROWS: Mapping[str, Measuring] = {
    "GetUser": Call(f"{_USER}/GetUser", ["user"], _users),
    "GetOrder": Call(f"{_ORDER}/GetOrder", ["order"], _orders),
    "GetOrderUser": Call(f"{_ORDER}/GetOrderUser", ["order", "user"], _orders, 0.7),
    "ListOrders": Call(LIST_ORDERS, ["order"], _first_pages, 0.2),
    "ListUsers": Call(LIST_USERS, ["user"], _first_pages, 0.2),
    "CreateOrder": event.measure_creates,
    "RecordEvent": Call(_RECORD_EVENT, ["analytics"], _behaviour, 0.5, "mongod"),
    "rest": rest.measure,
    "event": event.measure_way,
}
