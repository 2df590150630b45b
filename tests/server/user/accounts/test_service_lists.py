"""The user service through its gRPC door: lists of accounts, page by page."""

import uuid
from typing import Any

import pytest

from emporium.user.v1 import user_service_pb2 as pb
from server.user.accounts.store import accounts as stores
from tests.server.refusals import refused
from tests.server.user.doors import Door, create


async def test_only_admins_list_accounts(anyone: Door, staff: Door, admin_door: Door) -> None:
    request = pb.ListUsersRequest()
    assert (await refused(anyone("ListUsers", request))).reason == "UNAUTHENTICATED"
    assert (await refused(staff("ListUsers", request))).reason == "PERMISSION_DENIED"
    assert (await admin_door("ListUsers", request)).meta.page == 1


async def test_pages_follow_each_other_without_gap_or_repeat(
    anyone: Door, admin_door: Door
) -> None:
    name = f"Paged {uuid.uuid4()}"
    created = {(await anyone("CreateUser", create(full_name=name))).id for _ in range(5)}
    seen, request = [], pb.ListUsersRequest(per_page=2, sort="full_name:desc")
    while True:
        answer = await admin_door("ListUsers", request)
        seen += [user.id for user in answer.users if user.full_name == name]
        if not answer.meta.next_page_token:
            break
        request.page_token = answer.meta.next_page_token
    assert sorted(seen) == sorted(created)


@pytest.mark.parametrize("sort", ["email", "full_name"])
async def test_lists_go_on_behind_the_longest_values(
    anyone: Door, admin_door: Door, sort: str
) -> None:
    name = "🎁" * 100
    local, domain = "a" * 60, ".".join(["b" * 60] * 3)
    created = set()
    for _ in range(3):
        email = f"{local}@{uuid.uuid4().hex[:9]}.{domain}"
        account = await anyone("CreateUser", create(full_name=name, email=email))
        created.add(account.id)
    seen: set[str] = set()
    request = pb.ListUsersRequest(per_page=1, sort=f"{sort}:asc")
    while not created <= seen:
        answer = await admin_door("ListUsers", request)
        seen |= {user.id for user in answer.users}
        assert answer.meta.next_page_token or created <= seen
        request.page_token = answer.meta.next_page_token


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"sort": "shoe_size"}, "UNKNOWN_SORT_FIELD", "sort"),
        ({"sort": "email:sideways"}, "UNKNOWN_SORT_FIELD", "sort"),
        ({"status": "actve"}, "INVALID_FILTER", "status"),
        ({"role": "service"}, "INVALID_FILTER", "role"),
        ({"created_after": "yesterday"}, "INVALID_FILTER", "created_after"),
        ({"q": " @ "}, "INVALID_FILTER", "q"),
        ({"q": "a b c d e f g h i"}, "INVALID_FILTER", "q"),
        ({"q": "x" * 101}, "VALIDATION_FAILED", "q"),
        ({"page_token": "bm9uc2Vuc2U"}, "INVALID_PAGE_TOKEN", "page_token"),
        ({"page": 2, "page_token": "x"}, "VALIDATION_FAILED", "page"),
        ({"per_page": 101}, "VALIDATION_FAILED", "per_page"),
    ],
)
async def test_a_list_that_cannot_be_is_refused_by_name(
    admin_door: Door, fields: dict[str, Any], reason: str, field: str
) -> None:
    found = await refused(admin_door("ListUsers", pb.ListUsersRequest(**fields)))
    assert (found.reason, found.fields) == (reason, [field])


async def test_a_token_of_another_list_is_refused(anyone: Door, admin_door: Door) -> None:
    for _ in range(2):
        await anyone("CreateUser", create())
    first = await admin_door("ListUsers", pb.ListUsersRequest(per_page=1, status="active"))
    other = pb.ListUsersRequest(per_page=1, page_token=first.meta.next_page_token)
    assert (await refused(admin_door("ListUsers", other))).reason == "INVALID_PAGE_TOKEN"


async def test_a_page_beyond_the_end_is_empty(admin_door: Door) -> None:
    answer = await admin_door("ListUsers", pb.ListUsersRequest(page=100_000))
    assert (list(answer.users), answer.meta.next_page_token) == ([], "")


