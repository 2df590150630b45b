"""What may be sent back, and what is given back for it. Pure: time and ids are arguments."""

from server.order.returns.rules.judging import Received, received
from server.order.returns.rules.moving import check_edit, check_staff, moved, requested
from server.order.returns.rules.refunding import Refund, answered, refunding
from server.order.returns.rules.returns import (
    RETURNS_MAX,
    Edit,
    EventType,
    Judged,
    Line,
    ListedReturn,
    Move,
    NewReturn,
    Part,
    Reason,
    Return,
    ReturnChanged,
    ReturnEvent,
    ReturnNotFound,
    Sent,
    Status,
    listed_items,
)

__all__ = [
    "RETURNS_MAX",
    "Edit",
    "EventType",
    "Judged",
    "Line",
    "ListedReturn",
    "Move",
    "NewReturn",
    "Part",
    "Reason",
    "Received",
    "Refund",
    "Return",
    "ReturnChanged",
    "ReturnEvent",
    "ReturnNotFound",
    "Sent",
    "Status",
    "answered",
    "check_edit",
    "check_staff",
    "listed_items",
    "moved",
    "received",
    "refunding",
    "requested",
]
