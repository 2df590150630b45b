"""How an operator's commands call the services: as the operator, behind whom no account stands.

By tokens that the home's own key signs: whoever may read that key needs no login, and what becomes
of any account changes nothing.
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from server.kit.context import OPERATOR
from server.local.home import keys
from server.local.home.folder import Home
from server.local.home.record import ClusterRecord

_TOKEN_SECONDS = 600
_RENEWED_AFTER_SECONDS = 300


def acting_as(record: ClusterRecord, role: str) -> Callable[[], Awaitable[str]]:
    """What supplies the client with the operator's tokens, for as long as the command takes.

    They open what people of that `role`, `staff` or `admin`, may do to what is not their own.
    """
    place = Home(Path(record.home), Path(record.data))
    token, renew_at = "", 0.0  # by time.monotonic()

    async def supply() -> str:
        nonlocal token, renew_at
        if time.monotonic() >= renew_at:
            token = keys.token(place, OPERATOR, role, _TOKEN_SECONDS)
            renew_at = time.monotonic() + _RENEWED_AFTER_SECONDS
        return token

    return supply
