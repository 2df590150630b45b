"""Sessions and rotations to test with, of tokens under a secret of the tests."""

import uuid
from datetime import UTC, datetime, timedelta

from server.user.sessions.rules import RefreshToken, RefreshTokens, Rotation, Session
from server.user.sessions.store import MongoSessionStore

SECRET = b"the secret of the tests"
TOKENS = RefreshTokens(SECRET)
IDLE = timedelta(days=30)


def session_of(user_id: str = "", begun: datetime | None = None) -> Session:
    begun = begun or datetime.now(UTC).replace(microsecond=0)
    return Session(
        id=str(uuid.uuid4()),
        user_id=user_id or str(uuid.uuid4()),
        device="a telephone",
        address="192.0.2.1",
        created_at=begun,
        last_seen_at=begun,
        expires_at=begun + IDLE,
    )


async def begun(store: MongoSessionStore, session: Session) -> RefreshToken:
    """The first token of `session`, which is stored."""
    token = TOKENS.first(session.id, session.user_id, uuid.uuid4().bytes * 2)
    await store.begin(session, token.hash)
    return token


def rotation_of(token: RefreshToken, at: datetime | None = None) -> Rotation:
    """`token` for its successor."""
    at = at or datetime.now(UTC)
    return Rotation(
        session_id=token.session_id,
        user_id=token.user_id,
        spent=token.hash,
        successor=TOKENS.successor(token).hash,
        at=at,
        address="192.0.2.2",
        expires_at=at + IDLE,
    )
