"""Keep when people did something to the microsecond: as an integer, as dates have milliseconds.

What was kept before has no more than those.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_FIELDS = {
    "_id": {"bsonType": "binData"},
    "user_id": {"bsonType": "string"},
    "type": {"bsonType": "string", "maxLength": 64},
    "properties": {
        "bsonType": "object",
        "maxProperties": 20,
        "additionalProperties": {"bsonType": "string", "maxLength": 512},
    },
    "content_hash": {"bsonType": "binData"},
    "recorded_at": {"bsonType": "date"},
}

# Microseconds since 1970, which may be before it.
_MICROSECONDS = {"$multiply": [{"$toLong": "$occurred_at"}, 1_000]}
_BEYOND_MILLISECOND = {"$mod": [{"$add": [{"$mod": ["$occurred_at", 1_000]}, 1_000]}, 1_000]}
_MILLISECONDS = {"$divide": [{"$subtract": ["$occurred_at", _BEYOND_MILLISECOND]}, 1_000]}
# A quotient is a double, and beyond 2**53 microseconds the dividend was rounded to one.
_DATE = {"$toDate": {"$toLong": {"$round": [_MILLISECONDS, 0]}}}


async def upgrade(database: "Target") -> None:
    """Turns dates into integers. May run again: it finds only those that are dates still."""
    await _turn(database, "date", "long", _MICROSECONDS)


async def downgrade(database: "Target") -> None:
    """Turns integers into dates, and loses what is finer than a millisecond."""
    await _turn(database, "long", "date", _DATE)


async def _turn(database: "Target", before: str, after: str, value: dict[str, Any]) -> None:
    await database.ensure_collection("events", _schema([before, after]))
    events = database.collection("events")
    await events.update_many({"occurred_at": {"$type": before}}, [{"$set": {"occurred_at": value}}])
    await database.ensure_collection("events", _schema(after))


def _schema(occurred_at: str | list[str]) -> dict[str, Any]:
    # In the order in which the collection was made with them.
    fields = {**_FIELDS, "occurred_at": {"bsonType": occurred_at}}
    order = ("_id", "user_id", "type", "occurred_at", "properties", "content_hash", "recorded_at")
    properties = {name: fields[name] for name in order}
    return {"bsonType": "object", "required": [*properties], "properties": properties}
