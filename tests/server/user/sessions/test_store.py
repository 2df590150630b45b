"""The sessions of MongoDB, on either driver: who of several users of one token gets what."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from server.kit import errors
from server.kit import mongo as kit_mongo
from server.kit.mongo import Database
from server.local.engines.mongo import EmbeddedMongo
from server.user.sessions.rules import (
    REPEAT_SECONDS,
    SESSIONS_MAX,
    RefreshToken,
    RefreshTokenReused,
)
from server.user.sessions.store import MongoSessionStore
from tests.server.user.conftest import new_sessions_database
from tests.server.user.sessions.rotations import IDLE, TOKENS, begun, rotation_of, session_of

# Of this year's clock, so that the server's own expiry leaves the sessions alone.
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["pymongo", "motor"])
async def database(request: pytest.FixtureRequest, mongo: EmbeddedMongo) -> AsyncIterator[Database]:
    async with kit_mongo.connected(await new_sessions_database(mongo, request.param)) as connected:
        yield connected


@pytest.fixture
def store(database: Database) -> MongoSessionStore:
    return MongoSessionStore(database)


async def outcome(store: MongoSessionStore, token: RefreshToken, at: datetime = NOW) -> str:
    """Of a use; a reuse ends the session, as `Granting` has it."""
    try:
        await store.rotate(rotation_of(token, at))
    except RefreshTokenReused as error:
        await store.end(token.user_id, token.session_id)
        return error.reason
    except errors.SessionEnded as error:
        return error.reason
    return "given"


async def test_a_session_is_read_as_it_began_and_shows_its_last_use(
    store: MongoSessionStore,
) -> None:
    session = session_of(begun=NOW)
    token = await begun(store, session)
    assert await store.list(session.user_id, NOW) == [session]
    later = NOW + timedelta(hours=1)
    await store.rotate(rotation_of(token, later))
    (seen,) = await store.list(session.user_id, later)
    assert seen == replace(
        session, last_seen_at=later, expires_at=later + IDLE, address="192.0.2.2"
    )


async def test_tokens_rest_as_hashes_alone(store: MongoSessionStore, database: Database) -> None:
    session = session_of(begun=NOW)
    token = await begun(store, session)
    await store.rotate(rotation_of(token, NOW))
    found = await database.collection("sessions").find_one({"_id": uuid.UUID(session.id)})
    kept = repr(found).encode() + b"".join(each for each in found.values() if type(each) is bytes)
    for each in (token, TOKENS.successor(token)):
        assert each.hash in kept
        assert each.body[32:] not in kept
        assert TOKENS.write(each).encode() not in kept


async def test_a_reply_that_was_lost_is_given_again_for_some_seconds(
    store: MongoSessionStore,
) -> None:
    token = await begun(store, session_of(begun=NOW))
    assert await outcome(store, token) == "given"
    soon = NOW + timedelta(seconds=REPEAT_SECONDS - 1)
    assert [await outcome(store, token, soon) for _ in range(3)] == ["given"] * 3
    # Its time counts from the first use: repeats do not lengthen it.
    late = NOW + timedelta(seconds=REPEAT_SECONDS)
    assert await outcome(store, token, late) == "REFRESH_TOKEN_REUSED"
    assert await outcome(store, TOKENS.successor(token), late) == "SESSION_ENDED"


async def test_once_the_successor_was_used_a_repeat_ends_the_session(
    store: MongoSessionStore,
) -> None:
    session = session_of(begun=NOW)
    first = await begun(store, session)
    second = TOKENS.successor(first)
    assert [await outcome(store, each) for each in (first, second)] == ["given", "given"]
    assert await outcome(store, first) == "REFRESH_TOKEN_REUSED"
    assert await outcome(store, TOKENS.successor(second)) == "SESSION_ENDED"
    assert await store.list(session.user_id, NOW) == []


async def test_a_token_of_long_ago_ends_the_session_too(store: MongoSessionStore) -> None:
    tokens = [await begun(store, session_of(begun=NOW))]
    for _ in range(4):
        await store.rotate(rotation_of(tokens[-1], NOW))
        tokens.append(TOKENS.successor(tokens[-1]))
    assert await outcome(store, tokens[0]) == "REFRESH_TOKEN_REUSED"
    assert await outcome(store, tokens[-1]) == "SESSION_ENDED"


@pytest.mark.parametrize("users", [2, 8])
async def test_of_uses_at_one_moment_no_two_get_a_token_of_their_own(
    database: Database, users: int
) -> None:
    replicas = [MongoSessionStore(database) for _ in range(users)]
    for _ in range(30):
        session = session_of(begun=NOW)
        first = await begun(replicas[0], session)
        second = TOKENS.successor(first)
        outcomes = await asyncio.gather(*(outcome(each, first) for each in replicas))
        assert outcomes == ["given"] * users  # the same, which only one can be used for
        document = await database.collection("sessions").find_one({"_id": uuid.UUID(session.id)})
        assert (document["spent_hash"], document["token_hash"]) == (first.hash, second.hash)


async def test_a_use_and_a_reuse_at_one_moment_leave_one_child_or_none(
    database: Database,
) -> None:
    one, other = MongoSessionStore(database), MongoSessionStore(database)
    for _ in range(30):
        session = session_of(begun=NOW)
        first = await begun(one, session)
        second = TOKENS.successor(first)
        await one.rotate(rotation_of(first, NOW))
        used, reused = await asyncio.gather(outcome(one, second), outcome(other, first))
        alive = await one.list(session.user_id, NOW)
        # The repeat came first and was honest; or the use did; or it found the session ended.
        assert (used, reused, len(alive)) in {
            ("given", "given", 1),
            ("given", "REFRESH_TOKEN_REUSED", 0),
            ("SESSION_ENDED", "REFRESH_TOKEN_REUSED", 0),
        }


async def test_a_session_that_was_not_used_for_too_long_has_ended(
    store: MongoSessionStore,
) -> None:
    session = session_of(begun=NOW)
    token = await begun(store, session)
    at_its_end = session.expires_at
    assert await store.list(session.user_id, at_its_end) == []
    assert await outcome(store, token, at_its_end) == "SESSION_ENDED"


async def test_the_server_deletes_what_has_expired(database: Database) -> None:
    """By its own clock, which looks once a minute: here it is enough that it has been told to."""
    indexes = await database.command("listIndexes", "sessions")
    expiry = next(each for each in indexes["cursor"]["firstBatch"] if each["name"] == "expiry")
    assert (expiry["key"], expiry["expireAfterSeconds"]) == ({"expires_at": 1}, 0)


async def test_another_accounts_session_is_out_of_reach(store: MongoSessionStore) -> None:
    session = session_of(begun=NOW)
    token = await begun(store, session)
    stranger = str(uuid.uuid4())
    assert not await store.end(stranger, session.id)
    with pytest.raises(errors.SessionEnded):
        await store.rotate(replace(rotation_of(token, NOW), user_id=stranger))
    assert await store.list(session.user_id, NOW) == [session]
    assert await store.end(session.user_id, session.id)
    assert not await store.end(session.user_id, session.id)
    assert await outcome(store, token) == "SESSION_ENDED"


async def test_sessions_are_found_by_when_they_had_begun(store: MongoSessionStore) -> None:
    old = session_of(begun=NOW)
    young = session_of(old.user_id, NOW + timedelta(seconds=2))
    others = session_of(begun=NOW)
    for session in (old, young, others):
        await begun(store, session)
    begun_by_then = await store.ids(old.user_id, NOW + timedelta(seconds=1))
    assert begun_by_then == [old.id]
    assert await store.ids(old.user_id, but_for=old.id) == [young.id]
    assert sorted(await store.ids(old.user_id)) == sorted([old.id, young.id])
    await store.end(old.user_id, old.id, young.id, others.id)
    assert await store.list(old.user_id, NOW) == []
    assert await store.list(others.user_id, NOW) == [others]


async def test_a_login_too_many_ends_the_session_that_was_used_longest_ago(
    store: MongoSessionStore,
) -> None:
    user_id = str(uuid.uuid4())
    sessions = [session_of(user_id, NOW + timedelta(seconds=n)) for n in range(SESSIONS_MAX + 1)]
    for session in sessions[:-1]:
        assert await store.begin(session, TOKENS.first(session.id, user_id, bytes(32)).hash) == []
    last = sessions[-1]
    giving_way = await store.begin(last, TOKENS.first(last.id, user_id, bytes(32)).hash)
    assert giving_way == [sessions[0].id]
    await store.end(user_id, *giving_way)
    assert await store.list(user_id, NOW) == list(reversed(sessions[1:]))


async def test_an_answer_waits_for_the_journal_of_a_majority(store: MongoSessionStore) -> None:
    assert store._sessions.write_concern.document == {"w": "majority", "j": True}
