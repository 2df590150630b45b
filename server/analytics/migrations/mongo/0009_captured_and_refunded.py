"""Keep what was captured of each order and how much of that was given back, and count both.

Of the orders before this step it is known of refunded ones alone: all was taken, and given back.
What is not known is nothing here, until an order's next event, or `emporium verify --repair`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.kit.mongo.migrate import Target


_Fields = dict[str, dict[str, Any]]

_COUNT = {"bsonType": ["int", "long"]}
_AMOUNT = {"bsonType": "decimal"}
_ORDERS: _Fields = {
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
_PAID: _Fields = {
    "captured": {"bsonType": "decimal", "minimum": 0},
    "refunded": {"bsonType": "decimal", "minimum": 0},
}
_DAYS: _Fields = {
    "_id": {"bsonType": "string", "pattern": "^[A-Z]{3}:[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "orders": _COUNT,
    "units": _COUNT,
    "gross": _AMOUNT,
    "cancelled_orders": _COUNT,
    "cancelled": _AMOUNT,
    "refunded_orders": _COUNT,
    "refunded": _AMOUNT,
}
_COUNTED: _Fields = {"captured": _AMOUNT, "paid_back": _AMOUNT}

_NOTHING = {"$toDecimal": "0"}


def _where(condition: dict[str, Any], value: str) -> dict[str, Any]:
    return {"$cond": [condition, value, _NOTHING]}


_IS_REFUNDED = {"$eq": ["$state", "REFUNDED"]}
_OF_REFUNDED = _where(_IS_REFUNDED, "$total_price")

# A quotient is a double, and beyond 2**53 microseconds the dividend was rounded to one.
_PART = {"$mod": [{"$add": [{"$mod": ["$order_date", 1_000]}, 1_000]}, 1_000]}
_MILLISECONDS = {"$divide": [{"$subtract": ["$order_date", _PART]}, 1_000]}
_DATE = {"$toDate": {"$toLong": {"$round": [_MILLISECONDS, 0]}}}
_DAY = {"$dateToString": {"date": _DATE, "format": "%Y-%m-%d"}}


def _each_day(figures: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"$match": {"state": {"$ne": "DELETED"}}},
        {"$group": {"_id": {"$concat": ["$currency", ":", _DAY]}, **figures}},
        {"$merge": {"into": "sales_daily", "whenMatched": "merge", "whenNotMatched": "discard"}},
    ]


async def upgrade(database: "Target") -> None:
    """Adds the amounts to `orders` and `sales_daily`; interrupted, it may run again."""
    await _schemas(database, _ORDERS | _PAID, _DAYS | _COUNTED)
    orders, days = database.collection("orders"), database.collection("sales_daily")
    unknown = {"captured": {"$exists": False}}
    await orders.update_many(
        unknown, [{"$set": {"captured": _OF_REFUNDED, "refunded": _OF_REFUNDED}}]
    )
    await days.update_many({}, [{"$set": dict.fromkeys(_COUNTED, _NOTHING)}])
    figures = {"captured": {"$sum": "$captured"}, "paid_back": {"$sum": "$refunded"}}
    await _count(database, figures)


async def downgrade(database: "Target") -> None:
    """Drops them; refunded is what refunded orders came to, as it was before."""
    await _schemas(database, _ORDERS, _DAYS)
    orders, days = database.collection("orders"), database.collection("sales_daily")
    await orders.update_many({}, {"$unset": dict.fromkeys(_PAID, "")})
    await days.update_many({}, {"$unset": dict.fromkeys(_COUNTED, "")})
    await days.update_many({}, [{"$set": {"refunded": _NOTHING}}])
    await _count(database, {"refunded": {"$sum": _OF_REFUNDED}})


async def _count(database: "Target", figures: dict[str, Any]) -> None:
    stages = _each_day(figures)
    await database.command("aggregate", "orders", pipeline=stages, cursor={}, allowDiskUse=True)


async def _schemas(database: "Target", orders: _Fields, days: _Fields) -> None:
    """The new amounts are not required: a process of before may write once more."""
    needed = [name for name in _ORDERS if name != "user_id"]
    schema = {"bsonType": "object", "required": needed, "properties": orders}
    await database.ensure_collection("orders", schema)
    schema = {"bsonType": "object", "required": [*_DAYS], "properties": days}
    await database.ensure_collection("sales_daily", schema)
