"""The data that both sides are filled with, through the doors that they share."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.bench.against.side import Side, picked
from tests.bench.flood import flood

CREATE_USER = "emporium.user.v1.UserService/CreateUser"
LIST_USERS = "emporium.user.v1.UserService/ListUsers"
LIST_PRODUCTS = "emporium.order.v1.CatalogService/ListProducts"
CREATE_ORDER = "emporium.order.v1.OrderService/CreateOrder"
LIST_ORDERS = "emporium.order.v1.OrderService/ListOrders"
REPORT = "emporium.analytics.v1.ReportService/GetSalesReport"
_PAGE = 100
_POLL_SECONDS = 0.2
_TIMEOUT_SECONDS = 120.0


async def fill(side: Side, users: int, orders: int) -> None:
    """Opens accounts without a password, as staff do; places orders for them; notes all ids."""
    accounts = [
        {
            "email": f"bench-{n}@bench.example",
            "full_name": f"User {n}",
            "age": 20 + n % 60,
        }
        for n in range(users)
    ]
    await flood(side.target(CREATE_USER), side.encoded(CREATE_USER, accounts))
    side.user_ids = _ids(side, LIST_USERS, "users", users)
    side.product_ids = _ids(side, LIST_PRODUCTS, "products", _PAGE)
    side.orders_placed = _counted(side)
    await place(side, orders)
    await drained(side)
    side.order_ids = _ids(side, LIST_ORDERS, "orders", orders)


async def place(side: Side, count: int, rate: float | None = None) -> float:
    """Places orders for many users; gives the seconds that it took.

    Each has two lines and a key of its own.
    """
    first, second = side.product_ids[:2]
    items = [{"product_id": first, "quantity": 1}, {"product_id": second, "quantity": 3}]
    requests = [
        {"items": items, "user_id": user_id, "request_id": str(uuid4())}
        for user_id in picked(side.user_ids, count)
    ]
    messages = side.encoded(CREATE_ORDER, requests)
    side.orders_placed += count
    return await flood(side.target(CREATE_ORDER), messages, rate)


async def drained(side: Side) -> None:
    """Returns when every order is in the report, which nobody announces (ASYNC110)."""
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        while (found := await asyncio.to_thread(_counted, side)) < side.orders_placed:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
    assert found == side.orders_placed, f"{side.name} counted an order that nobody placed"


def _counted(side: Side) -> int:
    """How many orders the sales report knows of."""
    return int(side.ask(REPORT)["total"]["orders"])


def _ids(side: Side, rpc: str, rows: str, count: int) -> list[str]:
    """The ids of the newest `count` rows, or of all when there are less."""
    ids: list[str] = []
    token: Any = ""
    while len(ids) < count:
        answer = side.ask(rpc, per_page=_PAGE, page_token=token)
        ids += [row["id"] for row in answer[rows]]
        token = answer["meta"]["next_page_token"]
        if not token:
            break
    assert ids, f"{side.name} was to be filled and has no {rows}"
    return ids[:count]
