"""What is asked of the audit log, what it takes, and who holds the key to what it hides. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from server.kit import errors

# For address and device to follow the record of a change; it takes some hundredths of a second.
_ORIGIN_FOLLOWS = timedelta(seconds=1)


# Of other services' records. The database keeps so much whatever the retention is; and the services
# take no tokens of each other when their clocks differ by more than some seconds.
_LATE_MAX = timedelta(days=30)
_EARLY_MAX = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which records are listed; None: any."""

    actor: str | None
    subject: str | None
    action: str | None
    outcome: str | None
    created_after: datetime | None
    created_before: datetime | None


def check_own(service: str, action: str, sender: str, field: str) -> None:
    """Raises `Invalid`, naming what of `field`, when a record is not of a call of `sender`'s own.

    `sender` is whose token it came with, such as `service:order`.
    """
    if sender != f"service:{service}":
        raise errors.Invalid("must be the caller's own name", field=f"{field}.service")
    if not action.startswith(f"emporium.{service}."):
        raise errors.Invalid("must be an rpc of that service", field=f"{field}.action")


def check_moments(first_at: datetime, last_at: datetime, now: datetime, field: str) -> None:
    """Raises `Invalid`, naming what of `field`, when a record can be none of a call of late."""
    if not now - _LATE_MAX <= first_at <= now + _EARLY_MAX:
        raise errors.Invalid("must be of the last 30 days", field=f"{field}.first_at")
    if not first_at <= last_at <= now + _EARLY_MAX:
        raise errors.Invalid("must be from first_at until now", field=f"{field}.last_at")


def holder_of(actor_id: str, subject_id: str, at: datetime) -> str:
    """Under whose key a record's address and device are hidden: who called, as far as is known.

    That is the caller; of whoever has not signed in yet, the account that he called about. Without
    either it is nobody's to be erased: the strangers of one day share a key.
    """
    for each in (actor_id, subject_id):
        if _is_account(each):
            return each
    return f"strangers:{at:%Y-%m-%d}"


def is_by(user_id: str, actor_id: str, subject_id: str, *, has_succeeded: bool) -> bool:
    """Whether the person made the call of a record.

    Whoever signs in is nobody until it succeeds, by what is the account's to know: then it was its
    holder. Who fails may be anybody.
    """
    return actor_id == user_id or (not actor_id and subject_id == user_id and has_succeeded)


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
