"""Sends the mails that wait in the outbox: one of its destinations."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from server.kit.mail import Mailer
from server.kit.outbox import Event
from server.user.email_links.rules import hash_of, token_of
from server.user.email_links.store import LinkStore
from server.user.email_links.store.recipients import Recipients
from server.user.mail.letters import Letters
from server.user.mail.rules import MailKind, MailRequest

_REMEMBERED_MAX = 1_000  # mails; a batch holds 500 events

_log = structlog.get_logger()


class MailDestination:
    """An `outbox.Destination` that sends the mails among the events, one after the other.

    At least once: a process that dies between sending a mail and saying so leaves it to be sent
    again. What there is no room for among `recipients` is not sent. `decode` gives what an event
    asks for, and None for events of anything else. The token of a link is made here, by `secret`;
    `lifetimes` are in seconds.
    """

    name = "mail"

    def __init__(
        self,
        store: LinkStore,
        recipients: Recipients,
        mailer: Mailer,
        letters: Letters,
        decode: Callable[[Event], MailRequest | None],
        secret: bytes,
        lifetimes: Mapping[MailKind, float],
    ) -> None:
        self._store = store
        self._recipients = recipients
        self._mailer = mailer
        self._letters = letters
        self._decode = decode
        self._secret = secret
        self._lifetimes = lifetimes
        self._sent: OrderedDict[str, None] = OrderedDict()  # ids, the latest last

    async def send(self, events: Sequence[Event]) -> None:
        """See `outbox.Destination`. Of a batch that failed half-way the rest is sent."""
        for event in events:
            mail = self._decode(event)
            if mail and mail.id not in self._sent:
                await self._send(mail)
                self._sent[mail.id] = None
                if len(self._sent) > _REMEMBERED_MAX:
                    self._sent.popitem(last=False)

    async def _send(self, mail: MailRequest) -> None:
        lifetime, token, to = self._lifetimes.get(mail.kind, 0), "", None
        has_room = await self._recipients.may_get(mail.kind, mail.email)
        if has_room and lifetime:
            token, now = token_of(mail.id, mail.kind, self._secret), datetime.now(UTC)
            expires_at = now + timedelta(seconds=lifetime)
            to = await self._store.issue(mail, hash_of(token), now, expires_at)
        elif has_room:
            to = mail.email if await self._store.address(mail.user_id) else None
        if to is None:
            _log.info("mail.not_sent", kind=mail.kind.value, mail_id=mail.id, has_room=has_room)
            return
        await self._recipients.count(mail.kind, to)
        message = self._letters.write(mail, to, token, lifetime)
        await self._mailer.send(message, f"{mail.occurred_at:%Y%m%dT%H%M%S.%fZ}-{mail.id}")
        _log.info("mail.sent", kind=mail.kind.value, mail_id=mail.id)
