"""Every table and collection says what an erasure does about it, so that none is forgotten."""

import asyncio
import importlib
import uuid

import asyncpg
import pytest
from pymongo import AsyncMongoClient

from server.local.engines.mongo import EmbeddedMongo
from server.services import SERVICES
from tests.server.conftest import NewDatabase

OF_NOBODY = "holds nothing of a person"
PROOF = "what was erased, and when; its id leads nowhere"
OUTBOX = "erased, or rewritten, by the events that hold something of the person"
DELIVERIES = "goes with its event"
AUDIT = "ids alone, until it is old; the key of what is more goes with the account"
WAITING = "goes to the audit log within seconds; what is refused there has ids alone"
ANSWERS = "erased by whom an answer is about, and by who has asked"

# A new one: give it a part of the erasure (`server/<service>/app.py`), one of the export where a
# person would want it, plant something in `tests/e2e/test_erasure.py`, and say so here.
CONSIDERED = {
    "user": {
        "alembic_version": OF_NOBODY,
        "users": "erased with the account",
        "one_time_tokens": "erased: mailed_links",
        "api_keys": "erased",
        "totp_secrets": "erased: second_factors",
        "recovery_codes": "erased",
        "login_failures": "keyed hashes, which go after some hours",
        "revocations": "the id, until the last token has run out",
        "audit_logs": AUDIT,
        "audit_origins": AUDIT,
        "audit_keys": "erased with the account",
        "idempotency_keys": ANSWERS,
        "outbox": OUTBOX,
        "outbox_blocks": DELIVERIES,
        "outbox_deliveries": DELIVERIES,
        "outbox_destinations": OF_NOBODY,
        "erasures": PROOF,
        "erasure_receipts": PROOF,
    },
    "user, MongoDB": {
        "schema_steps": OF_NOBODY,
        "locks": OF_NOBODY,
        "sessions": "erased",
        "erasures": PROOF,
    },
    "order": {
        "alembic_version": OF_NOBODY,
        "price_breaks": OF_NOBODY,
        "products": OF_NOBODY,
        "stock": OF_NOBODY,
        "stock_movements": "ids alone, of orders and of staff, which lead nowhere in the end",
        "promotions": OF_NOBODY,
        "promotion_uses": "erased: whose order it was; the use stays counted",
        "tax_rates": OF_NOBODY,
        "categories": OF_NOBODY,
        "product_categories": OF_NOBODY,
        "orders": "anonymised",
        "address_books": "erased",
        "addresses": "erased",
        "carts": "erased; those of nobody go by the clock, with a hash of where they were made",
        "payments": OF_NOBODY,
        "payment_operations": "reasons go with the buyer, by a trigger; else ids alone, of staff",
        "payment_notices": OF_NOBODY,
        "ledger_entries": OF_NOBODY,
        "sent_mails": OF_NOBODY,
        "order_items": "what was sold, by the names of products",
        "order_notes": "erased on the person's orders, and the person as staff",
        "order_moves": "erased: reasons of the person's orders, and the person as staff",
        "shipping_methods": OF_NOBODY,
        "shipments": "anonymised, without their tracking numbers",
        "shipment_items": "what was sent, by its line of the order",
        "webhooks": OF_NOBODY,
        "webhook_routes": OF_NOBODY,
        "webhook_messages": "anonymised, as the events that wait; for 7 days",
        "webhook_deliveries": OF_NOBODY,
        "tracking_events": "erased: where the person's shipments were, and what was noted",
        "returns": "anonymised, without their comments",
        "return_items": "what came back, by its line of the order",
        "return_moves": "erased: reasons of the person's returns, and the person as staff",
        "audit_waiting": WAITING,
        "idempotency_keys": ANSWERS,
        "outbox": OUTBOX,
        "outbox_blocks": DELIVERIES,
        "outbox_deliveries": DELIVERIES,
        "outbox_destinations": OF_NOBODY,
        "erasures": PROOF,
    },
    "analytics, MongoDB": {
        "schema_steps": OF_NOBODY,
        "locks": OF_NOBODY,
        "events": "erased: activity",
        "orders": "anonymised: sales",
        "sales_daily": OF_NOBODY,
        "audit_waiting": WAITING,
        "idempotency_keys": ANSWERS,
        "erasures": PROOF,
    },
}


async def test_every_table_is_considered(new_database: NewDatabase) -> None:
    for service in SERVICES:
        if not service.postgres:
            continue
        settings = await new_database(service.name)
        connection = await asyncpg.connect(settings.database_url)
        rows = await connection.fetch(
            "SELECT relname FROM pg_class"
            " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
        await connection.close()
        assert {row[0] for row in rows} == {*CONSIDERED[service.name]}, service.name


async def test_every_collection_is_considered(mongo: EmbeddedMongo) -> None:
    for service in SERVICES:
        if not service.mongo:
            continue
        name = f"emporium_personal_{uuid.uuid4().hex[:8]}"
        steps = await asyncio.to_thread(importlib.import_module, service.migrations("mongo"))
        await steps.upgrade(mongo.uri, name)
        async with AsyncMongoClient[dict[str, object]](mongo.uri) as client:
            found = await client[name].list_collection_names()
        assert {*found} <= {*CONSIDERED[f"{service.name}, MongoDB"]}, service.name


@pytest.mark.parametrize("where", CONSIDERED)
def test_what_is_considered_belongs_to_a_service(where: str) -> None:
    assert where.partition(",")[0] in {service.name for service in SERVICES}
