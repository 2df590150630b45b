"""The user service through its gRPC door: who may read and change an account, and how."""

import uuid
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from emporium.type.v1 import role_pb2
from emporium.user.v1 import events_pb2
from emporium.user.v1 import user_service_pb2 as pb
from server.kit.postgres import Pool
from tests.server.conftest import Token
from tests.server.refusals import refused
from tests.server.user.doors import Door, create


async def test_an_account_is_opened_read_changed_and_deleted_by_its_owner(
    anyone: Door, user_channel: grpc.aio.Channel, token: Token
) -> None:
    user = await anyone("CreateUser", create(age=33))
    owner = Door(user_channel, token("CUSTOMER", user.id))

    assert await owner("GetUser", pb.GetUserRequest(user_id=user.id)) == user
    assert (user.role, user.status, user.age) == (role_pb2.CUSTOMER, pb.User.ACTIVE, 33)

    changed = await owner(
        "UpdateUser", pb.UpdateUserRequest(user_id=user.id, full_name="Ann Other", etag=user.etag)
    )
    assert (changed.full_name, changed.email, changed.age) == ("Ann Other", user.email, 33)
    assert changed.etag != user.etag

    await owner("DeleteUser", pb.DeleteUserRequest(user_id=user.id))
    gone = await refused(owner("GetUser", pb.GetUserRequest(user_id=user.id)))
    assert (gone.code, gone.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")


async def test_a_foreign_account_and_a_missing_one_get_the_same_answer(
    anyone: Door, user_channel: grpc.aio.Channel, token: Token
) -> None:
    foreign = await anyone("CreateUser", create())
    stranger = Door(user_channel, token("CUSTOMER"))
    missing_id = str(uuid.uuid4())

    of_foreign = await refused(stranger("GetUser", pb.GetUserRequest(user_id=foreign.id)))
    of_missing = await refused(stranger("GetUser", pb.GetUserRequest(user_id=missing_id)))

    assert of_foreign.reason == of_missing.reason == "USER_NOT_FOUND"
    assert of_foreign.message.replace(foreign.id, "") == of_missing.message.replace(missing_id, "")


async def test_an_outdated_etag_is_refused(anyone: Door, admin_door: Door) -> None:
    user = await anyone("CreateUser", create())
    change = pb.UpdateUserRequest(user_id=user.id, full_name="First", etag=user.etag)
    await admin_door("UpdateUser", change)
    found = await refused(admin_door("UpdateUser", change))
    assert (found.code, found.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")

    delete = pb.DeleteUserRequest(user_id=user.id)
    by_header = await refused(admin_door("DeleteUser", delete, ("if-match", f'"{user.etag}"')))
    assert by_header.reason == "ETAG_MISMATCH"


async def test_a_mask_clears_what_is_absent(anyone: Door, admin_door: Door) -> None:
    user = await anyone("CreateUser", create(age=40))
    cleared = await admin_door(
        "UpdateUser", pb.UpdateUserRequest(user_id=user.id, update_mask=FieldMask(paths=["age"]))
    )
    assert not cleared.HasField("age")


@pytest.mark.parametrize(
    ("request_fields", "reason", "field"),
    [
        ({}, "NOTHING_TO_UPDATE", None),
        ({"update_mask": FieldMask(paths=["email"])}, "INVALID_UPDATE_MASK", "update_mask"),
        ({"update_mask": FieldMask(paths=["shoe_size"])}, "INVALID_UPDATE_MASK", "update_mask"),
    ],
)
async def test_an_update_that_makes_no_sense_is_refused(
    admin_door: Door, request_fields: dict[str, Any], reason: str, field: str | None
) -> None:
    request = pb.UpdateUserRequest(user_id=str(uuid.uuid4()), **request_fields)
    found = await refused(admin_door("UpdateUser", request))
    assert (found.reason, found.fields) == (reason, [field] if field else [])


async def test_an_owner_may_not_promote_itself(
    anyone: Door, user_channel: grpc.aio.Channel, token: Token
) -> None:
    user = await anyone("CreateUser", create())
    owner = Door(user_channel, token("CUSTOMER", user.id))
    found = await refused(
        owner("UpdateUser", pb.UpdateUserRequest(user_id=user.id, role=role_pb2.ADMIN))
    )
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED")


async def test_an_email_cannot_be_changed_to_a_taken_one(anyone: Door, admin_door: Door) -> None:
    first, second = [await anyone("CreateUser", create()) for _ in range(2)]
    found = await refused(
        admin_door("UpdateUser", pb.UpdateUserRequest(user_id=second.id, email=first.email))
    )
    assert found.reason == "EMAIL_TAKEN"


async def test_a_bad_token_is_refused_even_where_none_is_needed(
    user_channel: grpc.aio.Channel,
) -> None:
    forged = Door(user_channel, "not.a.token")
    assert (await refused(forged("CreateUser", create()))).reason == "INVALID_TOKEN"


async def test_every_change_leaves_one_event_and_the_last_says_no_more_than_the_id(
    anyone: Door, admin_door: Door, user_pool: Pool
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    user = await anyone("CreateUser", create(age=40), ("traceparent", trace))
    change = pb.UpdateUserRequest(user_id=user.id, full_name="Ann Other")
    updated = await admin_door("UpdateUser", change)
    events = (
        "SELECT event_type, aggregate_version, payload, traceparent FROM outbox"
        " WHERE aggregate_type = 'user' AND aggregate_id = $1 ORDER BY position"
    )
    created, changed = await user_pool.fetch(events, user.id)
    await admin_door("DeleteUser", pb.DeleteUserRequest(user_id=user.id))
    [erased] = await user_pool.fetch(events, user.id)
    assert (created["event_type"], created["aggregate_version"]) == (
        "emporium.user.v1.UserCreated",
        1,
    )
    assert events_pb2.UserCreated.FromString(created["payload"]).user == user
    assert (created["traceparent"], changed["traceparent"]) == (trace, None)
    assert (changed["event_type"], changed["aggregate_version"]) == (
        "emporium.user.v1.UserUpdated",
        2,
    )
    assert events_pb2.UserUpdated.FromString(changed["payload"]).user == updated
    assert (erased["event_type"], erased["aggregate_version"]) == (
        "emporium.user.v1.UserErased",
        3,
    )
    assert events_pb2.UserErased.FromString(erased["payload"]) == events_pb2.UserErased(
        user_id=user.id
    )
