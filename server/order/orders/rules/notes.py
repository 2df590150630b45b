"""Notes on an order: who may write one, and who reads it."""

from dataclasses import dataclass
from datetime import datetime

from server.kit import errors
from server.order.orders.rules.history import Actor, ActorKind
from server.order.orders.rules.order import OrderAnonymous, StaffOnlyField

NOTES_MAX = 100
"""How many notes an order may have."""


class NoteNotFound(errors.NotFound):
    """No such note on the order, or not the caller's to see or to delete."""

    reason = "ORDER_NOTE_NOT_FOUND"


class TooManyNotes(errors.Conflict):
    """The order has as many notes as one may have."""

    reason = "TOO_MANY_ORDER_NOTES"


@dataclass(frozen=True, slots=True)
class Note:
    """A note. What is internal is for staff alone."""

    id: str
    order_id: str
    author: Actor
    text: str
    is_internal: bool
    created_at: datetime


def is_internal(visible_to_buyer: bool | None, *, by_staff: bool) -> bool:
    """Whether a note is for staff alone: theirs are, unless they say otherwise.

    Raises `StaffOnlyField` for a buyer who would hide one from the buyer.
    """
    if by_staff:
        return not visible_to_buyer
    if visible_to_buyer is False:
        raise StaffOnlyField(
            "visible_to_buyer: only staff may hide a note", field="visible_to_buyer"
        )
    return False


def check_room(count: int, buyer_id: str | None) -> None:
    """Raises `TooManyNotes` where an order has so many, and `OrderAnonymous` without a buyer."""
    if buyer_id is None:
        raise OrderAnonymous("the order's buyer was erased", field="text")
    if count >= NOTES_MAX:
        raise TooManyNotes(f"an order may have {NOTES_MAX} notes; delete one first", field="text")


def check_deletable(note: Note | None, *, by_staff: bool) -> None:
    """Raises `NoteNotFound` where there is none, or a buyer would delete one of staff's."""
    if note is None or not (by_staff or note.author.kind is ActorKind.BUYER):
        raise NoteNotFound("no such note")
