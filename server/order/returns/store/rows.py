"""Returns between dataclasses and PostgreSQL's rows."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from server.kit.outbox import append
from server.kit.postgres import Record
from server.kit.postgres.writes import Table, Write
from server.order.orders.rules import Actor, ActorKind
from server.order.returns.rules import (
    Line,
    ListedReturn,
    Move,
    Reason,
    Return,
    ReturnEvent,
    Status,
)
from server.order.returns.store import Encode

_OWN = tuple(field.name for field in fields(Return) if field.name not in ("items", "history"))
_LINE = tuple(field.name for field in fields(Line))

RETURNS = Table("returns", _OWN)
ITEMS = Table(
    "return_items",
    ("return_id", "order_id", *_LINE, "counted"),
    key=("return_id", "position"),
)
_MOVE = ("id", "before", "after", "actor_kind", "actor", "reason", "occurred_at")
MOVES = Table("return_moves", ("return_id", *_MOVE))

_ITEMS = f"""
    SELECT ROW({", ".join(_LINE)}) FROM return_items
    WHERE return_id = returns.id ORDER BY position
"""

WHOLE = f"""
    SELECT {RETURNS.columns}, ARRAY({_ITEMS}) AS items, ARRAY(
        SELECT ROW({", ".join(_MOVE)}) FROM return_moves
        WHERE return_id = returns.id ORDER BY occurred_at, id
    ) AS history
    FROM returns
"""

LISTED = f"""
    SELECT {RETURNS.columns}, ARRAY({_ITEMS} LIMIT $2) AS items, '{{}}'::text[] AS history, (
        SELECT count(*) FROM return_items WHERE return_id = returns.id
    ) AS item_count
    FROM returns WHERE id = ANY($1)
"""


def writes(before: Return | None, event: ReturnEvent, encode: Encode) -> list[Write]:
    """What a change has made of `before`; None: the return is new.

    What of each line it takes up the database counts, by a trigger of the items.
    """
    after = event.returned
    made = [RETURNS.update([_own(after)]) if before else RETURNS.insert([_own(after)])]
    old = _items(before) if before else []
    if (items := _items(after)) != old:
        made.append(ITEMS.update(items) if before else ITEMS.insert(items))
    if moves := after.history[len(before.history) if before else 0 :]:
        made.append(MOVES.insert([_move(after, each) for each in moves]))
    made.append(append([encode(event)]))
    return made


def to_return(row: Record) -> Return:
    """A return from a row of `WHOLE` or `LISTED`."""
    return Return(
        id=str(row["id"]),
        order_id=str(row["order_id"]),
        user_id=str(row["user_id"]) if row["user_id"] else None,
        status=Status(row["status"]),
        items=tuple(Line(*line) for line in row["items"]),
        reason=Reason(row["reason"]),
        comment=row["comment"],
        currency=row["currency"],
        refundable=row["refundable"],
        refunded=row["refunded"],
        open_refunds=row["open_refunds"],
        asked=row["asked"],
        history=tuple(_to_move(each) for each in row["history"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )


def to_listed(row: Record) -> ListedReturn:
    """A return of a list from a row of `LISTED`."""
    return ListedReturn(to_return(row), row["item_count"])


def _own(returned: Return) -> dict[str, Any]:
    return {name: getattr(returned, name) for name in _OWN}


def _items(returned: Return) -> list[dict[str, Any]]:
    return [
        {
            "return_id": returned.id,
            "order_id": returned.order_id,
            "counted": line.counted(returned.status),
            **{name: getattr(line, name) for name in _LINE},
        }
        for line in returned.items
    ]


def _move(returned: Return, move: Move) -> dict[str, Any]:
    return {
        "id": move.id,
        "return_id": returned.id,
        "before": move.before,
        "after": move.after,
        "actor_kind": move.actor.kind,
        "actor": move.actor.name,
        "reason": move.reason,
        "occurred_at": move.occurred_at,
    }


def _to_move(values: Sequence[Any]) -> Move:
    id_, before, after, kind, name, reason, occurred_at = values
    return Move(
        id=str(id_),
        before=Status(before) if before else None,
        after=Status(after),
        actor=Actor(ActorKind(kind), name),
        reason=reason,
        occurred_at=occurred_at,
    )
