"""What an end of an account does to its sessions, through the outbox: soon, or when it can."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import grpc
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from uuid_utils import uuid7

from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import session_service_pb2 as session_pb
from emporium.user.v1 import user_service_pb2 as pb
from server.kit import auth, errors, outbox, postgres
from server.kit.context import Role
from server.kit.mongo import Database
from server.kit.outbox import Away, Event, OutboxMetrics
from server.kit.postgres import Pool
from server.settings import Tokens
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.app import registrations
from server.user.app.callers import standings
from server.user.app.destinations import erasing_sessions, session_ends
from server.user.events.encoding import to_outbox
from server.user.events.ending_sessions import EndingSessions
from server.user.passwords.hashing import hashing
from server.user.sessions.rules import SessionEnd
from server.user.sessions.store import MongoSessionStore
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.refusals import refused
from tests.server.user.conftest import CHEAPEST_BCRYPT, unheard, unreachable_mongo
from tests.server.user.doors import PASSWORD, Door, create
from tests.server.user.samples import HASH, opened

Login = auth_service_pb2.LoginResponse


class Watched(EndingSessions):
    """Remembers what has arrived."""

    def __init__(self, database: Database, pool: Pool) -> None:
        ends, erasing = session_ends(pool, lambda: None), erasing_sessions(pool, database)
        super().__init__(MongoSessionStore(database), ends, erasing)
        self.arrived: list[Event] = []
        self._more = asyncio.Condition()

    async def send(self, events: Sequence[Event]) -> None:
        await super().send(events)
        async with self._more:
            self.arrived += events
            self._more.notify_all()

    async def until(self, kind: str, user_id: str) -> Event:
        """The event of that kind about that account, once it has arrived."""

        def found() -> list[Event]:
            return [
                event
                for event in self.arrived
                if event.type.endswith(kind) and event.aggregate_id == user_id
            ]

        async with asyncio.timeout(10), self._more:
            await self._more.wait_for(lambda: bool(found()))
        return found()[0]


@dataclass
class Running:
    """A service whose outbox is sent on while `relaying` lasts."""

    channel: grpc.aio.Channel
    anyone: Door
    admin: Door
    pool: Pool
    dsn: str
    mongo: Database

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[Watched]:
        watched = Watched(self.mongo, self.pool)
        metrics = OutboxMetrics(CollectorRegistry())
        async with outbox.relaying(self.pool, self.dsn, [watched], metrics=metrics):
            yield watched

    async def sign_in(self, email: str = "") -> Login:
        email = email or (await self.anyone("CreateUser", create())).email
        request = auth_service_pb2.LoginRequest(email=email, password=PASSWORD)
        answer: Login = await self.anyone("Login", request)
        return answer

    async def set_status(self, user_id: str, status: pb.User.Status.ValueType) -> None:
        await self.admin("UpdateUser", pb.UpdateUserRequest(user_id=user_id, status=status))

    async def told(self, session_id: str) -> int:
        """How often the feed tells of the end of that session."""
        count: int = await self.pool.fetchval(
            "SELECT count(*) FROM revocations WHERE session_id = $1", session_id
        )
        return count

    async def kept(self, user_id: str) -> set[str]:
        """The ids of the account's sessions, as they are stored."""
        found = self.mongo.collection("sessions").find({"user_id": user_id})
        return {str(each["_id"]) async for each in found}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(
    new_database: NewDatabase,
    user_mongo: Database,
    signer: auth.Signer,
    token: Token,
    serve: Serve,
) -> AsyncIterator[Running]:
    settings = await new_database("user")
    async with (
        postgres.connected(settings) as pool,
        hashing(CHEAPEST_BCRYPT, 2) as hasher,
        standings(pool, unheard(pool)) as accounts,
        serve(
            registrations(pool, user_mongo, hasher, signer, lambda: None, accounts, Tokens()),
            accounts,
        ) as channel,
    ):
        admin = opened(role=Role.ADMIN)
        store = PostgresUserStore(pool, encode=to_outbox, wake=lambda: None)
        await store.create(admin, HASH, None, b"")
        back_office = Door(channel, token("ADMIN", admin.user.id))
        made = Running(channel, Door(channel), back_office, pool, settings.database_url, user_mongo)
        async with made.relaying():
            pass  # which registers it: from now on events wait for it
        yield made


async def refresh(running: Running, login: Login) -> Login:
    request = session_pb.RefreshRequest(refresh_token=login.refresh_token)
    answer: Login = await running.anyone("Refresh", request)
    return answer


async def test_a_disabled_accounts_sessions_end_for_good(running: Running) -> None:
    async with running.relaying() as sessions:
        logins = [await running.sign_in()]
        logins.append(await running.sign_in(logins[0].user.email))
        user_id, other = logins[0].user.id, await running.sign_in()
        await running.set_status(user_id, pb.User.DISABLED)
        disabling = await sessions.until("UserUpdated", user_id)
        assert await running.kept(user_id) == set()
        assert await running.kept(other.user.id) == {other.session_id}

        await running.set_status(user_id, pb.User.ACTIVE)
        for login in logins:
            assert (await refused(refresh(running, login))).reason == "SESSION_ENDED"
        since = await running.sign_in(logins[0].user.email)
        # Again, as a relay would that died; it takes a minute until another begins.
        long_ago = disabling.occurred_at - timedelta(minutes=1)
        await sessions.send([replace(disabling, occurred_at=long_ago)])
        await refresh(running, since)


