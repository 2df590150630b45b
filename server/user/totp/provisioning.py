"""Second factors that the operator removes, of people who have lost app and recovery codes."""

from datetime import UTC, datetime

from uuid_utils import uuid7

from server.kit.postgres import Pool
from server.user.accounts.rules import UserNotFound
from server.user.events.encoding import to_outbox
from server.user.logins.store import PostgresCredentialStore
from server.user.totp.rules import disabled
from server.user.totp.store import PostgresTotpStore


async def remove_totp(pool: Pool, email: str) -> bool:
    """Removes the second factor of the account with that e-mail; whether it had one.

    A mail tells of it. Repeatable. Raises `UserNotFound`.
    """
    found = await PostgresCredentialStore(pool).find(email)
    if found is None:
        raise UserNotFound("no account has this e-mail")
    event_id, mail_id, now = str(uuid7()), str(uuid7()), datetime.now(UTC)
    # The relays of the running service, if there are any, find event and mail by polling.
    store = PostgresTotpStore(pool, encode=to_outbox, wake=lambda: None)
    await store.disable(
        found.user.id, lambda user: disabled(user, None, event_id, mail_id, now, traceparent=None)
    )
    return found.user.totp_enabled
