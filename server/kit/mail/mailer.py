"""What takes charge of mails."""

from email.message import EmailMessage
from typing import Protocol


class Mailer(Protocol):
    """Hands on mails."""

    async def send(self, message: EmailMessage, name: str) -> None:
        """Hands on `message`; returns when somebody else has taken charge of it.

        A mail of the same `name` may have been handed on before; `name` sorts by time.

        Raises `outbox.Refused` when this mail can never be taken, `outbox.Away` when no mail can
        be now, and `Deferred` when this one may be taken later. None repeats an address.
        """


class Deferred(Exception):
    """The mail is not taken now, and may be later."""
