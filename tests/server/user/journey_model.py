"""The accounts and sessions that a journey knows of, and the service that it calls."""

import asyncio
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import grpc

from server.kit.postgres import Pool
from tests.server.refusals import Refused
from tests.server.user.doors import Door
from tests.waiting import until

DONE = ""


@dataclass
class Mailbox:
    """A `Mailer` that keeps what it is given, newest last."""

    mails: list[EmailMessage] = field(default_factory=list)

    async def send(self, message: EmailMessage, name: str) -> None:
        self.mails.append(message)


@dataclass
class Shop:
    """The running user service, its admin, its mails, and its loop, which is another thread's."""

    anyone: Door
    admin: Door
    pool: Pool
    mailbox: Mailbox
    loop: asyncio.AbstractEventLoop

    def run(self, work: Any) -> Any:
        """What a coroutine comes to, waited for in the machine's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def call(self, door: Door, name: str, request: Any) -> Any:
        """An answer, or what the refusal said."""

        async def called() -> Any:
            try:
                return await door(name, request)
            except grpc.aio.AioRpcError as error:
                return Refused(error)

        return self.run(called())

    def settle(self) -> None:
        """Returns when all that was told has been heeded: ended sessions, sent mails."""

        async def nothing_waits() -> bool:
            query = "SELECT NOT EXISTS (SELECT FROM outbox_deliveries)"
            return bool(await self.pool.fetchval(query))

        self.run(until(nothing_waits))


@dataclass
class Session:
    """A session in the model: its refresh tokens, oldest first, and its access token."""

    account: "Account" = field(repr=False)
    id: str
    tokens: list[str]
    access: str
    spent_at: float = 0.0
    is_alive: bool = True


@dataclass
class Account:
    """An account in the model."""

    id: str
    email: str
    password: str
    role: str = "CUSTOMER"
    is_active: bool = True
    is_verified: bool = False
    is_link_used: bool = False
    is_password_proven: bool = False
    is_deleted: bool = False
    sessions: list[Session] = field(default_factory=list)

    @property
    def may_sign_in(self) -> bool:
        return self.is_active and not self.is_deleted

    def end_sessions(self, but: Session | None = None) -> None:
        for session in self.sessions:
            session.is_alive &= session is but


def reason(answer: Any) -> str:
    """Why it was refused; `DONE` when it was not."""
    return answer.reason if isinstance(answer, Refused) else DONE
