"""A process that dies leaves no end half done that a refresh or a login brings about.

In PostgreSQL first, where all services are told, and then in MongoDB: what has died raises here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from server.kit import auth
from server.kit.context import Device
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.user.accounts.rules import User
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.app.destinations import session_ends
from server.user.sessions.granting import Granting
from server.user.sessions.rules import SESSIONS_MAX, Lifetime, RefreshTokenReused, SessionEnd
from server.user.sessions.store import MongoSessionStore, SessionEnds
from tests.server.user.samples import opened
from tests.server.user.sessions.rotations import session_of

HOUR = Lifetime(idle=timedelta(hours=1), whole=timedelta(hours=1))
NOWHERE = Device("", "")


class Killed(Exception):
    """What the process would not have lived to see."""


class DyingFirst:
    """Dies before it has told anybody."""

    async def end(self, end: SessionEnd) -> None:
        raise Killed

    async def tell(self, user_id: str, session_ids: Sequence[str]) -> None:
        raise Killed


class DyingThen(MongoSessionStore):
    """Dies once it was told."""

    async def end(self, user_id: str, *session_ids: str) -> bool:
        raise Killed


class Stage:
    """One account, and what grants its tokens."""

    def __init__(
        self,
        user: User,
        accounts: PostgresUserStore,
        ends: SessionEnds,
        database: Database,
        signer: auth.Signer,
    ) -> None:
        self.user = user
        self.accounts = accounts
        self.sessions = MongoSessionStore(database)
        self.granting = Granting(self.sessions, ends, accounts, signer, HOUR)
        self.killed = {
            "before": Granting(self.sessions, DyingFirst(), accounts, signer, HOUR),
            "between": Granting(DyingThen(database), ends, accounts, signer, HOUR),
        }

    async def there(self) -> set[str]:
        """The sessions in MongoDB."""
        return {each.id for each in await self.sessions.list(self.user.id, datetime.now(UTC))}

    async def told(self) -> set[str]:
        """The sessions that all services know to have ended."""
        _, entries = await self.accounts.standings([self.user.id], 0)
        return {each.revocation.session_id or "" for each in entries}


@pytest.fixture
async def stage(
    store: PostgresUserStore, user_pool: Pool, user_mongo: Database, signer: auth.Signer
) -> Stage:
    account = opened()
    await store.create(account, None, None, b"")
    ends = session_ends(user_pool, lambda: None)
    return Stage(account.user, store, ends, user_mongo, signer)


@pytest.mark.parametrize(("when", "is_told"), [("before", False), ("between", True)])
async def test_a_reuse_ends_nothing_or_is_told(stage: Stage, when: str, is_told: bool) -> None:
    first = await stage.granting.begin(stage.user, NOWHERE)
    second = await stage.granting.refresh(first.refresh_token, NOWHERE)
    await stage.granting.refresh(second.refresh_token, NOWHERE)
    with pytest.raises(Killed):
        await stage.killed[when].refresh(first.refresh_token, NOWHERE)
    assert await stage.told() == ({first.session_id} if is_told else set())
    assert await stage.there() == {first.session_id}, "until the event, or the next reuse"

    with pytest.raises(RefreshTokenReused):
        await stage.granting.refresh(first.refresh_token, NOWHERE)
    assert await stage.told() == {first.session_id}
    assert await stage.there() == set()


@pytest.mark.parametrize(("when", "is_told"), [("before", False), ("between", True)])
async def test_a_session_that_gives_way_goes_on_or_is_told(
    stage: Stage, when: str, is_told: bool
) -> None:
    earlier = datetime.now(UTC) - timedelta(minutes=1)
    sessions = [session_of(stage.user.id, earlier) for _ in range(SESSIONS_MAX)]
    for session in sessions:
        await stage.sessions.begin(session, b"")
    oldest = min(sessions, key=lambda each: each.id)
    with pytest.raises(Killed):
        await stage.killed[when].begin(stage.user, NOWHERE)
    assert await stage.told() == ({oldest.id} if is_told else set())
    assert len(await stage.sessions.ids(stage.user.id)) == SESSIONS_MAX + 1

    await stage.granting.begin(stage.user, NOWHERE)
    assert len(await stage.sessions.ids(stage.user.id)) == SESSIONS_MAX
    assert len(await stage.told()) == 2
