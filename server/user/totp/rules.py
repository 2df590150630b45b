"""Second factors and recovery codes. Pure: time, ids and random bytes are arguments."""

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime

from server.kit import errors
from server.kit.context import Caller
from server.user.accounts.rules import Changed, EventType, User, UserEvent
from server.user.accounts.rules.credentials import credentials_changed
from server.user.accounts.rules.proof import check_proven
from server.user.mail.rules import MailKind, MailRequest

RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 15

_GROUP = 4  # characters between dashes


class WrongCode(errors.Forbidden):
    """The code is wrong, or was used before."""

    reason = "WRONG_CODE"

    def __init__(self, field: str) -> None:
        super().__init__("the code is wrong, or was used before", field=field)


class TotpAlreadyEnabled(errors.Conflict):
    """The account has a second factor, and there is one at most."""

    reason = "TOTP_ALREADY_ENABLED"

    def __init__(self) -> None:
        super().__init__("the account has a second factor already")


class TotpNotBegun(errors.Conflict):
    """There is nothing to confirm."""

    reason = "TOTP_NOT_BEGUN"

    def __init__(self) -> None:
        super().__init__("begin with POST /auth/totp")


@dataclass(frozen=True, slots=True)
class Totp:
    """An account's secret, encrypted, and whether logins ask for it."""

    sealed: bytes
    is_enabled: bool


def check_begun(totp: Totp | None) -> Totp:
    """What is to be confirmed. Raises `TotpNotBegun` and `TotpAlreadyEnabled`."""
    if totp is None:
        raise TotpNotBegun
    if totp.is_enabled:
        raise TotpAlreadyEnabled
    return totp


def enabled(
    user: User,
    by: Caller | None,
    event_id: str,
    mail_id: str,
    now: datetime,
    traceparent: str | None,
) -> Changed:
    """`user` with a second factor; `by` and errors as of `credentials_changed`.

    Raises `EmailNotVerified`.
    """
    check_proven(user)
    after = credentials_changed(user, by, now, totp_enabled=True)
    kind = EventType.SECOND_FACTOR_CHANGED
    event = UserEvent(event_id, kind, after, after.version, now, traceparent)
    return Changed(after, event, (_mail(MailKind.TOTP_ENABLED, user, mail_id, now, traceparent),))


def disabled(
    user: User,
    by: Caller | None,
    event_id: str,
    mail_id: str,
    now: datetime,
    traceparent: str | None,
) -> Changed:
    """`user` without one; likewise."""
    if not user.totp_enabled:
        return Changed(user, None)
    after = credentials_changed(user, by, now, totp_enabled=False)
    kind = EventType.SECOND_FACTOR_CHANGED
    event = UserEvent(event_id, kind, after, after.version, now, traceparent)
    return Changed(after, event, (_mail(MailKind.TOTP_DISABLED, user, mail_id, now, traceparent),))


def recovery_code_used(
    user: User, left: int, mail_id: str, now: datetime, traceparent: str | None
) -> MailRequest:
    """What the account's holder is told, who has so many codes left."""
    told = _mail(MailKind.RECOVERY_CODE_USED, user, mail_id, now, traceparent)
    return replace(told, recovery_codes_left=left)


def recovery_codes(random: bytes) -> list[str]:
    """Codes of `RECOVERY_CODE_BYTES` random bytes each, for people to keep."""
    found = []
    for start in range(0, len(random), RECOVERY_CODE_BYTES):
        text = base64.b32encode(random[start : start + RECOVERY_CODE_BYTES]).decode().lower()
        found.append("-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP)))
    return found


def hash_of(recovery_code: str) -> bytes:
    """What is stored of a recovery code, however it is typed.

    A fast hash will do: nobody guesses 120 random bits.
    """
    return hashlib.sha256(re.sub(r"[\s-]", "", recovery_code).lower().encode()).digest()


def _mail(
    kind: MailKind, user: User, mail_id: str, now: datetime, traceparent: str | None
) -> MailRequest:
    return MailRequest(mail_id, kind, user.id, user.email, now, traceparent)
