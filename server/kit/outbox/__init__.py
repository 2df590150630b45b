"""The transactional outbox: what must be told elsewhere is committed with what it tells of.

A service's history creates the tables. Its unit of work writes `append(events)` with the change,
and a trigger makes a delivery of each event for every destination. `relaying` then sends them on:

    async with relaying(pool, dsn, destinations=[AnalyticsDestination(shop)]) as wake:
        store = PostgresOrderStore(pool, wake)    # calls it after each commit

- **At least once.** A delivery is deleted after it was sent. Nothing remembers how far it has read,
  so an event that commits late is found like any other.
- **In order.** A destination gets the events of an aggregate by rising version; only one that it
  has had may come again.
- **Each for itself.** A destination has its own relay, back-off and dead letters: one that is down
  delays no other. Of all processes one relays at a time: the one that holds the destination's
  lease. Nothing but repetition depends on that.
- **A dead letter** holds back the later events of its own aggregate at its own destination, and
  nothing else, until an operator replays or skips it.
"""

from server.kit.outbox.backlog import Backlog, look
from server.kit.outbox.dead_letters import DeadLetter, list_dead_letters, replay, skip
from server.kit.outbox.erasing import containing, of_aggregates, withdrawn
from server.kit.outbox.event import (
    Away,
    Destination,
    Event,
    Refused,
    append,
    new_id,
    replacing,
)
from server.kit.outbox.metrics import OutboxMetrics
from server.kit.outbox.pace import Pace
from server.kit.outbox.relaying import Wake, relaying

__all__ = [
    "Away",
    "Backlog",
    "DeadLetter",
    "Destination",
    "Event",
    "OutboxMetrics",
    "Pace",
    "Refused",
    "Wake",
    "append",
    "containing",
    "list_dead_letters",
    "look",
    "new_id",
    "of_aggregates",
    "relaying",
    "replacing",
    "replay",
    "skip",
    "withdrawn",
]
