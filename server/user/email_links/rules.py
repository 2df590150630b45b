"""One-time tokens of mailed links. Pure."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.kit import base64url, errors
from server.user.accounts.rules import Status, User
from server.user.mail.rules import MailKind

OF_EMAIL = (MailKind.VERIFY_EMAIL, MailKind.CHANGE_EMAIL)
"""Whose links verify an e-mail."""

OF_PASSWORD = (MailKind.RESET_PASSWORD, MailKind.ACCOUNT_OPENED)
"""Whose links set a password."""

LIVE_MAX = 3
"""So many links of one kind may be good at once for one account: nobody's mailbox is flooded."""

ASKED_MAX = 5
"""So many links to another e-mail may an account ask for within `ASKED_WITHIN`."""
ASKED_WITHIN = timedelta(hours=1)


LINKS_MAX = 5
NOTICES_MAX = 10
"""So many mails with links for one purpose, and notices of one kind, an address gets an hour."""
MAILED_WITHIN = timedelta(hours=1)


class OneTimeTokenInvalid(errors.Invalid):
    """The token is unknown, was used or has expired."""

    reason = "ONE_TIME_TOKEN_INVALID"

    def __init__(self) -> None:
        super().__init__("ask for a new mail", field="token")


class TooManyLinks(errors.RateLimited):
    """The account has asked for so many links to another e-mail that it has to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"{ASKED_MAX} links to another e-mail were asked for within an hour; use the one that"
            f" was mailed last, or ask again in {seconds} s",
            retry_after_seconds=seconds,
        )


class TooManyMails(errors.RateLimited):
    """The address has been mailed so many links that it gets no more for a while."""

    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, -(-wait // timedelta(seconds=1)))
        super().__init__(
            f"this address was mailed {LINKS_MAX} links within an hour; use the one that was mailed"
            f" last, or ask again in {seconds} s",
            retry_after_seconds=seconds,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A link to another e-mail, when it was asked for, and whether it still may be used."""

    id: str
    at: datetime
    is_open: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """The account that a good token stands for, what it is for, and the address it was sent to."""

    user: User
    kind: MailKind
    email: str

    @property
    def email_after(self) -> str:
        """The account's address once the link is used."""
        return self.email if self.kind is MailKind.CHANGE_EMAIL else self.user.email


def counted_as(kind: MailKind) -> str:
    """What mails to an address are counted together with.

    Whoever has a new address verified, as often as they like, so keeps nobody from a new password,
    and no notice hides another.
    """
    if kind in OF_EMAIL:
        return "links of e-mails"
    return "links of passwords" if kind in OF_PASSWORD else kind


def mails_max(kind: MailKind) -> int:
    """How many of those an address gets within `MAILED_WITHIN`."""
    return LINKS_MAX if kind in (*OF_EMAIL, *OF_PASSWORD) else NOTICES_MAX


def token_of(mail_id: str, kind: MailKind, secret: bytes) -> str:
    """The token in the link of that mail.

    It can be made again for a mail that is sent again, so none has to wait anywhere in between.
    """
    return base64url.encode(hmac.digest(secret, f"{kind}:{mail_id}".encode(), "sha256"))


def hash_of(token: str) -> bytes:
    """What is stored of a token. A fast hash will do: nobody guesses 256 bits."""
    return hashlib.sha256(token.encode()).digest()


def giving_way(asked: Iterable[Asked], now: datetime) -> Sequence[str]:
    """The oldest open links, which end when one more is asked for. Raises `TooManyLinks`."""
    by_age = sorted(asked, key=lambda each: each.at)
    recent = [each for each in by_age if now - each.at < ASKED_WITHIN]
    if len(recent) >= ASKED_MAX:
        left = recent[-ASKED_MAX].at + ASKED_WITHIN - now
        raise TooManyLinks(max(1, -(-left // timedelta(seconds=1))))
    still = [each.id for each in by_age if each.is_open]
    return still[: max(0, len(still) - LIVE_MAX + 1)]


def check_sent(sent: Sent | None) -> Sent:
    """What was sent, if the account may still use it. Raises `OneTimeTokenInvalid`.

    It must still have the address, in any case, unless the link is what gives it that.
    """
    if sent is None or sent.user.status is not Status.ACTIVE:
        raise OneTimeTokenInvalid
    if sent.kind is not MailKind.CHANGE_EMAIL and sent.email.lower() != sent.user.email.lower():
        raise OneTimeTokenInvalid
    return sent
