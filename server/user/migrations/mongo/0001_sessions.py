"""Create the sessions, each deleted when it has not been used for too long."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_FIELDS = {
    "_id": {"bsonType": "binData"},
    "user_id": {"bsonType": "string"},
    "device": {"bsonType": "string", "maxLength": 120},
    "address": {"bsonType": "string", "maxLength": 45},
    "created_at": {"bsonType": "date"},
    "last_seen_at": {"bsonType": "date"},
    "expires_at": {"bsonType": "date"},
    "token_hash": {"bsonType": "binData"},
}
_AFTER_A_REFRESH = {"spent_hash": {"bsonType": "binData"}, "spent_at": {"bsonType": "date"}}


async def upgrade(database: "Target") -> None:
    """Creates the collection, its expiry, and an index of whose the sessions are."""
    schema = {
        "bsonType": "object",
        "required": [*_FIELDS],
        "properties": {**_FIELDS, **_AFTER_A_REFRESH},
        "additionalProperties": False,
    }
    await database.ensure_collection("sessions", schema)
    indexes = [
        {"key": {"expires_at": 1}, "name": "expiry", "expireAfterSeconds": 0},
        {"key": {"user_id": 1}, "name": "by_user"},
    ]
    await database.command("createIndexes", "sessions", indexes=indexes)


async def downgrade(database: "Target") -> None:
    """Drops it: everybody has to sign in again."""
    await database.collection("sessions").drop()
