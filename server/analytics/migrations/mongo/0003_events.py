"""Create the events of what people do, each by its id."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_FIELDS = {
    "_id": {"bsonType": "binData"},
    "user_id": {"bsonType": "string"},
    "type": {"bsonType": "string", "maxLength": 64},
    "occurred_at": {"bsonType": "date"},
    "properties": {
        "bsonType": "object",
        "maxProperties": 20,
        "additionalProperties": {"bsonType": "string", "maxLength": 512},
    },
    "content_hash": {"bsonType": "binData"},
    "recorded_at": {"bsonType": "date"},
}


async def upgrade(database: "Target") -> None:
    """Creates the collection. It is only written yet: whoever reads it first brings the index."""
    schema = {"bsonType": "object", "required": [*_FIELDS], "properties": _FIELDS}
    await database.ensure_collection("events", schema)


async def downgrade(database: "Target") -> None:
    """Drops it, with everything in it."""
    await database.collection("events").drop()
