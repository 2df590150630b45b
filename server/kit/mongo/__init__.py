"""A service's own MongoDB database, and what the driver's errors mean.

The one room that knows both drivers: PyMongo's `AsyncMongoClient`, and motor, which reached its
end of life in May 2026 and stays a choice (`MONGODB_DRIVER=motor`). Their collections are called
alike; where they differ, one awaits what the other hands over at once, and `settled` takes both.

Every write is acknowledged by a majority and every read sees only such writes, so that nothing
which has been told is ever taken back. Every operation has `mongodb_timeout_seconds`, whatever it
meets: without that a stopped server would hold a call for ever.
"""

from server.kit.mongo.connecting import connected
from server.kit.mongo.database import Collection, Database, Document
from server.kit.mongo.transactions import Session
from server.kit.mongo.translation import translated

__all__ = ["Collection", "Database", "Document", "Session", "connected", "translated"]
