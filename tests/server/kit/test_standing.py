"""What is known of accounts: how old it may be, and what is forgotten."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from server.kit import errors, standing
from server.kit.context import Caller, Role
from server.kit.standing import KEEP_SECONDS, Standing, Standings

ANN = Caller(str(uuid.uuid4()), Role.ADMIN, expires_at=0)
BOB = Caller(str(uuid.uuid4()), Role.CUSTOMER, expires_at=0)


class Store:
    """Accounts by id, and a clock."""

    def __init__(self) -> None:
        self.accounts = {
            ANN.id: Standing(Role.ADMIN, is_active=True),
            BOB.id: Standing(Role.CUSTOMER, is_active=True),
        }
        self.reads: list[Sequence[str]] = []
        self.ended: set[str] = set()  # sessions
        self.now = 100.0

    async def read(self, user_ids: Sequence[str]) -> Mapping[str, Standing]:
        self.reads.append(user_ids)
        return {each: self.accounts[each] for each in user_ids if each in self.accounts}

    def standings(self) -> Standings:
        return Standings(self.read, self.checked, batch_max=10, clock=lambda: self.now)

    def checked(self, caller: Caller) -> Caller:
        if caller.session_id in self.ended:
            raise errors.SessionEnded
        return caller


@pytest.fixture
def store() -> Store:
    return Store()


async def test_the_accounts_role_replaces_the_tokens(store: Store) -> None:
    store.accounts[ANN.id] = Standing(Role.STAFF, is_active=True)
    assert await store.standings().current(ANN, exact=True) == Caller(ANN.id, Role.STAFF, 0)


async def test_a_token_gives_no_more_than_it_was_signed_for(store: Store) -> None:
    """Of both roles the lesser one decides: who was promoted gets another token."""
    store.accounts[BOB.id] = Standing(Role.ADMIN, is_active=True)
    assert await store.standings().current(BOB, exact=True) is BOB


@pytest.mark.parametrize("exact", [True, False])
async def test_an_account_that_is_disabled_or_gone_is_refused(store: Store, exact: bool) -> None:
    standings = store.standings()
    store.accounts[ANN.id] = Standing(Role.ADMIN, is_active=False)
    del store.accounts[BOB.id]
    for caller in (ANN, BOB):
        for _ in range(2):  # also by what is remembered
            with pytest.raises(errors.AccountInactive):
                await standings.current(caller, exact=exact)


async def test_what_must_be_exact_is_read_every_time(store: Store) -> None:
    standings = store.standings()
    await standings.current(ANN, exact=True)
    store.accounts[ANN.id] = Standing(Role.ADMIN, is_active=False)
    with pytest.raises(errors.AccountInactive):
        await standings.current(ANN, exact=True)


async def test_what_has_ended_is_asked_for_with_the_account(store: Store) -> None:
    """The session ends in the store: nothing had told this process before it read the account."""
    caller = replace(BOB, session_id="one")

    async def read(user_ids: Sequence[str]) -> Mapping[str, Standing]:
        store.ended.add("one")
        return await store.read(user_ids)

    standings = Standings(read, store.checked, batch_max=10)
    with pytest.raises(errors.SessionEnded):
        await standings.current(caller, exact=True)


async def test_what_may_be_a_second_old_is_kept_for_a_second(store: Store) -> None:
    standings = store.standings()
    await standings.current(ANN, exact=False)
    store.accounts[ANN.id] = Standing(Role.CUSTOMER, is_active=True)
    store.now += KEEP_SECONDS * 0.99
    assert (await standings.current(ANN, exact=False)).role is Role.ADMIN
    store.now += KEEP_SECONDS * 0.01
    assert (await standings.current(ANN, exact=False)).role is Role.CUSTOMER
    assert len(store.reads) == 2


async def test_an_account_that_changed_here_is_read_anew(store: Store) -> None:
    standings = store.standings()
    await standings.current(ANN, exact=False)
    store.accounts[ANN.id] = Standing(Role.CUSTOMER, is_active=True)
    standings.forget(ANN.id)
    assert (await standings.current(ANN, exact=False)).role is Role.CUSTOMER


async def test_the_age_of_an_answer_is_that_of_its_question(store: Store) -> None:
    async def slow(user_ids: Sequence[str]) -> Mapping[str, Standing]:
        found = await store.read(user_ids)
        store.now += KEEP_SECONDS
        return found

    standings = Standings(slow, store.checked, batch_max=10, clock=lambda: store.now)
    for _ in range(2):
        await standings.current(ANN, exact=False)
    assert len(store.reads) == 2


async def test_who_calls_at_once_is_read_at_once(store: Store) -> None:
    standings = store.standings()
    await asyncio.gather(*(standings.current(each, exact=True) for each in (ANN, BOB, ANN)))
    assert store.reads == [[ANN.id, BOB.id]]


@pytest.mark.parametrize("subject", ["", "ann", "service:order", ANN.id.upper(), "0" * 32])
async def test_a_subject_that_can_have_no_account_spoils_nobodys_reading(
    store: Store, subject: str
) -> None:
    with pytest.raises(errors.AccountInactive):
        await store.standings().current(Caller(subject, Role.ADMIN, 0), exact=True)
    assert store.reads == []


async def test_the_memory_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "_KEEP_MAX", 1)
    standings = store.standings()
    for caller in (ANN, BOB):
        await standings.current(caller, exact=False)
    await standings.current(BOB, exact=False)  # which is remembered
    assert len(store.reads) == 2
    await standings.current(ANN, exact=False)
    assert len(store.reads) == 3
