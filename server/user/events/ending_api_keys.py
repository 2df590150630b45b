"""Ends the API keys of accounts that were disabled: one of the outbox's destinations.

They open nothing from that moment on, because each exchange asks the account; they are deleted so
that they open nothing after it is reinstated either. Those of a deleted account went with it.
"""

from collections.abc import Sequence
from datetime import timedelta

from emporium.user.v1 import events_pb2 as pb
from emporium.user.v1.user_service_pb2 import User
from server.kit import errors
from server.kit.outbox import Away, Event
from server.user.api_keys.store import ApiKeyStore

_UPDATED = pb.UserUpdated.DESCRIPTOR.full_name

# After its event says so, at most, until the account has been disabled: the time of a call, with
# room for clocks that differ. A key that is made in between still saw the account as it was.
_TO_COMMIT = timedelta(seconds=20)


class EndingApiKeys:
    """An `outbox.Destination`; to be sent the same event again changes nothing more."""

    name = "api_keys"

    def __init__(self, keys: ApiKeyStore) -> None:
        self._keys = keys

    async def send(self, events: Sequence[Event]) -> None:
        """See `outbox.Destination`."""
        try:
            for event in events:
                if event.type == _UPDATED:
                    user = pb.UserUpdated.FromString(event.payload).user
                    if user.status == User.DISABLED:
                        # A repeat that comes late leaves those that were made since.
                        until = event.occurred_at + _TO_COMMIT
                        await self._keys.delete_all(event.aggregate_id, until)
        except (errors.Unavailable, errors.DeadlineExceeded) as error:
            raise Away(f"PostgreSQL: {error}") from error
