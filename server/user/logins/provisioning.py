"""Accounts that the operator makes, beside the API: the first admin has nobody to ask."""

from dataclasses import replace
from datetime import UTC, datetime

import bcrypt
from uuid_utils import uuid7

from server.kit.context import Role
from server.kit.postgres import Pool
from server.user.accounts.rules import Status, User
from server.user.accounts.store import PostgresUserStore
from server.user.logins.store import PostgresCredentialStore


async def ensure_account(
    pool: Pool, email: str, full_name: str, role: Role, password: str, cost: int = 12
) -> str:
    """Makes the account, or gives the existing one this role and password. Returns its id.

    Repeatable. Blocks for a quarter of a second a call when the password is new.
    """
    accounts, credentials = PostgresUserStore(pool), PostgresCredentialStore(pool)
    found = await credentials.find(email)
    if found is None:
        now = datetime.now(UTC)
        user = User(str(uuid7()), email, full_name, None, role, Status.ACTIVE, now, now, 1)
        await accounts.create(user, _hash(password, cost), None, b"")
        return user.id
    user = found.user
    if (user.role, user.status) != (role, Status.ACTIVE):
        await accounts.update(user.id, lambda was: replace(was, role=role, status=Status.ACTIVE))
    if not (found.password_hash and bcrypt.checkpw(password.encode(), found.password_hash)):
        await credentials.set_password(user.id, _hash(password, cost))
    return user.id


def _hash(password: str, cost: int) -> bytes:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost))
