"""Mails as messages of the Internet (RFC 5322), before they have their words."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from server.settings import SettingsError


class Sender:
    """Begins the mails from `sender`, such as `Emporium <shop@example.com>`.

    Raises `SettingsError`.
    """

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._domain = _domain(sender)

    def message(
        self, to: str, subject: str, occurred_at: datetime, mail_id: str = ""
    ) -> EmailMessage:
        """A mail without its text. No header can hold another: the policy refuses line breaks.

        One with a `mail_id` has the same Message-ID however often it is sent, by which a mailbox
        may know it again.
        """
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        local, _, domain = to.rpartition("@")
        message["To"] = Address(username=local, domain=domain)  # quotes what needs it
        message["Subject"] = subject
        message["Date"] = format_datetime(occurred_at)
        message["Message-ID"] = (
            f"<{mail_id}@{self._domain}>" if mail_id else make_msgid(domain=self._domain)
        )
        # Out-of-office replies and the like are not sent to it (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        return message


def _domain(sender: str) -> str:
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = sender
        [address] = message["From"].addresses
    except ValueError:  # none, several, or a line break
        address = None
    if not (address and address.username and address.domain):
        raise SettingsError("MAIL_FROM must be one address, such as Shop <shop@example.com>")
    return str(address.domain)
