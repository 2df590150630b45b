"""Entries of the feed as other subjects write them, and read them with accounts."""

from collections.abc import Sequence
from typing import NamedTuple

from server.kit.context import Role
from server.kit.postgres import Record
from server.kit.postgres.writes import Table, Write
from server.user.revocations.rules import Revocation

# Positions and times are the database's.
_COLUMNS = ("user_id", "session_id", "account_version", "role", "ends_sessions", "spared_session")
_REVOCATIONS = Table("revocations", _COLUMNS, key=("position",))

ENTRY = ", ".join(f"entry.{column}" for column in ("position", *_COLUMNS))
"""The columns of an entry, as `to_entry` takes them."""

LATER = "LEFT JOIN revocations AS entry ON entry.user_id = users.id AND entry.position > {}"
"""Joins to `users` what was told of them after a position."""


class Entry(NamedTuple):
    """A revocation, and its place in the feed."""

    position: int
    revocation: Revocation


def to_entry(row: Record) -> Entry:
    """The entry in `row`, which has the columns of `ENTRY`."""
    revocation = Revocation(
        user_id=str(row["user_id"]),
        session_id=str(row["session_id"]) if row["session_id"] else None,
        account_version=row["account_version"],
        role=Role(row["role"]) if row["role"] else None,
        ends_sessions=row["ends_sessions"],
        spared_session=str(row["spared_session"]) if row["spared_session"] else None,
    )
    return Entry(row["position"], revocation)


def append(revocations: Sequence[Revocation]) -> Write:
    """Adds `revocations` to the feed. Until the commit no other transaction can add any.

    So it comes last in a unit of work, which locks nothing after it.
    """
    return _REVOCATIONS.insert(revocations)
