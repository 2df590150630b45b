"""Keep of sessions which version the account had when they began; before, they did not say."""

from typing import TYPE_CHECKING, Any

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
_VERSION = {"account_version": {"bsonType": ["int", "long"]}}


async def upgrade(database: "Target") -> None:
    """Lets sessions say so."""
    await database.ensure_collection("sessions", _schema(_VERSION))


async def downgrade(database: "Target") -> None:
    """Drops what they say: the outbox alone ends them then."""
    await database.collection("sessions").update_many({}, {"$unset": {"account_version": ""}})
    await database.ensure_collection("sessions", _schema({}))


def _schema(more: dict[str, Any]) -> dict[str, Any]:
    return {
        "bsonType": "object",
        "required": [*_FIELDS],
        "properties": {**_FIELDS, **_AFTER_A_REFRESH, **more},
        "additionalProperties": False,
    }
