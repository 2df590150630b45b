"""Entries of the feed as other subjects write them, with the act that they tell of."""

from collections.abc import Sequence

from server.kit.postgres.writes import Table, Write
from server.user.revocations.rules import Revocation

# Positions and times are the database's.
_COLUMNS = ("user_id", "session_id", "account_version", "role", "ends_sessions", "spared_session")
_REVOCATIONS = Table("revocations", _COLUMNS, key=("position",))


def append(revocations: Sequence[Revocation]) -> Write:
    """Adds `revocations` to the feed. Until the commit no other transaction can add any.

    So it comes last in a unit of work, which locks nothing after it.
    """
    return _REVOCATIONS.insert(revocations)
