"""How many mails an address gets, whoever caused them and whatever accounts they made for it."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from server.kit.postgres.transaction import UnitOfWork
from server.user.email_links.rules import (
    MAILED_WITHIN,
    TooManyMails,
    counted_as,
    mails_max,
)
from server.user.mail.rules import MailKind, MailRequest
from server.user.throttling.rules import Failures


class Counts(Protocol):
    """What is counted by keys until it expires: `throttling`'s `PostgresFailureStore`."""

    async def find(self, keys: Sequence[bytes], now: datetime) -> Mapping[bytes, Failures]:
        """What still counts."""

    async def add(
        self, keys: Sequence[bytes], now: datetime, expires_at: datetime
    ) -> Mapping[bytes, Failures]:
        """Counts one more for each key, and gives what there is so far."""

    async def add_in(
        self, unit: UnitOfWork, key: bytes, now: datetime, expires_at: datetime
    ) -> Failures:
        """As `add`, if the unit of work is committed."""


class Recipients:
    """Counts mails by a hash of the address, keyed with `secret`, so that nobody reads one from it.

    An erasure leaves the counts, which end within the hour: who signs up with somebody's address
    and deletes the account would else begin anew.
    """

    def __init__(self, counts: Counts, secret: bytes, now: Callable[[], datetime]) -> None:
        self._counts = counts
        self._secret = secret
        self._now = now

    async def may_get(self, kind: MailKind, to: str) -> bool:
        """Whether the address has room for one more; what was asked for by `ask` has it."""
        if kind is MailKind.CHANGE_EMAIL:
            return True
        key, now = self._key(kind, to), self._now()
        counted = (await self._counts.find([key], now)).get(key)
        return counted is None or counted.count < mails_max(kind)

    async def count(self, kind: MailKind, to: str) -> None:
        """Counts one that is about to be sent."""
        if kind is not MailKind.CHANGE_EMAIL:
            now = self._now()
            await self._counts.add([self._key(kind, to)], now, now + MAILED_WITHIN)

    async def ask(self, unit: UnitOfWork, mail: MailRequest) -> None:
        """Counts in the unit of work that asks for it. Raises `TooManyMails`, and counts none."""
        now = self._now()
        key = self._key(mail.kind, mail.email)
        counted = await self._counts.add_in(unit, key, now, now + MAILED_WITHIN)
        if counted.count > mails_max(mail.kind):
            raise TooManyMails(counted.expires_at - now)

    def _key(self, kind: MailKind, to: str) -> bytes:
        counted = f"{counted_as(kind)}\0{to.lower()}"
        return hmac.digest(self._secret, counted.encode(), "sha256")
