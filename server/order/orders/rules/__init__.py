"""What may be ordered, and what it costs. Pure: time and ids are arguments."""

from server.order.orders.rules.changes import (
    CLEARABLE,
    Edit,
    check_edit,
    deleted,
    edited,
)
from server.order.orders.rules.events import EventType, OrderEvent
from server.order.orders.rules.history import Act, Actor, ActorKind, Move, PastMove, person
from server.order.orders.rules.moving import MOVES, Changed, cancelled, moved
from server.order.orders.rules.notes import Note, check_deletable, check_room, is_internal
from server.order.orders.rules.order import (
    LISTED_ITEMS_MAX,
    Address,
    BuyerErased,
    Item,
    ListedOrder,
    Order,
    OrderFilters,
    OrderNotFound,
    StaffOnlyField,
    Status,
    check_totals,
    check_whose,
    etag_of,
)
from server.order.orders.rules.placing import Line, NewOrder, Placed, check_staff_fields, place

__all__ = [
    "CLEARABLE",
    "LISTED_ITEMS_MAX",
    "MOVES",
    "Act",
    "Actor",
    "ActorKind",
    "Address",
    "BuyerErased",
    "Changed",
    "Edit",
    "EventType",
    "Item",
    "Line",
    "ListedOrder",
    "Move",
    "NewOrder",
    "Note",
    "Order",
    "OrderEvent",
    "OrderFilters",
    "OrderNotFound",
    "PastMove",
    "Placed",
    "StaffOnlyField",
    "Status",
    "cancelled",
    "check_deletable",
    "check_edit",
    "check_room",
    "check_staff_fields",
    "check_totals",
    "check_whose",
    "deleted",
    "edited",
    "etag_of",
    "is_internal",
    "moved",
    "person",
    "place",
]
