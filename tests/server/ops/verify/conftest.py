"""Both databases of a shop, of their own, as an operator has them."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from emporium.analytics.v1.domain_event_service_pb2 import RecordDomainEventsRequest
from emporium.type.v1.domain_event_pb2 import DomainEvent
from server.analytics.migrations import mongo as migrations
from server.analytics.sales import wire
from server.analytics.sales.store import MongoSalesStore
from server.kit import mongo as kit_mongo
from server.kit import postgres
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.kit.wire import timestamp
from server.local.engines.mongo import EmbeddedMongo
from server.ops.verify import verified
from server.ops.verify.report import Report
from server.order.app import order_store
from server.order.orders.rules import Status, deleted, moved
from server.settings import Mongo, Postgres
from tests.server.conftest import NewDatabase
from tests.server.order.samples import act, line, placed

_OUTBOX = """
    SELECT id::text, aggregate_type, aggregate_id::text, aggregate_version, event_type, payload,
           occurred_at
    FROM outbox WHERE aggregate_type = 'order' ORDER BY aggregate_id, aggregate_version
"""


@dataclass
class Shop:
    """Both databases, and the orders that both know."""

    pool: Pool
    database: Database
    settings: Postgres
    mongodb: Mongo
    ids: list[str]
    sandbox_url: str = ""

    async def deliver(self) -> None:
        """Has analytics know of all that has happened."""
        rows = await self.pool.fetch(_OUTBOX)
        events = [
            DomainEvent(
                id=row["id"],
                aggregate_type=row["aggregate_type"],
                aggregate_id=row["aggregate_id"],
                aggregate_version=row["aggregate_version"],
                type=row["event_type"],
                payload=row["payload"],
                occurred_at=timestamp(row["occurred_at"]),
            )
            for row in rows
        ]
        told = await wire.from_domain_events(RecordDomainEventsRequest(events=events))
        await MongoSalesStore(self.database).record(told)
        await self.pool.execute("DELETE FROM outbox_deliveries")

    async def plant(self, number: int, **fields: Any) -> None:
        """Has analytics keep something else of an order."""
        wanted = {"_id": uuid.UUID(self.ids[number])}
        await self.database.collection("orders").update_one(wanted, {"$set": fields})

    async def verified(self, *, repair: bool = False) -> Report:
        url = self.settings.database_url
        return await verified(url, self.mongodb, self.sandbox_url, repair=repair, looks_max=3)

    async def kinds(self, *, repair: bool = False) -> set[tuple[str, str]]:
        return {(each.what, each.kind) for each in (await self.verified(repair=repair)).drifts}


@pytest_asyncio.fixture
async def empty_shop(new_database: NewDatabase, mongo: EmbeddedMongo) -> AsyncIterator[Shop]:
    settings = await new_database("order")
    name = f"emporium_analytics_{uuid.uuid4().hex[:8]}"
    await migrations.upgrade(mongo.uri, name)
    mongodb = Mongo(mongodb_uri=mongo.uri, mongodb_database=name)
    async with postgres.connected(settings) as pool, kit_mongo.connected(mongodb) as database:
        yield Shop(pool, database, settings, mongodb, [])


@pytest_asyncio.fixture
async def shop(empty_shop: Shop) -> Shop:
    """With ten orders."""
    orders, ids = order_store(empty_shop.pool, lambda: None), empty_shop.ids
    for number in range(10):
        new = placed(line(price=f"{number}.50", quantity=2), line())
        await orders.create(new, None, b"")
        ids.append(new.order.id)
    for number, status in ((8, Status.CANCELLED), (9, Status.CANCELLED)):
        await orders.update(ids[number], None, lambda each, to=status: moved(each, to, act()))  # type: ignore[misc]  # a default
    await orders.delete(ids[9], None, lambda each: deleted(each, "", act()))
    await empty_shop.deliver()
    return empty_shop
