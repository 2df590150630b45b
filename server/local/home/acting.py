"""How an operator's commands call the services in the name of a demo login.

By tokens that the home's own key signs: whoever may read that key needs neither the password of the
login, which its holder may have changed, nor a second factor, which `TOTP_REQUIRED_ROLES` asks for.
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from server.local.errors import LocalError
from server.local.home import keys
from server.local.home.folder import Home
from server.local.home.record import ClusterRecord, Login

_TOKEN_SECONDS = 600
_RENEWED_AFTER_SECONDS = 300
# Of the account: signed now, a token is younger than all that became of it before.
_LATEST_VERSION = 2**62


def login_of(record: ClusterRecord, role: str) -> Login:
    """The demo login with that role. Raises `LocalError` where the cluster has none."""
    for login in record.logins:
        if login.role == role:
            return login
    raise LocalError(f"the cluster has no {role} to act as")


def acting_as(record: ClusterRecord, role: str) -> Callable[[], Awaitable[str]]:
    """What supplies the client with tokens of that login, for as long as the command takes.

    Raises `LocalError` where there is no such login.
    """
    login, place = login_of(record, role), Home(Path(record.home), Path(record.data))
    token, renew_at = "", 0.0  # by time.monotonic()

    async def supply() -> str:
        nonlocal token, renew_at
        if time.monotonic() >= renew_at:
            token = keys.token(
                place, login.user_id, role, _TOKEN_SECONDS, account_version=_LATEST_VERSION
            )
            renew_at = time.monotonic() + _RENEWED_AFTER_SECONDS
        return token

    return supply
