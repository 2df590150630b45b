"""What the tests of the store read back."""

from emporium.analytics.v1.event_service_pb2 import OrderEvent
from server.kit.listing.paging import After, PageQuery, Sort
from server.kit.postgres import Pool
from server.order.orders.rules import Order

LATEST_FIRST = Sort("order_date", descending=True)


def page_of(sort: Sort = LATEST_FIRST, per_page: int = 20, after: After | None = None) -> PageQuery:
    """The first page, or the one after a row."""
    return PageQuery(sort, per_page, 1, after, None, "")


async def events_of(pool: Pool, order: Order) -> list[str]:
    """What the outbox tells of an order, in its order."""
    told = [
        OrderEvent.FromString(row["payload"])
        for row in await pool.fetch("SELECT payload FROM outbox ORDER BY id")
    ]
    return [OrderEvent.Kind.Name(each.kind) for each in told if each.order_id == order.id]
