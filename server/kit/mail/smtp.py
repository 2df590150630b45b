"""Hands mails to an SMTP server."""

from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from server.kit.mail.mailer import Deferred
from server.kit.outbox import Away, Refused
from server.kit.telemetry import brief
from server.settings import SettingsError

_PERMANENT = 500  # SMTP's replies from here on are for good


class SmtpMailer:
    """A `Mailer` by SMTP, with a connection for each mail.

    `url` is `smtps://USER:PASSWORD@HOST:PORT`, TLS from the first byte, or `smtp://`, which must
    become TLS by STARTTLS before anything is said, unless `starttls` is off. Certificates are
    verified. `timeout_seconds` is for each step of the conversation.
    """

    def __init__(self, url: str, *, starttls: bool, timeout_seconds: float) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host:  # without a cause, whose text holds the URL
            raise SettingsError("SMTP_URL must be smtp[s]://[USER:PASSWORD@]HOST[:PORT]")
        self._host, self._timeout_seconds = host, timeout_seconds
        self._use_tls = parts.scheme == "smtps"
        self._starttls = starttls and not self._use_tls
        self._port = port or (465 if self._use_tls else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    async def send(self, message: EmailMessage, name: str) -> None:
        """See `Mailer`."""
        try:
            await aiosmtplib.send(
                message,
                hostname=self._host,
                port=self._port,
                username=self._user or None,
                password=self._password or None,
                use_tls=self._use_tls,
                start_tls=self._starttls,
                timeout=self._timeout_seconds,
            )
        # Each without its cause, whose text may hold addresses.
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _of_this_mail(min(each.code for each in error.recipients)) from None
        except aiosmtplib.SMTPDataError as error:
            raise _of_this_mail(error.code) from None
        except (TimeoutError, aiosmtplib.SMTPException, OSError) as error:
            raise Away(f"smtp: {_told(error)}") from None


def _of_this_mail(code: int) -> Exception:
    said = f"smtp: the server answered {code}"
    return Refused(said) if code >= _PERMANENT else Deferred(said)


def _told(error: Exception) -> str:
    code = getattr(error, "code", None)
    return f"{brief(error)} ({code})" if code else brief(error)
