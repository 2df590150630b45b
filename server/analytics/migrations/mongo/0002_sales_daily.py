"""Create the daily sales, one document for each currency and day that orders were placed on."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_COUNT = {"bsonType": ["int", "long"]}
_AMOUNT = {"bsonType": "decimal"}
_FIELDS = {
    "_id": {"bsonType": "string", "pattern": "^[A-Z]{3}:[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "orders": _COUNT,
    "units": _COUNT,
    "gross": _AMOUNT,
    "cancelled_orders": _COUNT,
    "cancelled": _AMOUNT,
    "refunded_orders": _COUNT,
    "refunded": _AMOUNT,
}


async def upgrade(database: "Target") -> None:
    """Creates the collection. Figures may be below zero while an event is still on its way.

    Its `_id` begins with the currency, so that the days of a report stand side by side in the one
    index that every collection has.
    """
    schema = {"bsonType": "object", "required": [*_FIELDS], "properties": _FIELDS}
    await database.ensure_collection("sales_daily", schema)


async def downgrade(database: "Target") -> None:
    """Drops it, with everything in it."""
    await database.collection("sales_daily").drop()
