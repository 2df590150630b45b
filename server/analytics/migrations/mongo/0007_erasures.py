"""Keep who was erased, find what is held of a person, and let an order have no buyer any more."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_ERASURES = {
    "_id": {"bsonType": "string"},
    "erased_at": {"bsonType": "date"},
    "erased": {"bsonType": "object", "additionalProperties": {"bsonType": ["int", "long"]}},
}
_ORDERS = {
    "_id": {"bsonType": "binData"},
    "event_id": {"bsonType": "binData"},
    "version": {"bsonType": ["int", "long"], "minimum": 1},
    "state": {"enum": ["PLACED", "CANCELLED", "REFUNDED", "DELETED"]},
    "user_id": {"bsonType": "binData"},
    "order_date": {"bsonType": "long"},
    "total_price": {"bsonType": "decimal", "minimum": 0},
    "currency": {"bsonType": "string", "pattern": "^[A-Z]{3}$"},
    "units": {"bsonType": ["int", "long"], "minimum": 1},
    "occurred_at": {"bsonType": "long"},
    "recorded_at": {"bsonType": "date"},
}
_NOBODY = UUID(int=0)


async def upgrade(database: "Target") -> None:
    """Creates the collection of tombstones, and indexes by person; `user_id` may be missing."""
    schema = {
        "bsonType": "object",
        "required": [*_ERASURES],
        "properties": {**_ERASURES, "completed_at": {"bsonType": "date"}},
        "additionalProperties": False,
    }
    await database.ensure_collection("erasures", schema)
    await _index(database, "erasures", {"erased_at": 1}, "by_time")
    await _index(database, "events", {"user_id": 1, "_id": 1}, "by_user")
    await _index(database, "orders", {"user_id": 1, "_id": 1}, "by_user")
    await database.ensure_collection("orders", _orders(but_for="user_id"))


async def downgrade(database: "Target") -> None:
    """Drops all of that. Anonymous orders get an id that nobody has; whose they were is gone."""
    orders = database.collection("orders")
    await orders.update_many({"user_id": {"$exists": False}}, {"$set": {"user_id": _NOBODY}})
    await database.ensure_collection("orders", _orders())
    for name in ("orders", "events"):
        await database.command("dropIndexes", name, index="by_user")
    await database.collection("erasures").drop()


async def _index(database: "Target", collection: str, key: dict[str, int], name: str) -> None:
    await database.command("createIndexes", collection, indexes=[{"key": key, "name": name}])


def _orders(but_for: str = "") -> dict[str, Any]:
    required = [name for name in _ORDERS if name != but_for]
    return {"bsonType": "object", "required": required, "properties": _ORDERS}
