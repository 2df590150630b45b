"""Sends the mails that events of orders ask for: one of the outbox's destinations."""

from collections.abc import Callable, Sequence

import structlog

from server.kit import errors
from server.kit.mail import Mailer
from server.kit.outbox import Away, Event
from server.order.mail.letters import Letters
from server.order.mail.rules import MailRequest, is_written_to
from server.order.mail.store import SentMails
from server.order.neighbours import BuyerNotFound, Users
from server.order.orders.rules import Order, OrderNotFound
from server.order.orders.store import OrderStore

_log = structlog.get_logger()


class MailDestination:
    """An `outbox.Destination` that sends the mails among the events, one after the other.

    A mail is sent once however often its event comes; a process that dies between handing it on and
    keeping that it has leaves it to be sent again, with the Message-ID that it had. Mails go to
    addresses that were shown to be their owner's, and to no others: whoever signs up with another's
    has it written nothing. `decode` gives what an event asks for, and None where it is no mail.
    """

    name = "mail"

    def __init__(
        self,
        orders: OrderStore,
        users: Users,
        sent: SentMails,
        mailer: Mailer,
        letters: Letters,
        decode: Callable[[Event], MailRequest | None],
    ) -> None:
        self._orders = orders
        self._users = users
        self._sent = sent
        self._mailer = mailer
        self._letters = letters
        self._decode = decode

    async def send(self, events: Sequence[Event]) -> None:
        """See `outbox.Destination`. Of a batch that failed half-way the rest is sent."""
        wanted = {mail.id: mail for event in events if (mail := self._decode(event))}
        if not wanted:
            return
        sent = await self._sent.among(wanted)
        for mail_id, mail in wanted.items():
            if mail_id not in sent:
                await self._send(mail)

    async def _send(self, mail: MailRequest) -> None:
        try:
            order = await self._orders.get(mail.order_id, None)
        except OrderNotFound:
            order = None
        to = await self._address(order) if order and is_written_to(order) else None
        if order is None or to is None:
            _log.info("mail.not_sent", kind=mail.kind.value, mail_id=mail.id)
            return
        message = self._letters.write(mail, order, to)
        await self._mailer.send(message, f"{mail.occurred_at:%Y%m%dT%H%M%S.%fZ}-{mail.id}")
        await self._sent.keep(mail.id)
        _log.info("mail.sent", kind=mail.kind.value, mail_id=mail.id)

    async def _address(self, order: Order) -> str | None:
        """The buyer's, if it is known to be theirs."""
        try:
            buyer = await self._users.get(order.user_id or "")
        except BuyerNotFound:
            return None
        except errors.Unavailable as error:
            raise Away(f"user: {error}") from error
        return buyer.email if buyer.email_verified else None
