"""Accounts that the operator makes without the API, such as the first admin's."""

from datetime import UTC, datetime

from uuid_utils import uuid7

from server.kit.context import Caller, Role
from server.kit.postgres import Pool
from server.user.accounts.rules import Change, NewUser, Status, changed, open_account
from server.user.accounts.store import PostgresUserStore
from server.user.events.encoding import to_outbox
from server.user.logins.store import PostgresCredentialStore
from server.user.passwords.hashing import hashed, made

_OPERATOR = Caller("operator", Role.ADMIN, expires_at=0)


async def ensure_account(
    pool: Pool, email: str, full_name: str, role: Role, password: str, cost: int = 12
) -> str:
    """Makes the account, or sets role and password of the existing one. Returns its id.

    Repeatable. Blocks for the time of a bcrypt hash, a quarter of a second at the default cost.
    """
    # The relays of the running service, if there are any, find the event by polling.
    accounts = PostgresUserStore(pool, encode=to_outbox, wake=lambda: None)
    credentials = PostgresCredentialStore(pool)
    found = await credentials.find(email)
    event_id, now = str(uuid7()), datetime.now(UTC)
    if found is None:
        new = NewUser(email, full_name, None, role, has_password=True)
        opened = open_account(new, _OPERATOR, str(uuid7()), event_id, now)
        await accounts.create(opened, hashed(password, cost), None, b"")
        return opened.user.id
    user = found.user
    wanted = {"role": role, "status": Status.ACTIVE, "email_verified": True}
    if any(getattr(user, name) != value for name, value in wanted.items()):
        change = Change(wanted, etag="")
        await accounts.update(user.id, lambda was: changed(was, change, event_id, now))
    if not (found.password_hash and made(password, found.password_hash)):
        await credentials.set_password(user.id, hashed(password, cost))
    return user.id
