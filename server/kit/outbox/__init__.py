"""The transactional outbox: what must be told elsewhere is committed with what it tells of.

A service's history creates the tables with `CREATE_TABLES`, and its store inserts a row into
`outbox` in the statement or transaction that makes the change. `relaying` then sends the rows on,
each at least once, whatever dies in between:

    async with relaying(pool, dsn, send) as ring:
        store = PostgresOrderStore(pool, ring)    # rings after each commit

A relay *leases* the rows it sends (`due_at` moves into the future) and holds no transaction while
the network is slow. A relay that dies leaves rows that fall due again. FOR UPDATE SKIP LOCKED lets
any number of relays share the table, and a row that commits late is found like any other, because
nothing remembers how far it has read.
"""

from server.kit.outbox.relay import Away, Pace, Refused, Relay, Send
from server.kit.outbox.relaying import Ring, relaying
from server.kit.outbox.table import CREATE_TABLES, DROP_TABLES, Event, replay

__all__ = [
    "CREATE_TABLES",
    "DROP_TABLES",
    "Away",
    "Event",
    "Pace",
    "Refused",
    "Relay",
    "Ring",
    "Send",
    "relaying",
    "replay",
]
