"""Accounts to test with, each new, and what becomes of them."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from uuid_utils import uuid7

from server.kit.context import Role
from server.kit.postgres import Pool
from server.user.accounts.rules import Changed, EventType, Opened, Status, User, UserEvent
from server.user.email_links.store.links import PostgresLinkStore
from server.user.events.encoding import to_outbox
from server.user.passwords.hashing import hashed
from server.user.personal_data.store import FirstAnswers, PostgresErasureStore
from tests.server.user.doors import PASSWORD

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
HASH = hashed(PASSWORD, cost=4)  # the cheapest
# For deletes at the store alone: what a delete erases in its own unit of work needs no pool.
_NO_POOL: Any = None
ERASING = PostgresErasureStore(_NO_POOL, [FirstAnswers()])
ASKING = PostgresLinkStore(_NO_POOL, to_outbox, wake=lambda: None)


def account(**fields: Any) -> User:
    made: dict[str, Any] = {
        "id": str(uuid7()),
        "email": f"{uuid.uuid4().hex}@example.com",
        "email_verified": True,
        "owner_proven": True,
        "password_proven": True,
        "full_name": "Ann Example",
        "age": None,
        "role": Role.CUSTOMER,
        "status": Status.ACTIVE,
        "created_at": NOW,
        "updated_at": NOW,
        "version": 1,
    }
    return User(**{**made, **fields})


def opened(**fields: Any) -> Opened:
    user = account(**fields)
    return Opened(user, UserEvent(str(uuid7()), EventType.CREATED, user, 1, NOW, None))


def become(was: User, **fields: Any) -> Changed:
    user = replace(was, version=was.version + 1, **fields)
    event = UserEvent(str(uuid7()), EventType.UPDATED, user, user.version, NOW, None)
    return Changed(user, event)


async def set_hash(pool: Pool, user_id: str, password_hash: bytes) -> None:
    """Gives the account that password hash, and tells nobody."""
    await pool.execute("UPDATE users SET password_hash = $2 WHERE id = $1", user_id, password_hash)


def end(was: User) -> UserEvent:
    return UserEvent(str(uuid7()), EventType.ERASED, was, was.version + 1, NOW, None)
