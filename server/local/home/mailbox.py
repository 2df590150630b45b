"""The mails in a home: what services sent without an SMTP server."""

import email
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from server.local.home.folder import Home
from server.local.home.record import read


@dataclass(frozen=True)
class StoredMail:
    """A mail, under an id that sorts by time."""

    id: str
    message: EmailMessage


def folder(directory: Path) -> Path:
    """Where the mails of the home in `directory` lie, which may be on a RAM disk while it runs.

    Raises `LocalError` where there is no home.
    """
    home = Home.existing(directory)
    record = read(home)
    if record and record.is_alive and record.data:
        return Home(directory, Path(record.data)).mailbox
    return home.mailbox


def listed(mailbox: Path) -> list[StoredMail]:
    """All mails, the newest first."""
    return list(_stored(mailbox))


def _stored(mailbox: Path) -> Iterator[StoredMail]:
    for file in sorted(mailbox.glob("*.eml"), reverse=True):
        with suppress(FileNotFoundError):  # so many have come meanwhile that it was let go
            content = file.read_bytes()
            yield StoredMail(file.stem, email.message_from_bytes(content, policy=default))
