"""What every `UserStore` must do, on the real database."""

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from uuid_utils import uuid7

from server.kit import errors, postgres
from server.kit.context import Key, Role
from server.kit.listing.paging import After, PageQuery, Sort
from server.kit.postgres import Pool
from server.user.accounts.rules import (
    Changed,
    EmailTaken,
    Filters,
    Status,
    User,
    UserEvent,
    UserNotFound,
)
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.events.encoding import to_outbox
from tests.server.conftest import NewDatabase
from tests.server.tokens import TOKENS
from tests.server.user.conftest import Wakes
from tests.server.user.samples import ERASING, NOW, become, end, opened


def query(sort: Sort, *, per_page: int = 3, page: int = 1, after: After | None = None) -> PageQuery:
    return PageQuery(sort, per_page, page, after, None, "", TOKENS)


async def keep(store: PostgresUserStore, **fields: Any) -> User:
    new = opened(**fields)
    await store.create(new, None, None, b"")
    return new.user


async def test_what_was_kept_comes_back_whole(store: PostgresUserStore) -> None:
    user = await keep(store, age=42, role=Role.STAFF, full_name="Zoë Łukasz 🦊")
    assert await store.get(user.id) == user


async def test_a_missing_account_is_not_found_by_any_method(store: PostgresUserStore) -> None:
    missing = str(uuid7())
    for call in (
        store.get(missing),
        store.update(missing, become),
        store.delete(missing, end, ERASING),
    ):
        with pytest.raises(UserNotFound):
            await call


async def test_emails_are_unique_in_any_case(store: PostgresUserStore) -> None:
    user = await keep(store)
    with pytest.raises(EmailTaken):
        await keep(store, email=user.email.upper())
    other = await keep(store)
    with pytest.raises(EmailTaken):
        await store.update(other.id, lambda was: become(was, email=user.email.title()))


async def test_an_update_whose_rule_raises_leaves_no_trace(store: PostgresUserStore) -> None:
    user = await keep(store)

    def refuse(was: User) -> Changed:
        raise errors.Outdated("changed")

    with pytest.raises(errors.Outdated):
        await store.update(user.id, refuse)
    assert await store.get(user.id) == user


async def test_racing_updates_each_see_the_one_before(store: PostgresUserStore) -> None:
    user = await keep(store)

    await asyncio.gather(*(store.update(user.id, become) for _ in range(20)))
    assert (await store.get(user.id)).version == 21


