"""Keeps mails in a folder, where nobody has an SMTP server: `emporium mail` shows them."""

import asyncio
import os
from email.message import EmailMessage
from pathlib import Path

from server.kit.outbox import Away
from server.kit.telemetry import brief

_KEPT_MAX = 1_000  # mails; the oldest go first
_LOOKED_AFTER = 50  # to look through the folder takes as long as ten mails


class MailboxMailer:
    """A `Mailer` that writes each mail to a file of its own, which only its owner can read.

    A file is there whole or not at all, and a mail that is sent again replaces itself. The oldest
    go with the first that this mailer writes, and with every fiftieth after it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    async def send(self, message: EmailMessage, name: str) -> None:
        """See `Mailer`."""
        try:
            await asyncio.to_thread(self._write, message.as_bytes(), f"{name}.eml")
        except OSError as error:
            raise Away(f"mailbox: {brief(error)}") from error

    def _write(self, content: bytes, name: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._folder / f".{name}.{os.getpid()}.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self._folder / name)
        self._count += 1
        if self._count % _LOOKED_AFTER == 1:
            self._forget()

    def _forget(self) -> None:
        for old in sorted(self._folder.glob("*.eml"))[:-_KEPT_MAX]:
            old.unlink(missing_ok=True)
