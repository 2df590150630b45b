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
    Address,
    BuyerErased,
    Item,
    ListedOrder,
    OffersChanged,
    Order,
    OrderFilters,
    OrderNotFound,
    StaffOnlyField,
    Status,
)
from server.order.orders.rules.placing import (
    Line,
    NewOrder,
    Placed,
    check_staff_fields,
    place,
    sold,
)

__all__ = [
    "CLEARABLE",
    "LISTED_ITEMS_MAX",
    "Address",
    "BuyerErased",
    "Changed",
    "Edit",
    "EventType",
    "Item",
    "Line",
    "ListedOrder",
    "NewOrder",
    "OffersChanged",
    "Order",
    "OrderEvent",
    "OrderFilters",
    "OrderNotFound",
    "Placed",
    "StaffOnlyField",
    "Status",
    "check_edit",
    "check_staff_fields",
    "deleted",
    "edited",
    "place",
    "sold",
]
