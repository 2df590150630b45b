"""An SMTP server in this process, which keeps what it takes."""

import asyncio
import email
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP


@dataclass
class Inbox:
    """The mails that arrived, and what the server says to the next ones."""

    port: int = 0
    mails: "asyncio.Queue[EmailMessage]" = field(default_factory=asyncio.Queue)
    # By address, what is said instead of taking a mail; each once.
    refusals: dict[str, list[str]] = field(default_factory=dict)
    senders: list[str] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.senders.append(address)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.refusals.get(address):
            return f"{self.refusals[address].pop(0)} <{address}> not now"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's
        message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        assert message["To"] == ", ".join(envelope.rcpt_tos)
        await self.mails.put(message)
        return "250 OK"

    async def next(self) -> EmailMessage:
        """The next mail, once it has arrived."""
        async with asyncio.timeout(30):
            return await self.mails.get()


@asynccontextmanager
async def receiving(inbox: Inbox) -> AsyncIterator[None]:
    """Takes mails into `inbox` while the block runs, at its port or any free one."""
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(inbox, hostname="localhost"), "127.0.0.1", inbox.port
    )
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
