"""Keep each order as its last event left it, instead of every event, and count the days anew.

What was counted from an order's events one by one stayed wrong when one of them never came. Of the
events before this step the versions were not kept: each gets the least that it can have had, which
is enough, because an order that has been cancelled, refunded or deleted stays so.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_STATES = ["PLACED", "CANCELLED", "REFUNDED", "DELETED"]
_LEAST_VERSIONS = [1, 2, 3, 2]  # a refund comes after the payment
_ORDERS = {
    "_id": {"bsonType": "binData"},
    "event_id": {"bsonType": "binData"},
    "version": {"bsonType": ["int", "long"], "minimum": 1},
    "state": {"enum": _STATES},
    "user_id": {"bsonType": "binData"},
    "order_date": {"bsonType": "long"},
    "total_price": {"bsonType": "decimal", "minimum": 0},
    "currency": {"bsonType": "string", "pattern": "^[A-Z]{3}$"},
    "units": {"bsonType": ["int", "long"], "minimum": 1},
    "occurred_at": {"bsonType": "long"},
    "recorded_at": {"bsonType": "date"},
}
_EVENTS = {
    "_id": {"bsonType": "binData"},
    "kind": {"enum": _STATES},
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
_SAME = ("user_id", "total_price", "currency", "units", "recorded_at")


def _microseconds(date: str) -> dict[str, Any]:
    """Microseconds since 1970, which may be before it."""
    return {"$multiply": [{"$toLong": date}, 1_000]}


def _date(microseconds: str) -> dict[str, Any]:
    beyond = {"$mod": [{"$add": [{"$mod": [microseconds, 1_000]}, 1_000]}, 1_000]}
    milliseconds = {"$divide": [{"$subtract": [microseconds, beyond]}, 1_000]}
    # A quotient is a double, and beyond 2**53 microseconds the dividend was rounded to one.
    return {"$toDate": {"$toLong": {"$round": [milliseconds, 0]}}}


# Documents compare field by field, so the greatest of an order is the one of the highest rank.
_LAST_OF_EACH: list[dict[str, Any]] = [
    {
        "$group": {
            "_id": "$order_id",
            "last": {
                "$max": {
                    "rank": {"$indexOfArray": [_STATES, "$kind"]},
                    "event_id": "$_id",
                    "state": "$kind",
                    "order_date": _microseconds("$order_date"),
                    "occurred_at": _microseconds("$occurred_at"),
                    **{name: f"${name}" for name in _SAME},
                }
            },
        }
    },
    {
        "$replaceWith": {
            "_id": "$_id",
            "version": {"$arrayElemAt": [_LEAST_VERSIONS, "$last.rank"]},
            **{name: f"$last.{name}" for name in _ORDERS if name not in ("_id", "version")},
        }
    },
]

_NOTHING = {"$toDecimal": "0"}


def _where(state: str, value: Any, otherwise: Any) -> dict[str, Any]:
    return {"$sum": {"$cond": [{"$eq": ["$state", state]}, value, otherwise]}}


_FIGURES = {
    "orders": {"$sum": 1},
    "units": {"$sum": "$units"},
    "gross": {"$sum": "$total_price"},
    "cancelled_orders": _where("CANCELLED", 1, 0),
    "cancelled": _where("CANCELLED", "$total_price", _NOTHING),
    "refunded_orders": _where("REFUNDED", 1, 0),
    "refunded": _where("REFUNDED", "$total_price", _NOTHING),
}
_AMOUNTS = ("gross", "cancelled", "refunded")
_ZEROS = {name: _NOTHING if name in _AMOUNTS else 0 for name in _FIGURES}
_DAY = {"$dateToString": {"date": _date("$order_date"), "format": "%Y-%m-%d"}}
_EACH_DAY: list[dict[str, Any]] = [
    {"$match": {"state": {"$ne": "DELETED"}}},
    {"$group": {"_id": {"$concat": ["$currency", ":", _DAY]}, **_FIGURES}},
]

_MARKS: list[dict[str, Any]] = [
    {
        "$replaceWith": {
            "_id": "$event_id",
            "kind": "$state",
            "order_id": "$_id",
            "was_cancelled": {"$literal": False},
            "order_date": _date("$order_date"),
            "occurred_at": _date("$occurred_at"),
            **{name: f"${name}" for name in _SAME},
        }
    }
]


async def upgrade(database: "Target") -> None:
    """Fills `orders` and `sales_daily`, and drops the events last: until then it may run again."""
    await database.ensure_collection("orders", _schema(_ORDERS))
    await _merge(database, "order_events", _LAST_OF_EACH, "orders")
    # A day without orders is in no group, whatever an event that never came has left on it.
    await database.collection("sales_daily").update_many({}, [{"$set": _ZEROS}])
    await _merge(database, "orders", _EACH_DAY, "sales_daily")
    await database.collection("order_events").drop()


async def downgrade(database: "Target") -> None:
    """Marks the last event of each order as counted, and drops `orders`.

    The marks of earlier events are gone: one of them that arrived again would count again.
    """
    await database.ensure_collection("order_events", _schema(_EVENTS))
    await _merge(database, "orders", _MARKS, "order_events")
    await database.collection("orders").drop()


async def _merge(
    database: "Target", source: str, pipeline: list[dict[str, Any]], target: str
) -> None:
    merge = {"$merge": {"into": target, "whenMatched": "replace"}}
    stages = [*pipeline, merge]
    await database.command("aggregate", source, pipeline=stages, cursor={}, allowDiskUse=True)


def _schema(fields: dict[str, Any]) -> dict[str, Any]:
    return {"bsonType": "object", "required": [*fields], "properties": fields}
