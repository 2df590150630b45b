"""Hands on mails: to an SMTP server, or into a folder where none is named."""

from server.kit.mail.mailbox import MailboxMailer
from server.kit.mail.mailer import Deferred, Mailer
from server.kit.mail.messages import Sender
from server.kit.mail.smtp import SmtpMailer
from server.settings import Mail

__all__ = ["Deferred", "MailboxMailer", "Mailer", "Sender", "SmtpMailer", "mailer_of"]


def mailer_of(settings: Mail) -> Mailer:
    """By SMTP where a server is named, else into a folder. Raises `SettingsError`."""
    if not settings.smtp_url:
        return MailboxMailer(settings.mailbox_folder)
    return SmtpMailer(
        settings.smtp_url,
        starttls=settings.smtp_starttls,
        timeout_seconds=settings.smtp_timeout_seconds,
    )
