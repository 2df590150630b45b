"""A user service whose outbox is sent on, with neighbours that a test can send away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from prometheus_client import CollectorRegistry

import emporium
from emporium.user.v1 import personal_data_service_pb2 as pb
from server.kit import auth, outbox, postgres
from server.kit.context import Role
from server.kit.exporting import Held, to_part
from server.kit.mongo import Database
from server.kit.outbox import OutboxMetrics
from server.kit.postgres import Pool
from server.settings import Mail, Tokens
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.app import registrations
from server.user.app.callers import standings
from server.user.app.destinations import ending_sessions, erasing_neighbours, mail_destination
from server.user.events.encoding import to_outbox
from server.user.neighbours.personal_data import Neighbour
from server.user.passwords.hashing import hashing
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.user.conftest import CHEAPEST_BCRYPT, unheard
from tests.server.user.doors import Door
from tests.server.user.samples import HASH, opened
from tests.waiting import until

WHEN = datetime(2026, 5, 17, 12, tzinfo=UTC)


@dataclass
class FakeNeighbour:
    """Another service, as the client shows it: erases, and hands out records."""

    store: str
    names: Sequence[str]
    is_away: bool = False
    erased: list[str] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)

    async def erase(
        self, user_id: str, erased_at: datetime, *, timeout_seconds: float | None = None
    ) -> emporium.ErasureReceipt:
        self._answer()
        self.erased.append(user_id)
        receipt = emporium.ErasureReceipt(store=self.store, erased={"things": 3})
        receipt.completed_at.FromDatetime(WHEN)
        return receipt

    async def export(
        self,
        user_id: str,
        *,
        part: str = "",
        page_token: str = "",
        timeout_seconds: float | None = None,
    ) -> Sequence[emporium.ExportedPart]:
        self._answer()
        wanted = [part] if part else self.names
        rows = [("", record) for record in self.records]
        return [await to_part(name, Held(rows, len(rows))) for name in wanted]

    def _answer(self) -> None:
        if self.is_away:
            raise emporium.Unavailable("nobody answers")


class NoMailer:
    """Every mail stays where it is."""

    async def send(self, *_: object) -> None:
        raise outbox.Away("no mailer")


@dataclass
class Running:
    """A service with an outbox that is sent on while `relaying` lasts."""

    anyone: Door
    admin: Door
    pool: Pool
    dsn: str
    mongo: Database
    order: FakeNeighbour
    analytics: FakeNeighbour
    signer: auth.Signer

    @property
    def others(self) -> Sequence[Neighbour]:
        return [
            Neighbour(name, each.store, each.names, each.erase, each.export)
            for name, each in (("order", self.order), ("analytics", self.analytics))
        ]

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        mailer: Any = NoMailer()
        destinations: list[outbox.Destination] = [
            ending_sessions(self.pool, self.mongo, lambda: None),
            mail_destination(self.pool, mailer, self.signer, Mail()),
            *erasing_neighbours(self.pool, self.others),
        ]
        metrics = OutboxMetrics(CollectorRegistry())
        async with outbox.relaying(self.pool, self.dsn, destinations, metrics=metrics):
            yield

    async def erasure(self, user_id: str) -> pb.Erasure:
        found: pb.Erasure = await self.admin("GetErasure", pb.GetErasureRequest(user_id=user_id))
        return found

    async def erased(self, user_id: str) -> pb.Erasure:
        """The erasure, once every store is done."""

        async def is_complete() -> bool:
            return (await self.erasure(user_id)).complete

        await until(is_complete)
        return await self.erasure(user_id)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(
    new_database: NewDatabase,
    user_mongo: Database,
    signer: auth.Signer,
    token: Token,
    serve: Serve,
) -> AsyncIterator[Running]:
    settings = await new_database("user")
    order = FakeNeighbour("order/postgres", ("orders",))
    analytics = FakeNeighbour("analytics/mongodb", ("activity", "sales"))
    async with (
        postgres.connected(settings) as pool,
        hashing(CHEAPEST_BCRYPT, 2) as hasher,
        standings(pool, unheard(pool)) as accounts,
    ):
        admin = opened(role=Role.ADMIN)
        store = PostgresUserStore(pool, encode=to_outbox, wake=lambda: None)
        await store.create(admin, HASH, None, b"")
        nobody: Any = None
        made = Running(
            nobody, nobody, pool, settings.database_url, user_mongo, order, analytics, signer
        )
        served = registrations(
            pool,
            user_mongo,
            hasher,
            signer,
            lambda: None,
            accounts,
            Tokens(),
            others=made.others,
        )
        async with serve(served, accounts) as channel:
            made.anyone = Door(channel)
            made.admin = Door(channel, token("ADMIN", admin.user.id))
            async with made.relaying():
                await asyncio.sleep(0)  # which registers them: from now on events wait for them
            yield made