async def test_a_login_while_the_account_is_being_disabled_ends_with_the_others(
    running: Running,
) -> None:
    """The event is older than the session, and is committed after the login has looked."""
    async with running.relaying() as sessions:
        login = await running.sign_in()
        await running.set_status(login.user.id, pb.User.DISABLED)
        disabling = await sessions.until("UserUpdated", login.user.id)
        await running.set_status(login.user.id, pb.User.ACTIVE)
        since = await running.sign_in(login.user.email)
        await sessions.send([disabling])
        assert (await refused(refresh(running, since))).reason == "SESSION_ENDED"


async def test_nothing_is_left_of_a_deleted_accounts_sessions(running: Running) -> None:
    async with running.relaying() as sessions:
        login = await running.sign_in()
        await running.admin("DeleteUser", pb.DeleteUserRequest(user_id=login.user.id))
        await sessions.until("UserErased", login.user.id)
        assert await running.kept(login.user.id) == set()
        assert (await refused(refresh(running, login))).reason == "ACCOUNT_INACTIVE"


async def test_other_changes_of_an_account_end_nothing(running: Running) -> None:
    async with running.relaying() as sessions:
        login = await running.sign_in()
        change = pb.UpdateUserRequest(user_id=login.user.id, full_name="Ann Other")
        await running.admin("UpdateUser", change)
        await sessions.until("UserUpdated", login.user.id)
        assert (await refresh(running, login)).user.full_name == "Ann Other"


async def test_what_was_not_sent_when_a_process_died_is_sent_by_the_next(
    running: Running,
) -> None:
    """Between the commit in PostgreSQL and the change in MongoDB: here nobody relays at all."""
    login = await running.sign_in()
    await running.set_status(login.user.id, pb.User.DISABLED)
    assert await running.kept(login.user.id) == {login.session_id}
    # Not even then does the session go on.
    assert (await refused(refresh(running, login))).reason == "ACCOUNT_INACTIVE"
    async with running.relaying() as sessions:
        await sessions.until("UserUpdated", login.user.id)
        assert await running.kept(login.user.id) == set()


async def test_a_session_whose_end_was_committed_ends_though_the_process_died(
    running: Running,
) -> None:
    """Between the commit in PostgreSQL and the change in MongoDB, as above."""
    login = await running.sign_in()
    user_id, session_id = login.user.id, login.session_id
    end = SessionEnd(str(uuid7()), session_id, user_id, datetime.now(UTC))
    ends = session_ends(running.pool, lambda: None)
    for each in (end, replace(end, id=str(uuid7()))):  # the caller had no answer, and repeats
        await ends.end(each)
    assert await running.kept(user_id) == {session_id}
    assert await running.told(session_id) == 1
    since = await refresh(running, login)  # a token that is younger than the act
    async with running.relaying() as sessions:
        await sessions.until("SessionEnded", session_id)
        assert await running.kept(user_id) == set()
    assert await running.told(session_id) == 2  # the second also ends the younger token
    assert (await refused(refresh(running, since))).reason == "SESSION_ENDED"


async def test_no_session_is_ended_that_the_feed_does_not_tell_of(running: Running) -> None:
    class Dying(MongoSessionStore):
        async def end(self, user_id: str, *session_ids: str) -> bool:
            raise errors.Unavailable("gone", retry_after_seconds=1)

    login = await running.sign_in()
    await running.set_status(login.user.id, pb.User.DISABLED)
    async with running.relaying() as sessions:
        disabling = await sessions.until("UserUpdated", login.user.id)
    login = await running.sign_in((await running.anyone("CreateUser", create())).email)
    ends = session_ends(running.pool, lambda: None)
    erasing = erasing_sessions(running.pool, running.mongo)
    ending = EndingSessions(Dying(running.mongo), ends, erasing)
    with pytest.raises(Away):
        await ending.send([replace(disabling, aggregate_id=login.user.id)])
    assert await running.told(login.session_id) == 1
    assert await running.kept(login.user.id) == {login.session_id}


async def test_without_mongodb_the_event_waits(running: Running) -> None:
    login = await running.sign_in()
    await running.set_status(login.user.id, pb.User.DISABLED)
    async with running.relaying() as sessions:
        event = await sessions.until("UserUpdated", login.user.id)
    async with unreachable_mongo() as database:
        with pytest.raises(Away, match="MongoDB"):
            await Watched(database, running.pool).send([event])


async def test_a_changed_password_ends_the_sessions_but_the_one_that_changed_it(
    running: Running,
) -> None:
    async with running.relaying() as sessions:
        mine = await running.sign_in()
        other = await running.sign_in(mine.user.email)
        change = auth_service_pb2.ChangePasswordRequest(
            current_password=PASSWORD, password="battery staple horse"
        )
        await Door(running.channel, mine.access_token)("ChangePassword", change)
        await sessions.until("PasswordChanged", mine.user.id)
        assert await running.kept(mine.user.id) == {mine.session_id}
        assert (await refused(refresh(running, other))).reason == "SESSION_ENDED"
        await refresh(running, mine)
