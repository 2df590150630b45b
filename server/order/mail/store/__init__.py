"""Where it is kept which mails were sent: the interface of a store."""

from collections.abc import Collection
from typing import Protocol


class SentMails(Protocol):
    """The mails that were handed on, for as long as their events can come again."""

    async def among(self, mail_ids: Collection[str]) -> Collection[str]:
        """Those of them that were sent."""

    async def keep(self, mail_id: str) -> None:
        """Keeps that it was sent, if it is not known yet."""
