"""The user service through its gRPC door: lists of accounts, page by page."""

import uuid
from typing import Any

import pytest

from emporium.user.v1 import user_service_pb2 as pb
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