async def test_racing_creates_of_one_email_have_one_winner(store: PostgresUserStore) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    results = await asyncio.gather(
        *(keep(store, email=email) for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(result, User) for result in results) == 1
    assert sum(isinstance(result, EmailTaken) for result in results) == 19


async def test_a_key_that_came_before_changes_nothing(store: PostgresUserStore) -> None:
    key = Key("caller", "CreateUser", uuid.uuid4().hex, b"hash of the body")
    first, second = opened(), opened()
    assert await store.create(first, None, key, b"first") == b"first"
    assert await store.create(second, None, key, b"second") == b"first"
    with pytest.raises(UserNotFound):
        await store.get(second.user.id)

    with pytest.raises(errors.IdempotencyKeyReused):
        await store.create(second, None, replace(key, body_hash=b"another"), b"second")


async def test_a_create_that_fails_does_not_use_up_its_key(store: PostgresUserStore) -> None:
    taken = await keep(store)
    key = Key("caller", "CreateUser", uuid.uuid4().hex, b"hash")
    with pytest.raises(EmailTaken):
        await store.create(opened(email=taken.email), None, key, b"failed")
    assert await store.create(opened(), None, key, b"done") == b"done"


@pytest.mark.parametrize("field", ["created_at", "email", "full_name"])
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_go_through_ties_without_gap_or_repeat(
    store: PostgresUserStore, field: str, descending: bool
) -> None:
    # All of these tie by name and moment, so only the id orders them.
    born = NOW - timedelta(days=3650) - timedelta(seconds=hash((field, descending)) % 10_000)
    filters = Filters(created_after=born, created_before=born + timedelta(microseconds=1))
    users = [await keep(store, created_at=born, full_name="Tied") for _ in range(8)]
    sort = Sort(field, descending)

    seen: list[User] = []
    page = await store.list(filters, query(sort))
    while True:
        seen += page.rows
        if page.next_after is None:
            break
        page = await store.list(filters, query(sort, after=page.next_after))

    expected = sorted(users, key=lambda user: (getattr(user, field), user.id), reverse=descending)
    assert seen == expected
    assert page.total.count == len(users)


async def test_a_page_number_skips_to_where_tokens_lead(store: PostgresUserStore) -> None:
    born = NOW - timedelta(days=9999)
    filters = Filters(created_after=born, created_before=born + timedelta(microseconds=1))
    for _ in range(5):
        await keep(store, created_at=born)
    sort = Sort("created_at", descending=False)
    first = await store.list(filters, query(sort, per_page=2))
    by_token = await store.list(filters, query(sort, per_page=2, after=first.next_after))
    by_number = await store.list(filters, query(sort, per_page=2, page=2))
    assert by_number.rows == by_token.rows


async def test_filters_narrow_together(store: PostgresUserStore) -> None:
    born = NOW - timedelta(days=8888)
    wanted = await keep(store, created_at=born, role=Role.STAFF, status=Status.DISABLED)
    await keep(store, created_at=born, role=Role.STAFF)
    await keep(store, created_at=born, status=Status.DISABLED)
    page = await store.list(
        Filters(Status.DISABLED, Role.STAFF, None, born, born + timedelta(seconds=1)),
        query(Sort("created_at", descending=True)),
    )
    assert page.rows == [wanted]
    by_email = await store.list(
        Filters(email=wanted.email.upper()), query(Sort("email", descending=False))
    )
    assert by_email.rows == [wanted]


async def test_a_deleted_account_is_gone_and_a_refused_delete_keeps_it(
    store: PostgresUserStore,
) -> None:
    user = await keep(store)

    def refuse(found: User) -> UserEvent:
        raise errors.Outdated("changed")

    with pytest.raises(errors.Outdated):
        await store.delete(user.id, refuse, ERASING)
    assert await store.get(user.id) == user
    await store.delete(user.id, end, ERASING)
    with pytest.raises(UserNotFound):
        await store.get(user.id)


async def test_a_deleted_account_takes_its_answer_along_and_no_other(
    store: PostgresUserStore,
) -> None:
    kept, gone = opened(), opened()
    key_of_kept, key_of_gone = (
        Key("caller", "CreateUser", uuid.uuid4().hex, b"hash") for _ in range(2)
    )
    await store.create(kept, None, key_of_kept, b"kept")
    await store.create(gone, None, key_of_gone, b"gone")
    await store.delete(gone.user.id, end, ERASING)
    assert await store.create(opened(), None, key_of_kept, b"another") == b"kept"
    assert await store.create(opened(), None, key_of_gone, b"another") == b"another"


async def events_of(pool: Pool, user: User) -> list[tuple[int, str]]:
    rows = await pool.fetch(
        "SELECT aggregate_version, event_type FROM outbox"
        " WHERE aggregate_type = 'user' AND aggregate_id = $1 ORDER BY position",
        user.id,
    )
    return [
        (row["aggregate_version"], row["event_type"].removeprefix("emporium.user.v1."))
        for row in rows
    ]


async def test_every_change_leaves_its_event_and_what_is_refused_leaves_none(
    store: PostgresUserStore, user_pool: Pool, wakes: Wakes
) -> None:
    before = wakes.count
    user, taken = await keep(store), await keep(store)
    await store.update(user.id, become)
    with pytest.raises(EmailTaken):
        await store.update(user.id, lambda was: become(was, email=taken.email))
    await store.delete(user.id, end, ERASING)
    expected = [(1, "UserCreated"), (2, "UserUpdated"), (3, "UserErased")]
    assert await events_of(user_pool, user) == expected
    assert wakes.count == before + 4


async def test_an_account_with_a_key_is_told_once(
    store: PostgresUserStore, user_pool: Pool
) -> None:
    key = Key("caller", "CreateUser", uuid.uuid4().hex, b"hash")
    first, second = opened(), opened()
    for new in (first, second):
        await store.create(new, None, key, b"first")
    assert await events_of(user_pool, first.user) == [(1, "UserCreated")]
    assert await events_of(user_pool, second.user) == []


async def test_a_closed_pool_is_unavailable(new_database: NewDatabase) -> None:
    settings = await new_database("user")
    async with postgres.connected(settings) as pool:
        closed: Pool = pool
    with pytest.raises(errors.Unavailable):
        await PostgresUserStore(closed, to_outbox, wake=lambda: None).get(str(uuid7()))
