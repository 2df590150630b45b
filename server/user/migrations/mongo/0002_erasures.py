"""Keep whose sessions were erased for good."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_FIELDS = {
    "_id": {"bsonType": "string"},
    "erased_at": {"bsonType": "date"},
    "erased": {"bsonType": "object", "additionalProperties": {"bsonType": ["int", "long"]}},
}


async def upgrade(database: "Target") -> None:
    """Creates the collection of tombstones."""
    schema = {
        "bsonType": "object",
        "required": [*_FIELDS],
        "properties": {**_FIELDS, "completed_at": {"bsonType": "date"}},
        "additionalProperties": False,
    }
    await database.ensure_collection("erasures", schema)
    index = {"key": {"erased_at": 1}, "name": "by_time"}
    await database.command("createIndexes", "erasures", indexes=[index])


async def downgrade(database: "Target") -> None:
    """Drops it."""
    await database.collection("erasures").drop()
