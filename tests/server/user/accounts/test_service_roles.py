"""The user service through its gRPC door: shutting accounts, opening them again, giving roles."""

import uuid
from typing import Any

import grpc
import pytest

from emporium.type.v1.role_pb2 import ADMIN, CUSTOMER, SERVICE, STAFF
from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import user_service_pb2 as pb
from server.kit.context import Role
from server.kit.postgres import Pool
from tests.server.refusals import refused
from tests.server.user.conftest import SignedIn
from tests.server.user.doors import PASSWORD, Door, create

ACTS: list[tuple[str, Any]] = [
    ("SuspendUser", pb.SuspendUserRequest()),
    ("ReinstateUser", pb.ReinstateUserRequest()),
    ("SetUserRole", pb.SetUserRoleRequest(role=STAFF)),
]


def of(request: Any, user_id: str, **fields: Any) -> Any:
    made = type(request)()
    made.MergeFrom(request)
    made.MergeFrom(type(request)(user_id=user_id, **fields))
    return made


async def test_a_suspended_account_does_nothing_until_it_is_reinstated(
    anyone: Door, admin_door: Door
) -> None:
    user = await admin_door("CreateUser", create())
    login = auth_service_pb2.LoginRequest(email=user.email, password=PASSWORD)

    suspended = await admin_door("SuspendUser", pb.SuspendUserRequest(user_id=user.id))
    assert (suspended.status, suspended.role) == (pb.User.DISABLED, CUSTOMER)
    assert (await refused(anyone("Login", login))).reason == "BAD_CREDENTIALS"

    reinstated = await admin_door("ReinstateUser", pb.ReinstateUserRequest(user_id=user.id))
    assert reinstated.status == pb.User.ACTIVE
    assert (await anyone("Login", login)).user == reinstated
    assert await admin_door("GetUser", pb.GetUserRequest(user_id=user.id)) == reinstated


async def test_a_suspended_caller_is_refused_by_the_next_change(
    signed_in: SignedIn, admin_door: Door
) -> None:
    fallen = await signed_in(Role.ADMIN)
    await admin_door("SuspendUser", pb.SuspendUserRequest(user_id=fallen.user_id))
    request = pb.ReinstateUserRequest(user_id=fallen.user_id)
    assert (await refused(fallen("ReinstateUser", request))).reason == "ACCOUNT_INACTIVE"


@pytest.mark.parametrize("role", [CUSTOMER, STAFF, ADMIN])
async def test_a_role_is_given(anyone: Door, admin_door: Door, role: Any) -> None:
    user = await admin_door("CreateUser", create(password=None))
    answer = await admin_door("SetUserRole", pb.SetUserRoleRequest(user_id=user.id, role=role))
    assert (answer.role, answer.status) == (role, pb.User.ACTIVE)
    assert (answer.etag == user.etag) == (role == CUSTOMER)
    assert await admin_door("GetUser", pb.GetUserRequest(user_id=user.id)) == answer


@pytest.mark.parametrize("role", [0, SERVICE, 99])
async def test_no_person_has_any_other_role(anyone: Door, admin_door: Door, role: Any) -> None:
    user = await admin_door("CreateUser", create())
    request = pb.SetUserRoleRequest(user_id=user.id, role=role)
    found = await refused(admin_door("SetUserRole", request))
    assert (found.reason, found.fields) == ("VALIDATION_FAILED", ["role"])


@pytest.mark.parametrize(("name", "request_"), ACTS)
async def test_only_admins_act_on_accounts(
    anyone: Door, staff: Door, signed_in: SignedIn, name: str, request_: Any
) -> None:
    customer = await signed_in(Role.CUSTOMER)
    for door, reason in (
        (anyone, "UNAUTHENTICATED"),
        (staff, "PERMISSION_DENIED"),
        (customer, "PERMISSION_DENIED"),
    ):
        answer = await refused(door(name, of(request_, customer.user_id)))
        assert answer.reason == reason


@pytest.mark.parametrize(("name", "request_"), ACTS)
async def test_a_missing_account_and_an_outdated_etag_are_refused(
    anyone: Door, admin_door: Door, name: str, request_: Any
) -> None:
    missing = await refused(admin_door(name, of(request_, str(uuid.uuid4()))))
    assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")

    user = await admin_door("CreateUser", create(password=None))
    outdated = await refused(admin_door(name, of(request_, user.id, etag="7")))
    assert outdated.reason == "ETAG_MISMATCH"
    by_header = await refused(admin_door(name, of(request_, user.id), ("if-match", '"7"')))
    assert by_header.reason == "ETAG_MISMATCH"
    assert (await admin_door(name, of(request_, user.id, etag=user.etag))).id == user.id


@pytest.mark.parametrize(("name", "request_"), ACTS)
async def test_a_repeat_by_the_same_key_gets_the_first_answer(
    anyone: Door, admin_door: Door, user_pool: Pool, name: str, request_: Any
) -> None:
    user = await admin_door("CreateUser", create(password=None))
    await admin_door("UpdateUser", pb.UpdateUserRequest(user_id=user.id, status=pb.User.DISABLED))
    keyed = of(request_, user.id, etag="2", request_id=str(uuid.uuid4()))
    first = await admin_door(name, keyed)
    change = pb.UpdateUserRequest(user_id=user.id, full_name="Changed since")
    await admin_door("UpdateUser", change)
    assert await admin_door(name, keyed) == first  # though the etag is another by now

    another = of(request_, user.id, request_id=keyed.request_id)
    assert (await refused(admin_door(name, another))).reason == "IDEMPOTENCY_KEY_REUSED"

    await admin_door("DeleteUser", pb.DeleteUserRequest(user_id=user.id))
    kept = await user_pool.fetchval(
        "SELECT count(*) FROM idempotency_keys WHERE key = $1", keyed.request_id
    )
    assert kept == 0


@pytest.mark.parametrize(("name", "request_"), ACTS)
async def test_what_is_so_already_changes_nothing_and_tells_nobody(
    anyone: Door, admin_door: Door, user_pool: Pool, name: str, request_: Any
) -> None:
    user = await admin_door("CreateUser", create(password=None))
    first = await admin_door(name, of(request_, user.id))
    assert await admin_door(name, of(request_, user.id)) == first
    events = await user_pool.fetchval(
        "SELECT count(*) FROM outbox WHERE aggregate_id = $1::uuid", user.id
    )
    assert events == int(first.etag)
