"""Create the first answers to keyed changes, each deleted after 30 days."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_FIELDS = {
    "_id": {
        "bsonType": "object",
        "required": ["caller", "method", "key"],
        "properties": {name: {"bsonType": "string"} for name in ("caller", "method", "key")},
    },
    "body_hash": {"bsonType": "binData"},
    "answer": {"bsonType": "binData"},
    "created_at": {"bsonType": "date"},
}
_ABOUT_SOMEBODY = {"subject": {"bsonType": "string"}}
_SECONDS = 30 * 24 * 60 * 60


async def upgrade(database: "Target") -> None:
    """Creates the collection, its expiry, and an index of whom answers are about, for erasure."""
    schema = {
        "bsonType": "object",
        "required": [*_FIELDS],
        "properties": {**_FIELDS, **_ABOUT_SOMEBODY},
    }
    await database.ensure_collection("idempotency_keys", schema)
    indexes = [
        {"key": {"created_at": 1}, "name": "expiry", "expireAfterSeconds": _SECONDS},
        {"key": {"subject": 1}, "name": "by_subject", "sparse": True},
    ]
    await database.command("createIndexes", "idempotency_keys", indexes=indexes)


async def downgrade(database: "Target") -> None:
    """Drops it, with everything in it."""
    await database.collection("idempotency_keys").drop()
