"""Create the events of orders, each by its id: the mark that it has been counted."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_FIELDS = {
    "_id": {"bsonType": "binData"},
    "kind": {"enum": ["PLACED", "CANCELLED", "REFUNDED", "DELETED"]},
    "order_id": {"bsonType": "binData"},
    "user_id": {"bsonType": "binData"},
    "order_date": {"bsonType": "date"},
    "total_price": {"bsonType": "decimal", "minimum": 0},
    "currency": {"bsonType": "string", "pattern": "^[A-Z]{3}$"},
    "units": {"bsonType": ["int", "long"], "minimum": 1},
    "was_cancelled": {"bsonType": "bool"},
    "occurred_at": {"bsonType": "date"},
    "recorded_at": {"bsonType": "date"},
}


async def upgrade(database: "Target") -> None:
    """Creates the collection. Nothing is looked up in it but ids."""
    schema = {"bsonType": "object", "required": [*_FIELDS], "properties": _FIELDS}
    await database.ensure_collection("order_events", schema)


async def downgrade(database: "Target") -> None:
    """Drops it, with everything in it."""
    await database.collection("order_events").drop()
