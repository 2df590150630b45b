"""What the tests of the store read back."""

from server.kit.listing.paging import After, PageQuery, Sort
from server.kit.postgres import Pool
from server.order.orders.rules import Order
from tests.server.tokens import TOKENS

LATEST_FIRST = Sort("order_date", descending=True)


def page_of(sort: Sort = LATEST_FIRST, per_page: int = 20, after: After | None = None) -> PageQuery:
    """The first page, or the one after a row."""
    return PageQuery(sort, per_page, 1, after, None, "", TOKENS)


async def events_of(pool: Pool, order: Order) -> list[str]:
    """What the outbox tells of an order, in its order."""
    rows = await pool.fetch(
        "SELECT event_type, aggregate_version FROM outbox"
        " WHERE aggregate_type = 'order' AND aggregate_id = $1 ORDER BY position",
        order.id,
    )
    assert [row["aggregate_version"] for row in rows] == [*range(1, len(rows) + 1)]
    return [row["event_type"].removeprefix("emporium.order.v1.") for row in rows]
