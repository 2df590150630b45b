"""Create the audit records that wait for the user service, each by its id."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_FIELDS = {"_id": {"bsonType": "binData"}, "event": {"bsonType": "binData"}}


async def upgrade(database: "Target") -> None:
    """Creates the collection. It is read in the order of its ids, the oldest first."""
    schema = {"bsonType": "object", "required": [*_FIELDS], "properties": _FIELDS}
    await database.ensure_collection("audit_waiting", schema)


async def downgrade(database: "Target") -> None:
    """Drops it, with what has not been sent."""
    await database.collection("audit_waiting").drop()
