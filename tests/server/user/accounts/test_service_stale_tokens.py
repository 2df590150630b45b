"""Tokens whose account was demoted, disabled or deleted since: the account decides."""

from typing import Any

import grpc
import pytest

from emporium.type.v1.role_pb2 import ADMIN, CUSTOMER, STAFF
from emporium.user.v1 import user_service_pb2 as pb
from server.kit.context import Role
from tests.server.conftest import Token
from tests.server.refusals import Refused, refused
from tests.server.user.conftest import SignedIn
from tests.server.user.doors import Door, create

WAYS_TO_LOSE: dict[str, dict[str, Any] | None] = {
    "demoted": {"role": CUSTOMER},
    "disabled": {"status": pb.User.DISABLED},
    "both": {"role": CUSTOMER, "status": pb.User.DISABLED},
    "deleted": None,
}


async def lose(admin: Door, loser: Door, how: str) -> None:
    fields = WAYS_TO_LOSE[how]
    if fields is None:
        await admin("DeleteUser", pb.DeleteUserRequest(user_id=loser.user_id))
    else:
        await admin("UpdateUser", pb.UpdateUserRequest(user_id=loser.user_id, **fields))


def is_refused_as(answer: Refused, how: str, otherwise: str) -> bool:
    if how == "demoted":
        return answer.reason == otherwise
    return (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "ACCOUNT_INACTIVE")


@pytest.mark.parametrize("how", WAYS_TO_LOSE)
async def test_a_fallen_admin_cannot_restore_himself(
    signed_in: SignedIn, admin_door: Door, how: str
) -> None:
    fallen = await signed_in(Role.ADMIN)
    await lose(admin_door, fallen, how)
    restoring = pb.UpdateUserRequest(user_id=fallen.user_id, role=ADMIN, status=pb.User.ACTIVE)
    assert is_refused_as(await refused(fallen("UpdateUser", restoring)), how, "ROLE_NOT_ALLOWED")
    if how != "deleted":
        kept = await admin_door("GetUser", pb.GetUserRequest(user_id=fallen.user_id))
        assert (kept.role == CUSTOMER) == ("role" in (WAYS_TO_LOSE[how] or {}))
        assert (kept.status == pb.User.DISABLED) == ("status" in (WAYS_TO_LOSE[how] or {}))


@pytest.mark.parametrize("how", WAYS_TO_LOSE)
async def test_a_fallen_admin_is_one_nowhere(
    signed_in: SignedIn, admin_door: Door, how: str
) -> None:
    fallen, victim = await signed_in(Role.ADMIN), await signed_in(Role.CUSTOMER)
    await fallen("ListUsers", pb.ListUsersRequest(per_page=1))  # which the service may remember
    await lose(admin_door, fallen, how)
    user_id = victim.user_id
    acts = [
        ("ListUsers", pb.ListUsersRequest(), "PERMISSION_DENIED"),
        ("GetUser", pb.GetUserRequest(user_id=user_id), "USER_NOT_FOUND"),
        ("UpdateUser", pb.UpdateUserRequest(user_id=user_id, full_name="X"), "USER_NOT_FOUND"),
        ("UpdateUser", pb.UpdateUserRequest(user_id=user_id, role=ADMIN), "USER_NOT_FOUND"),
        ("DeleteUser", pb.DeleteUserRequest(user_id=user_id), "USER_NOT_FOUND"),
        ("CreateUser", create(role=ADMIN), "ROLE_NOT_ALLOWED"),
        ("CreateUser", create(password=None), "PASSWORD_REQUIRED"),
    ]
    for name, request, reason in acts:
        assert is_refused_as(await refused(fallen(name, request)), how, reason), name
    kept = await admin_door("GetUser", pb.GetUserRequest(user_id=user_id))
    assert (kept.etag, kept.role) == ("1", CUSTOMER)


async def test_who_is_demoted_to_staff_keeps_what_staff_may(
    signed_in: SignedIn, admin_door: Door
) -> None:
    demoted = await signed_in(Role.ADMIN)
    await admin_door("UpdateUser", pb.UpdateUserRequest(user_id=demoted.user_id, role=STAFF))
    assert (await demoted("CreateUser", create(password=None))).role == CUSTOMER
    answer = await refused(demoted("CreateUser", create(role=STAFF)))
    assert answer.reason == "ROLE_NOT_ALLOWED"


@pytest.mark.parametrize("how", ["disabled", "deleted"])
async def test_an_account_that_is_shut_changes_nothing_of_its_own(
    signed_in: SignedIn, admin_door: Door, how: str
) -> None:
    gone = await signed_in(Role.CUSTOMER)
    await lose(admin_door, gone, how)
    for name, request in (
        ("UpdateUser", pb.UpdateUserRequest(user_id=gone.user_id, full_name="Somebody Else")),
        ("DeleteUser", pb.DeleteUserRequest(user_id=gone.user_id)),
        ("CreateUser", create()),
    ):
        assert is_refused_as(await refused(gone(name, request)), how, "")


async def test_who_was_promoted_has_the_new_role_by_the_next_token(
    signed_in: SignedIn, admin_door: Door, token: Token
) -> None:
    promoted, other = await signed_in(Role.CUSTOMER), await signed_in(Role.CUSTOMER)
    await admin_door("UpdateUser", pb.UpdateUserRequest(user_id=promoted.user_id, role=ADMIN))
    answer = await refused(promoted("CreateUser", create(role=STAFF)))
    assert answer.reason == "ROLE_NOT_ALLOWED"
    answer = await refused(promoted("ListUsers", pb.ListUsersRequest()))
    assert answer.reason == "PERMISSION_DENIED"
    answer = await refused(promoted("GetUser", pb.GetUserRequest(user_id=other.user_id)))
    assert answer.reason == "USER_NOT_FOUND"

    again = promoted.with_token(token("ADMIN", promoted.user_id), promoted.user_id)
    assert (await again("CreateUser", create(role=STAFF, password=None))).role == STAFF


async def test_a_service_needs_no_account(
    user_channel: grpc.aio.Channel, signed_in: SignedIn, token: Token
) -> None:
    customer = await signed_in(Role.CUSTOMER)
    door = Door(user_channel, token("SERVICE"))
    found = await door("BatchGetUsers", pb.BatchGetUsersRequest(user_ids=[customer.user_id]))
    assert [user.id for user in found.users] == [customer.user_id]
