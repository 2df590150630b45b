"""A service's own MongoDB database, and what the driver's errors mean.

The only folder that knows both drivers: PyMongo's `AsyncMongoClient`, and motor, which reached its
end of life in May 2026 and remains an option (`MONGODB_DRIVER=motor`). Their collections have the
same methods; where one returns an awaitable and the other a value, `settled` takes both.

Every write is acknowledged by a majority and every read sees only such writes, so that nothing
that was answered is ever rolled back. Every operation is bounded by `mongodb_timeout_seconds`:
without that a stopped server would block a call for ever.
"""

from server.kit.mongo.connecting import connected, opened
from server.kit.mongo.database import Collection, Database, Document
from server.kit.mongo.transactions import Session
from server.kit.mongo.translation import translated

__all__ = ["Collection", "Database", "Document", "Session", "connected", "opened", "translated"]