async def found_by(door: Door, q: str, **fields: Any) -> set[str]:
    answer = await door("ListUsers", pb.ListUsersRequest(q=q, per_page=100, **fields))
    return {user.full_name for user in answer.users}


@pytest.mark.parametrize("found_max", [10_000, -1])  # few are found, and many
async def test_accounts_are_found_by_the_beginnings_of_their_words(
    anyone: Door, admin_door: Door, monkeypatch: pytest.MonkeyPatch, found_max: int
) -> None:
    monkeypatch.setattr(stores, "_FOUND_MAX", found_max)
    domain = f"{uuid.uuid4().hex}.example"
    names = ["Ann Lee", "Zo\u00eb Lee-\u0141ukasz", "O'Brien \u5c71\u7530"]
    for n, name in enumerate(names):
        await anyone("CreateUser", create(full_name=name, email=f"user{n}.x+y@{domain}"))
    ann, zoe, brien = names
    for q, found in (
        (domain, {ann, zoe, brien}),
        (f"@{domain[:12]}", {ann, zoe, brien}),
        (f"user1.x+y@{domain}", {zoe}),
        (f"{domain} lee", {ann, zoe}),
        (f"LEE {domain} ann", {ann}),
        (f"ann ann {domain}", {ann}),
        (f"{domain} zoe\u0308", {zoe}),
        (f"{domain} \u0142uk", {zoe}),
        (f"{domain} o'br", {brien}),
        (f"{domain} \u5c71", {brien}),
        (f"{domain} \uff41\uff4e\uff4e", {ann}),
        (f"{domain} nn", set()),  # not the middle of a word
        (f"{domain} ee", set()),
        (f"{domain} ' | 'lee", {ann, zoe}),
        (f"{domain} lee:*", {ann, zoe}),
        (f"{domain} !lee", {ann, zoe}),
    ):
        assert await found_by(admin_door, q) == found, q


async def test_words_narrow_with_the_other_filters_and_pages_follow(
    anyone: Door, admin_door: Door
) -> None:
    domain = f"{uuid.uuid4().hex}.example"
    for n in range(5):
        email = f"user{n}@{domain}"
        user = await anyone("CreateUser", create(full_name=f"Name {n}", email=email))
        if n % 2:
            await admin_door("SuspendUser", pb.SuspendUserRequest(user_id=user.id))
    assert await found_by(admin_door, domain, status="disabled") == {"Name 1", "Name 3"}
    assert await found_by(admin_door, domain, role="staff") == set()
    assert await found_by(admin_door, domain, created_before="2020-01-01") == set()

    seen, request = [], pb.ListUsersRequest(q=domain, per_page=2, sort="full_name:desc")
    while True:
        answer = await admin_door("ListUsers", request)
        assert answer.meta.total == 5
        seen += [user.full_name for user in answer.users]
        if not answer.meta.next_page_token:
            break
        request.page_token = answer.meta.next_page_token
    assert seen == [f"Name {n}" for n in (4, 3, 2, 1, 0)]
    request.q = f"{domain} name"
    assert (await refused(admin_door("ListUsers", request))).reason == "INVALID_PAGE_TOKEN"


async def test_what_was_changed_or_deleted_is_found_as_it_is_now(
    anyone: Door, admin_door: Door
) -> None:
    before, after = uuid.uuid4().hex, uuid.uuid4().hex
    user = await anyone("CreateUser", create(full_name=before))
    await admin_door("UpdateUser", pb.UpdateUserRequest(user_id=user.id, full_name=after))
    assert await found_by(admin_door, before) == set()
    assert await found_by(admin_door, after) == {after}
    await admin_door("DeleteUser", pb.DeleteUserRequest(user_id=user.id))
    assert await found_by(admin_door, after) == set()


async def test_the_longest_word_that_a_name_can_make_is_kept_and_found(
    anyone: Door, admin_door: Door
) -> None:
    name = "\u3316" * 100  # six times as many when it is normalised, in 1,800 bytes
    await anyone("CreateUser", create(full_name=name))
    assert await found_by(admin_door, "\u3316" * 100) == {name}
