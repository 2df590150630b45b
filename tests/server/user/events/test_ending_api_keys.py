"""What a suspension does to API keys: they are gone, also when it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.kit import errors
from server.kit.auth import Signer
from server.kit.context import Role
from server.kit.outbox import Away, Event
from server.kit.postgres import Pool
from server.user.accounts.rules import Changed, Status, User
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.api_keys.store import PostgresApiKeyStore
from server.user.events.encoding import to_outbox
from server.user.events.ending_api_keys import EndingApiKeys
from tests.server.conftest import Token
from tests.server.user.api_keys.test_exchange import asking, no
from tests.server.user.api_keys.test_service import new
from tests.server.user.doors import Door
from tests.server.user.samples import become, opened


@pytest.fixture
async def owner(store: PostgresUserStore, anyone: Door, token: Token) -> Door:
    user = opened().user
    await store.create(opened(id=user.id), None, None, b"")
    return anyone.with_token(token("CUSTOMER", user.id), user.id)


@pytest.fixture
def owner_since(anyone: Door, owner: Door, signer: Signer) -> Door:
    """The owner, signed in anew after two changes: what began before a suspension has ended."""
    token = signer.sign(owner.user_id, Role.CUSTOMER, account_version=3)
    return anyone.with_token(token, owner.user_id)


@pytest.fixture
def ending(user_pool: Pool) -> EndingApiKeys:
    return EndingApiKeys(PostgresApiKeyStore(user_pool, to_outbox, lambda: None))


async def change(store: PostgresUserStore, owner: Door, **fields: Any) -> Event:
    """Changes the account; gives the event as a relay has it."""
    made: list[Changed] = []

    def work(was: User) -> Changed:
        made.append(become(was, **fields))
        return made[-1]

    await store.update(owner.user_id, work)
    event = made[-1].event
    assert event
    return replace(to_outbox(event), occurred_at=datetime.now(UTC))


async def test_a_suspension_ends_keys_for_good(
    anyone: Door,
    store: PostgresUserStore,
    owner: Door,
    owner_since: Door,
    ending: EndingApiKeys,
) -> None:
    key = await owner("CreateApiKey", new())
    event = await change(store, owner, status=Status.DISABLED)
    assert await no(anyone("ExchangeApiKey", asking(key))) == "INVALID_CLIENT"  # at once
    await ending.send([event])
    await change(store, owner, status=Status.ACTIVE)
    assert await no(anyone("ExchangeApiKey", asking(key))) == "INVALID_CLIENT"

    # Again, as a relay would that died; what was made since stays.
    since = await owner_since("CreateApiKey", new())
    await ending.send([replace(event, occurred_at=event.occurred_at - timedelta(minutes=1))])
    assert await anyone("ExchangeApiKey", asking(since))


async def test_a_key_that_was_made_while_the_account_was_being_disabled_ends_too(
    anyone: Door,
    store: PostgresUserStore,
    owner: Door,
    owner_since: Door,
    ending: EndingApiKeys,
) -> None:
    event = await change(store, owner, status=Status.DISABLED)
    await change(store, owner, status=Status.ACTIVE)
    key = await owner_since("CreateApiKey", new())
    await ending.send([event])
    assert await no(anyone("ExchangeApiKey", asking(key))) == "INVALID_CLIENT"


async def test_other_changes_end_nothing(
    anyone: Door, store: PostgresUserStore, owner: Door, ending: EndingApiKeys
) -> None:
    key = await owner("CreateApiKey", new())
    await ending.send([await change(store, owner, full_name="Ann Other")])
    assert await anyone("ExchangeApiKey", asking(key))


async def test_an_event_waits_for_a_database_that_is_away(
    store: PostgresUserStore, owner: Door, user_pool: Pool
) -> None:
    class Unreachable(PostgresApiKeyStore):
        async def delete_all(self, user_id: str, made_until: datetime) -> None:
            raise errors.Unavailable("the database cannot be reached")

    event = await change(store, owner, status=Status.DISABLED)
    with pytest.raises(Away):
        await EndingApiKeys(Unreachable(user_pool, to_outbox, lambda: None)).send([event])
