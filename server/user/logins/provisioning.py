"""Accounts that the operator makes without the API, such as the first admin's."""

from datetime import UTC, datetime

from uuid_utils import uuid7

from server.kit.audit.record import OK, AuditRecord
from server.kit.audit.trail import recorded
from server.kit.call.validation import check as check_request
from server.kit.context import OPERATOR, Caller, Role
from server.kit.postgres import Pool
from server.settings import SettingsError
from server.user.accounts.rules import Change, Opened, Status, changed
from server.user.accounts.rules.credentials import password_changed
from server.user.accounts.rules.opening import NewUser, open_account
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.accounts.wire import to_create
from server.user.audit.store import inserting
from server.user.events.encoding import to_outbox
from server.user.logins.rules import Credentials
from server.user.logins.store import PostgresCredentialStore
from server.user.passwords.common import is_common
from server.user.passwords.hashing import check, hashed
from server.user.passwords.rules import chosen

_OPERATOR = Caller(OPERATOR, Role.ADMIN, expires_at=0)


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
        new = NewUser(email, full_name, None, role, has_password=True, by_owner=True)
        opened = open_account(new, _OPERATOR, str(uuid7()), event_id, now)
        await _create(accounts, opened, hashed(password, cost))
        return opened.user.id
    user = found.user
    wanted = {
        "role": role,
        "status": Status.ACTIVE,
        "email_verified": True,
        "owner_proven": True,
        "password_proven": True,
    }
    if any(getattr(user, name) != value for name, value in wanted.items()):
        change = Change(wanted, etag="")
        await accounts.update(user.id, lambda was: changed(was, change, event_id, now))
    await _set_password(accounts, credentials, found, password, cost)
    return user.id


async def _set_password(
    accounts: PostgresUserStore,
    credentials: PostgresCredentialStore,
    found: Credentials,
    password: str,
    cost: int,
) -> None:
    """Another one ends what the one before let in; the same is hashed again where that is due."""
    user_id, was, now = found.user.id, found.password_hash, datetime.now(UTC)
    event_id, mail_id = str(uuid7()), str(uuid7())
    checked = check(password, was, cost)
    if not checked.matches:
        await accounts.change_password(
            user_id,
            was,
            hashed(password, cost),
            lambda user: password_changed(user, None, event_id, mail_id, now),
        )
    elif was and checked.is_outdated:
        await credentials.replace_password(user_id, was, hashed(password, cost))


async def create_admin(
    pool: Pool, email: str, full_name: str, password: str, cost: int = 12
) -> str:
    """Makes an admin. Returns the account's id.

    Held against the same rules as a call of CreateUser. Raises `Invalid`, `PasswordTooCommon`,
    `EmailTaken`, and `SettingsError` where the pool's role cannot add accounts. Blocks for the time
    of a bcrypt hash.
    """
    new = NewUser(email, full_name, None, Role.ADMIN, has_password=True, by_owner=True)
    check_request(to_create(new, password))
    if not await PostgresCredentialStore(pool).may_add():
        raise SettingsError(
            "the database has no accounts yet, or this role may not add any: run `emporium migrate`"
        )
    password_hash = hashed(chosen(password, (email, full_name), is_common), cost)
    opened = open_account(new, _OPERATOR, str(uuid7()), str(uuid7()), datetime.now(UTC))
    accounts = PostgresUserStore(pool, encode=to_outbox, wake=lambda: None)
    await _create(accounts, opened, password_hash)
    return opened.user.id


async def _create(accounts: PostgresUserStore, opened: Opened, password_hash: bytes) -> None:
    """Leaves the same record as a call would; nobody called, so the operator did it."""
    record = AuditRecord(
        id=str(uuid7()),
        service="user",
        action="emporium.user.v1.UserService/CreateUser",
        actor_id=_OPERATOR.id,
        actor_role=_OPERATOR.role,
        subject_id=opened.user.id,
        resource=f"/api/v1/users/{opened.user.id}",
        request_id="",
        outcome=OK,
        first_at=opened.user.created_at,
        last_at=opened.user.created_at,
        address="",
        device="",
    )
    with recorded(record, lambda made: inserting([made])):
        await accounts.create(opened, password_hash, None, b"")
