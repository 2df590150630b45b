"""Whatever devices, thieves and the network do, a session has one child that is alive, or none.

Hypothesis makes histories of logins, refreshes, lost answers, reuse, waits, logouts and deletions,
and compares each outcome with a model that is a page long: of every session the chain of its tokens
and when the last one was spent.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kit import errors
from server.kit import mongo as kit_mongo
from server.local.engines.mongo import EmbeddedMongo
from server.user.sessions.rules import (
    REPEAT_SECONDS,
    RefreshToken,
    RefreshTokenReused,
    Session,
)
from server.user.sessions.store import MongoSessionStore
from tests.server.user.conftest import new_sessions_database
from tests.server.user.sessions.rotations import IDLE, TOKENS, begun, rotation_of, session_of


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def replicas(mongo: EmbeddedMongo) -> AsyncIterator[list[MongoSessionStore]]:
    """Two instances of the service, as far as sessions go: each with a connection of its own."""
    settings_ = await new_sessions_database(mongo)
    async with kit_mongo.connected(settings_) as one, kit_mongo.connected(settings_) as other:
        yield [MongoSessionStore(one), MongoSessionStore(other)]


@dataclass
class Chain:
    """The model of a session: every token that it had, and what may still be done with them."""

    session: Session
    tokens: list[RefreshToken]
    spent_at: datetime
    last_used: datetime
    is_ended: bool = False

    def expected(self, index: int, now: datetime) -> str:
        """What a use of the token at `index` must come to; the model changes with it."""
        if self.is_ended or now >= self.last_used + IDLE:
            self.is_ended = True
            return "SESSION_ENDED"
        newest = len(self.tokens) - 1
        if index == newest:
            self.tokens.append(TOKENS.successor(self.tokens[index]))
            self.spent_at = self.last_used = now
            return "given"
        if index == newest - 1 and now < self.spent_at + timedelta(seconds=REPEAT_SECONDS):
            return "given"
        self.is_ended = True
        return "REFRESH_TOKEN_REUSED"


@dataclass
class History:
    """One history, played against the store and the model at the same time."""

    replicas: list[MongoSessionStore]
    user_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    chains: list[Chain] = field(default_factory=list)

    async def login(self, replica: int) -> None:
        session = session_of(self.user_id, self.now)
        token = await begun(self.replicas[replica], session)
        self.chains.append(Chain(session, [token], self.now, self.now))

    async def use(self, replica: int, which: int, back: int) -> None:
        if self.chains:
            chain = self.chains[which % len(self.chains)]
            index = max(len(chain.tokens) - 1 - back, 0)
            token = chain.tokens[index]
            expected = chain.expected(index, self.now)
            assert await self._outcome(replica, token) == expected

    async def repeat(self, replica: int, which: int, seconds: float) -> None:
        """The answer is lost, and asked for again after a while."""
        await self.use(replica, which, 0)
        await self.wait(seconds)
        await self.use(1 - replica, which, 1)

    async def race(self, which: int) -> None:
        """Both instances get the newest token at one moment: both give the same child."""
        if self.chains:
            chain = self.chains[which % len(self.chains)]
            index = len(chain.tokens) - 1
            token = chain.tokens[index]
            expected = chain.expected(index, self.now)
            found = await asyncio.gather(*(self._outcome(n, token) for n in (0, 1)))
            assert found == [expected, expected]

    async def end(self, replica: int, which: int) -> None:
        if self.chains:
            chain = self.chains[which % len(self.chains)]
            await self.replicas[replica].end(self.user_id, chain.session.id)
            chain.is_ended = True

    async def end_all(self, replica: int) -> None:
        store = self.replicas[replica]
        await store.end(self.user_id, *await store.ids(self.user_id))
        for chain in self.chains:
            chain.is_ended = True

    async def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def check(self) -> None:
        """The sessions that can be seen are those that are alive."""
        alive = {
            chain.session.id
            for chain in self.chains
            if not chain.is_ended and self.now < chain.last_used + IDLE
        }
        seen = await self.replicas[0].list(self.user_id, self.now)
        assert {session.id for session in seen} == alive

    async def _outcome(self, replica: int, token: RefreshToken) -> str:
        try:
            await self.replicas[replica].rotate(rotation_of(token, self.now))
        except RefreshTokenReused as error:
            await self.replicas[replica].end(self.user_id, token.session_id)
            return error.reason
        except errors.SessionEnded as error:
            return error.reason
        return "given"


REPLICA = st.integers(0, 1)
WHICH = st.sampled_from([0, 0, 0, 1])
# Within the time of repeats, at its end and beyond.
SECONDS = st.sampled_from([1, REPEAT_SECONDS - 1, REPEAT_SECONDS, 3_600])
COMMON = (
    st.tuples(st.just("use"), REPLICA, WHICH, st.just(0)),
    st.tuples(st.just("use"), REPLICA, WHICH, st.just(1)),
    st.tuples(st.just("repeat"), REPLICA, WHICH, SECONDS),
    st.tuples(st.just("race"), WHICH),
    st.tuples(st.just("wait"), SECONDS),
)
# Most of these are an end, after which nothing interesting happens.
RARE = st.one_of(
    st.tuples(st.just("login"), REPLICA),
    st.tuples(st.just("use"), REPLICA, WHICH, st.integers(2, 3)),
    st.tuples(st.just("wait"), st.just(IDLE.total_seconds())),
    st.tuples(st.just("end"), REPLICA, WHICH),
    st.tuples(st.just("end_all"), REPLICA),
)
STEPS = st.one_of(*COMMON, RARE)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, min_size=3, max_size=20))
async def test_any_history_comes_to_what_the_model_says(
    replicas: list[MongoSessionStore], steps: list[tuple[str, ...]]
) -> None:
    history = History(replicas)
    await history.login(0)
    for name, *arguments in steps:
        await getattr(history, name)(*arguments)
        await history.check()
