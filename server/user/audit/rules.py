"""What is asked of the audit log, and who holds the key to what it hides. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

# For address and device to follow the record of a change; it takes some hundredths of a second.
_ORIGIN_FOLLOWS = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which records are listed; None: any."""

    actor: str | None
    subject: str | None
    action: str | None
    outcome: str | None
    created_after: datetime | None
    created_before: datetime | None


def holder_of(actor_id: str, subject_id: str, at: datetime) -> str:
    """Under whose key a record's address and device are hidden: who called, as far as is known.

    That is the caller; of whoever has not signed in yet, the account that he called about. Without
    either it is nobody's to be erased: the strangers of one day share a key.
    """
    for each in (actor_id, subject_id):
        if _is_account(each):
            return each
    return f"strangers:{at:%Y-%m-%d}"


def may_lack_origin(first_at: datetime, now: datetime) -> bool:
    """Whether a record without address and device may still get them.

    It is committed with its change, which may make the very account that holds their key: so they
    are sealed afterwards.
    """
    return now - first_at < _ORIGIN_FOLLOWS


def is_strangers(holder: str) -> bool:
    """Whether no account holds that key."""
    return not _is_account(holder)


def _is_account(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
