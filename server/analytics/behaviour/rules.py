"""What users do in the shop. Pure: time and ids are arguments."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from server.kit import errors


@dataclass(frozen=True, slots=True)
class Event:
    """Something a user did in the shop."""

    id: str
    user_id: str
    type: str
    occurred_at: datetime
    properties: Mapping[str, str]
    content_hash: bytes  # of the request's content, to recognise a repeat


class EventIdReused(errors.AlreadyExists):
    """The id was used before, for another event."""

    reason = "EVENT_ID_REUSED"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as the caller reports it; without `occurred_at` it happened now."""

    type: str
    occurred_at: datetime | None
    properties: Mapping[str, str]


def event(new: NewEvent, event_id: str, user_id: str, now: datetime) -> Event:
    """The event to store."""
    return Event(
        id=event_id,
        user_id=user_id,
        type=new.type,
        occurred_at=new.occurred_at or now,
        properties=new.properties,
        content_hash=_hash(new),
    )


def repeated(kept: Event, sent: Event) -> Event:
    """The answer to an event whose id is known: the first answer. Raises `EventIdReused`."""
    if (kept.user_id, kept.content_hash) != (sent.user_id, sent.content_hash):
        raise EventIdReused(
            "this id was used before for another event; use a new one", field="request_id"
        )
    return kept


def _hash(new: NewEvent) -> bytes:
    happened = new.occurred_at.isoformat() if new.occurred_at else ""
    content = [new.type, happened, sorted(new.properties.items())]
    return hashlib.sha256(json.dumps(content).encode()).digest()
