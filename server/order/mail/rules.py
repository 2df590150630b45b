"""Mails about orders that are to be sent. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from server.order.orders.rules import Order


class MailKind(StrEnum):
    """What a mail is about."""

    ORDER_RECEIVED = "ORDER_RECEIVED"
    ORDER_PAID = "ORDER_PAID"
    ORDER_SENT = "ORDER_SENT"  # of some lines, or of all
    ORDER_REFUNDED = "ORDER_REFUNDED"  # in part, or whole
    RETURN_RECEIVED = "RETURN_RECEIVED"  # and judged


_OF_PIECES = (MailKind.ORDER_SENT, MailKind.RETURN_RECEIVED)


@dataclass(frozen=True, slots=True)
class MailRequest:
    """A mail that an event asks for: its id is the event's, so the event has no other."""

    id: str
    kind: MailKind
    order_id: str
    occurred_at: datetime
    tracking_number: str = ""
    pieces: Sequence[tuple[int, int]] = ()  # positions of lines, and how many of each it is about
    refunded: Decimal = Decimal(0)  # in all, of the payment that was refunded


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as a mail shows it."""

    name: str
    quantity: int
    amount: Decimal


SHOWN_LINES_MAX = 50
"""How many lines a mail shows. An order may have 1,000, and mailboxes cut what is longer."""


def is_written_to(order: Order) -> bool:
    """Whether its buyer gets mails: of what was sold long ago, or is nobody's, there are none."""
    return order.user_id is not None and not order.is_historical


def shown_lines(order: Order, mail: MailRequest) -> Sequence[ShownLine]:
    """The lines that the mail is about: those that were sent or came back, or all of the order."""
    if mail.kind not in _OF_PIECES:
        return [
            ShownLine(each.product_name, each.quantity, each.line_total) for each in order.items
        ]
    pieces = [(order.items[position - 1], quantity) for position, quantity in mail.pieces]
    return [ShownLine(item.product_name, count, item.unit_price * count) for item, count in pieces]
