"""What the ledger says, against what is there."""

from typing import Any

from server.kit.postgres import Pool

_STATE = "SELECT on_hand, reserved, movements FROM stock WHERE product_id = $1"
_SUMS = """
    SELECT coalesce(sum(on_hand_delta), 0)::int, coalesce(sum(reserved_delta), 0)::int,
           count(*)::int
    FROM stock_movements WHERE product_id = $1
"""
_OF_ORDERS = """
    SELECT order_id::text, sum(reserved_delta)::int AS reserved, -sum(on_hand_delta)::int AS taken
    FROM stock_movements WHERE product_id = ANY($1) AND order_id IS NOT NULL GROUP BY order_id
"""
_EVENTS = """
    SELECT event_type FROM outbox WHERE aggregate_type = 'stock' AND aggregate_id = $1
    ORDER BY aggregate_version
"""
_KINDS = "SELECT kind FROM stock_movements WHERE product_id = $1 ORDER BY number"


async def balance(pool: Pool, product_id: str) -> tuple[int, int]:
    """What is on hand and reserved; the sum of all movements, or this fails."""
    [state] = await pool.fetch(_STATE, product_id)
    [sums] = await pool.fetch(_SUMS, product_id)
    assert tuple(state) == tuple(sums)
    return state["on_hand"], state["reserved"]


async def of_orders(pool: Pool, *product_ids: str) -> dict[str, Any]:
    """What each order has of the products: reserved and taken."""
    rows = await pool.fetch(_OF_ORDERS, product_ids)
    return {row["order_id"]: (row["reserved"], row["taken"]) for row in rows}


async def kinds(pool: Pool, product_id: str) -> list[str]:
    """What has moved a product's stock, in order."""
    return [row["kind"] for row in await pool.fetch(_KINDS, product_id)]


async def events(pool: Pool, product_id: str) -> list[str]:
    """The events of a product's stock that wait."""
    rows = await pool.fetch(_EVENTS, product_id)
    return [row["event_type"].rpartition(".")[2] for row in rows]
