"""Ends the sessions that an event says have ended: of accounts, and single ones.

It is one of the outbox's destinations. What is more to an erasure, it leaves to another.

An account is in PostgreSQL and its sessions are in MongoDB, so what one act changes in both goes
through the outbox: a process that dies in between, or a MongoDB that is away, only delays it. No
session that has ended goes on meanwhile, because each refresh asks the account first.

Before a session is ended here its id stands in the feed of revocations, once more where the act put
it there: a refresh that was faster than the event has made a token that is younger than the act.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from emporium.user.v1 import events_pb2 as pb
from emporium.user.v1.user_service_pb2 import User
from server.kit import errors
from server.kit.outbox import Away, Destination, Event
from server.user.sessions.store import SessionEnds, SessionStore

_UPDATED = pb.UserUpdated.DESCRIPTOR.full_name
_PASSWORD_CHANGED = pb.PasswordChanged.DESCRIPTOR.full_name
_SECOND_FACTOR_CHANGED = pb.SecondFactorChanged.DESCRIPTOR.full_name
_ERASED = pb.UserErased.DESCRIPTOR.full_name
_SESSION_ENDED = pb.SessionEnded.DESCRIPTOR.full_name

# After its event says so, at most, until a change has been made: the time of a call, with room for
# clocks that differ. A login in between still saw the account as it was.
_TO_COMMIT = timedelta(seconds=20)


class EndingSessions:
    """An `outbox.Destination`; to be sent the same event again changes nothing more."""

    name = "sessions"

    def __init__(self, sessions: SessionStore, ends: SessionEnds, erasing: Destination) -> None:
        self._sessions = sessions
        self._ends = ends
        self._erasing = erasing

    async def send(self, events: Sequence[Event]) -> None:
        try:
            for event in events:
                await self._heed(event)
        except (errors.Unavailable, errors.DeadlineExceeded) as error:
            raise Away(f"MongoDB or PostgreSQL: {error}") from error

    async def _heed(self, event: Event) -> None:
        if event.type == _ERASED:
            # Its tokens end by the entry that the deletion left in the feed.
            await self._erasing.send([event])
        elif event.type == _SESSION_ENDED:
            ended = pb.SessionEnded.FromString(event.payload)
            await self._end(ended.user_id, [ended.session_id])
        elif event.type == _PASSWORD_CHANGED:
            changed = pb.PasswordChanged.FromString(event.payload)
            until = event.occurred_at + _TO_COMMIT
            await self._end_all(event.aggregate_id, until, but_for=changed.session_id)
        elif event.type == _SECOND_FACTOR_CHANGED:
            factor = pb.SecondFactorChanged.FromString(event.payload)
            until = event.occurred_at + _TO_COMMIT
            await self._end_all(event.aggregate_id, until, but_for=factor.session_id)
        elif event.type == _UPDATED:
            user = pb.UserUpdated.FromString(event.payload).user
            if user.status == User.DISABLED:
                # A repeat that comes late leaves those that began since.
                await self._end_all(event.aggregate_id, event.occurred_at + _TO_COMMIT)

    async def _end_all(
        self, user_id: str, begun_until: datetime | None = None, but_for: str = ""
    ) -> None:
        """Also those that begin meanwhile."""
        while ids := await self._sessions.ids(user_id, begun_until, but_for):
            await self._end(user_id, ids)

    async def _end(self, user_id: str, session_ids: Sequence[str]) -> None:
        await self._ends.tell(user_id, session_ids)
        await self._sessions.end(user_id, *session_ids)
