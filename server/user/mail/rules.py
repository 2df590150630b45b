"""Mails that are to be sent. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MailKind(StrEnum):
    """What a mail is about."""

    RESET_PASSWORD = "RESET_PASSWORD"  # noqa: S105 - a name
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - a name
    VERIFY_EMAIL = "VERIFY_EMAIL"
    CHANGE_EMAIL = "CHANGE_EMAIL"
    EMAIL_CHANGED = "EMAIL_CHANGED"
    TOTP_ENABLED = "TOTP_ENABLED"
    TOTP_DISABLED = "TOTP_DISABLED"
    RECOVERY_CODE_USED = "RECOVERY_CODE_USED"
    API_KEY_CREATED = "API_KEY_CREATED"
    EMAIL_GIVEN = "EMAIL_GIVEN"
    ACCOUNT_OPENED = "ACCOUNT_OPENED"


@dataclass(frozen=True, slots=True)
class MailRequest:
    """A mail that is to be sent: its id, what it is about, and to whom it goes.

    It holds no secret, so that it can wait in the outbox.
    """

    id: str  # UUIDv7
    kind: MailKind
    user_id: str  # empty when only the address is known
    email: str
    occurred_at: datetime
    traceparent: str | None  # of the call that asked for it, as W3C Trace Context has it
    account_version: int = 0  # of a link to another address: what the account was when it was asked
    api_key_name: str = ""
    recovery_codes_left: int = 0


def in_words(seconds: float) -> str:
    """How long that is, in the largest unit of which there are two at least, and never longer."""
    whole = max(1, int(seconds))
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1)):
        if whole >= 2 * size:
            return f"{whole // size} {unit}"
    return "1 second"
