"""What may be ordered, and what it costs. Pure: time and ids are arguments."""

from server.order.orders.rules.changes import (
    CLEARABLE,
    Changed,
    Edit,
    check_edit,
    deleted,
    edited,
)
from server.order.orders.rules.events import EventType, OrderEvent
from server.order.orders.rules.order import (
    LISTED_ITEMS_MAX,
    PAGE_ITEMS_MAX,
    Address,
    BuyerErased,
    Item,
    ListedOrder,
    Order,
    OrderFilters,
    OrderNotFound,
    StaffOnlyField,
    Status,
    listed_items,
)
from server.order.orders.rules.placing import (
    Line,
    NewOrder,
    Placed,
    Quote,
    check_staff_fields,
    place,
    quote,
)

__all__ = [
    "CLEARABLE",
    "LISTED_ITEMS_MAX",
    "PAGE_ITEMS_MAX",
    "Address",
    "BuyerErased",
    "Changed",
    "Edit",
    "EventType",
    "Item",
    "Line",
    "ListedOrder",
    "NewOrder",
    "Order",
    "OrderEvent",
    "OrderFilters",
    "OrderNotFound",
    "Placed",
    "Quote",
    "StaffOnlyField",
    "Status",
    "check_edit",
    "check_staff_fields",
    "deleted",
    "edited",
    "listed_items",
    "place",
    "quote",
]
