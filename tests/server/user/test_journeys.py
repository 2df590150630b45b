"""Whatever people and admins do to accounts, in any order: it comes to what the model says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import hypothesis
import pytest
import pytest_asyncio
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test
from prometheus_client import CollectorRegistry

from server.kit import auth, outbox, postgres
from server.kit.context import Role
from server.kit.mongo import Database
from server.kit.outbox import OutboxMetrics
from server.settings import Mail, Tokens
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.app import registrations
from server.user.app.callers import standings
from server.user.app.destinations import ending_sessions, mail_destination
from server.user.events.encoding import to_outbox
from server.user.passwords.hashing import hashing
from server.user.sessions import granting
from server.user.sessions.store import MongoSessionStore
from tests.effort import Effort
from tests.server.conftest import NewDatabase, Serve
from tests.server.user.conftest import CHEAPEST_BCRYPT, unheard
from tests.server.user.doors import Door
from tests.server.user.journey_model import Mailbox, Session, Shop
from tests.server.user.journeys import Journeys
from tests.server.user.samples import HASH, opened

JOURNEYS = 12
STEPS = 30
_SECONDS_MAX = 3_600
# Guesses that are slowed down are not in the model: a journey may fail to sign in at each step.
PATIENT = Tokens(login_failures_max=1_000_000, address_failures_max=1_000_000)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(
    new_database: NewDatabase,
    user_mongo: Database,
    signer: auth.Signer,
    serve: Serve,
) -> AsyncIterator[Shop]:
    """The service with its outbox, and an admin."""
    settings = await new_database("user")
    mailbox = Mailbox()
    async with (
        postgres.connected(settings) as pool,
        hashing(CHEAPEST_BCRYPT, 2) as hasher,
        standings(pool, unheard(pool)) as accounts,
        outbox.relaying(
            pool,
            settings.database_url,
            [
                ending_sessions(pool, user_mongo, lambda: None),
                mail_destination(pool, mailbox, signer, Mail()),
            ],
            metrics=OutboxMetrics(CollectorRegistry()),
        ) as wake,
        serve(
            registrations(pool, user_mongo, hasher, signer, wake, accounts, PATIENT), accounts
        ) as channel,
    ):
        admin = opened(role=Role.ADMIN)
        await PostgresUserStore(pool, to_outbox, wake).create(admin, HASH, None, b"")
        token = signer.sign(admin.user.id, Role.ADMIN, lifetime_seconds=_SECONDS_MAX)
        door = Door(channel, token, admin.user.id)
        yield Shop(Door(channel), door, pool, mailbox, asyncio.get_running_loop())


def run(shop: Shop, effort: Effort) -> None:
    """Plays histories; raises with the shortest one that differs from the model."""
    bound: type[Journeys] = type("Bound", (Journeys,), {"shop": shop})
    run_state_machine_as_test(
        hypothesis.seed(effort.seed)(bound),
        settings=hypothesis.settings(
            max_examples=effort.times(JOURNEYS),
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            suppress_health_check=[*HealthCheck],
        ),
    )


@pytest.mark.timeout(_SECONDS_MAX)
async def test_any_journey_comes_to_what_the_model_says(shop: Shop, effort: Effort) -> None:
    await asyncio.to_thread(run, shop, effort)


def spent_twice(journey: Journeys) -> None:
    session = journey.login(journey.begin(), None)
    assert isinstance(session, Session)
    for back in (0, 0, 2):
        journey.refresh(session, back)


def shut_and_opened(journey: Journeys) -> None:
    account = journey.begin()
    session = journey.login(account, None)
    assert isinstance(session, Session)
    journey.suspend(account)
    journey.reinstate(account)
    journey.refresh(session, 0)


@pytest.mark.parametrize(
    ("defence", "found", "play"),
    [("rotate", datetime.now(UTC), spent_twice), ("ids", [], shut_and_opened)],
    ids=["rotate", "ids"],
)
async def test_the_model_sees_a_store_without(
    defence: str,
    found: object,
    play: Callable[[Journeys], None],
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That spent tokens are refused, and that sessions end with their accounts.

    Which the account says as well, so that is off, too.
    """

    async def nothing(self: MongoSessionStore, *arguments: object, **more: object) -> object:
        """Finds no fault."""
        return found

    bound: type[Journeys] = type("Bound", (Journeys,), {"shop": shop})
    await asyncio.to_thread(play, bound())
    monkeypatch.setattr(MongoSessionStore, defence, nothing)
    monkeypatch.setattr(granting, "sessions_since", lambda *_: 0)
    with pytest.raises(AssertionError):
        await asyncio.to_thread(play, bound())
