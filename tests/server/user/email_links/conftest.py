"""A user service that sends its mails to an SMTP server in this process."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest_asyncio
from prometheus_client import CollectorRegistry

from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit import auth, outbox, postgres
from server.kit.context import Role
from server.kit.mail import mailer_of
from server.kit.mongo import Database
from server.kit.outbox import OutboxMetrics
from server.kit.postgres import Pool
from server.settings import Mail, Postgres, Tokens
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.accounts.wire import to_user
from server.user.app import registrations
from server.user.app.callers import standings
from server.user.app.destinations import mail_destination
from server.user.events.encoding import to_outbox
from server.user.passwords.hashing import hashing
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.kit.mail.smtp_server import Inbox, receiving
from tests.server.user.conftest import unheard
from tests.server.user.doors import Door
from tests.server.user.samples import HASH, opened

CHEAPEST_BCRYPT = 4


@dataclass
class Shop:
    """The service's database, its door, and where its mails arrive."""

    postgres: Postgres
    pool: Pool
    anyone: Door
    admin: Door
    inbox: Inbox
    signer: auth.Signer

    async def person(self, **fields: Any) -> user_pb.User:
        """Somebody with `PASSWORD`, whose account is known to be theirs; no mail tells of it."""
        new = opened(**fields)
        await PostgresUserStore(self.pool, to_outbox, lambda: None).create(new, HASH, None, b"")
        return to_user(new.user)

    def relaying(self) -> AbstractAsyncContextManager[outbox.Wake]:
        """Sends the mails while the block runs."""
        mail = Mail(smtp_url=f"smtp://127.0.0.1:{self.inbox.port}", smtp_starttls=False)
        return outbox.relaying(
            self.pool,
            self.postgres.database_url,
            [mail_destination(self.pool, mailer_of(mail), self.signer, mail)],
            metrics=OutboxMetrics(CollectorRegistry()),
        )


def token_in(mail: EmailMessage) -> str:
    """The token that a mail holds."""
    found = re.search(r"^Token: (\S{43})\r?$", mail.get_content(), re.MULTILINE)
    assert found, mail.get_content()
    return found[1]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(
    new_database: NewDatabase,
    user_mongo: Database,
    signer: auth.Signer,
    serve: Serve,
    token: Token,
) -> AsyncIterator[Shop]:
    """The service; nothing sends its mails yet."""
    settings = await new_database("user")
    async with (
        postgres.connected(settings) as pool,
        hashing(CHEAPEST_BCRYPT, 2) as hasher,
        standings(pool, unheard(pool)) as accounts,
        serve(
            registrations(pool, user_mongo, hasher, signer, lambda: None, accounts, Tokens()),
            accounts,
        ) as channel,
    ):
        admin = opened(role=Role.ADMIN)
        await PostgresUserStore(pool, to_outbox, lambda: None).create(admin, HASH, None, b"")
        inbox = Inbox()
        async with receiving(inbox):
            pass  # finds a free port
        door = Door(channel, token("ADMIN", admin.user.id), admin.user.id)
        made = Shop(settings, pool, Door(channel), door, inbox, signer)
        async with made.relaying():
            pass  # from now on what is told waits for it
        yield made


@pytest_asyncio.fixture
async def inbox(shop: Shop) -> AsyncIterator[Inbox]:
    """Where mails arrive, sent at once."""
    async with receiving(shop.inbox), shop.relaying():
        yield shop.inbox
