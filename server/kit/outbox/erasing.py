"""Reaches events that wait, or are dead letters, when a person is erased.

A relay that has read an event just before sends it as it was: whoever receives events keeps out
those of persons who were erased.
"""

from collections.abc import Sequence

from server.kit.outbox.deliveries import to_event
from server.kit.outbox.event import Event
from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Write

_OF_AGGREGATES = """
    SELECT * FROM outbox WHERE aggregate_type = $1 AND aggregate_id = ANY($2::uuid[])
"""

# A payload is no text: what is not ASCII becomes escapes, and ASCII stays as it is. There are as
# many payloads to read as wait, next to none unless a destination is away.
_CONTAINING = """
    SELECT * FROM outbox WHERE EXISTS (
        SELECT FROM unnest($1::text[]) AS wanted
        WHERE strpos(lower(encode(payload, 'escape')), wanted) > 0
    )
"""

_WITHDRAW = (
    "DELETE FROM outbox_deliveries WHERE event_id = ANY($1::uuid[])",
    "DELETE FROM outbox_blocks WHERE event_id = ANY($1::uuid[])",
    "DELETE FROM outbox WHERE id = ANY($1::uuid[])",
)


async def of_aggregates(unit: UnitOfWork, type_: str, ids: Sequence[object]) -> list[Event]:
    """The events of those aggregates that wait."""
    return [to_event(row) for row in await unit.fetch(_OF_AGGREGATES, type_, ids)]


async def containing(unit: UnitOfWork, texts: Sequence[str]) -> list[Event]:
    """The events whose payload holds one of `texts`, which are ASCII, in any case."""
    return [
        to_event(row) for row in await unit.fetch(_CONTAINING, [text.lower() for text in texts])
    ]


def withdrawn(events: Sequence[Event]) -> list[Write]:
    """Takes `events` back: nobody is sent them any more."""
    ids = [event.id for event in events]
    return [Write(statement, (ids,)) for statement in _WITHDRAW]
