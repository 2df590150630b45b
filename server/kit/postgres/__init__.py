"""A service's own PostgreSQL database: its pool, its schema, and what the driver's errors mean.

Stores acquire from the pool per statement or per transaction, and never hold a connection across
anything else. The service's role carries its own statement and lock timeouts (see `migrate.py`).
"""

from server.kit.postgres.bounded_pool import Connection, Pool
from server.kit.postgres.pool import Record, connected, ping
from server.kit.postgres.translation import (
    AWAY,
    DataError,
    UniqueViolationError,
    translated,
)

__all__ = [
    "AWAY",
    "Connection",
    "DataError",
    "Pool",
    "Record",
    "UniqueViolationError",
    "connected",
    "ping",
    "translated",
]
