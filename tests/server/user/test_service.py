"""The user service through its gRPC door: access, ownership, validation, errors."""

import asyncio
import uuid
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from emporium.type.v1 import role_pb2
from emporium.user.v1 import auth_service_pb2, auth_service_pb2_grpc, user_service_pb2_grpc
from emporium.user.v1 import user_service_pb2 as pb
from tests.server.conftest import Token
from tests.server.refusals import refused

PASSWORD = "correct horse"


class Door:
    """The service's two stubs, with a token."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None = None) -> None:
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.users = user_service_pb2_grpc.UserServiceStub(channel)
        self.auth = auth_service_pb2_grpc.AuthServiceStub(channel)

    async def __call__(self, name: str, request: Any, *headers: tuple[str, str]) -> Any:
        stub = self.auth if name == "Login" else self.users
        return await getattr(stub, name)(request, metadata=[*self.metadata, *headers])


def new_email() -> str:
    return f"{uuid.uuid4().hex}@example.com"


def create(**fields: Any) -> pb.CreateUserRequest:
    return pb.CreateUserRequest(
        **{"email": new_email(), "full_name": "Ann Example", "password": PASSWORD, **fields}
    )


@pytest.fixture
def anyone(user_channel: grpc.aio.Channel) -> Door:
    return Door(user_channel)


@pytest.fixture
def admin_door(user_channel: grpc.aio.Channel, token: Token) -> Door:
    return Door(user_channel, token("ADMIN"))


@pytest.fixture
def staff(user_channel: grpc.aio.Channel, token: Token) -> Door:
    return Door(user_channel, token("STAFF"))


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


async def test_an_email_is_taken_in_any_case(anyone: Door) -> None:
    first = await anyone("CreateUser", create())
    taken = await refused(anyone("CreateUser", create(email=first.email.upper())))
    assert (taken.code, taken.reason) == (grpc.StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN")
    assert taken.fields == ["email"]


async def test_every_violated_field_is_named(anyone: Door) -> None:
    bad = create(email="nonsense", full_name="   ", password="short", age=200)
    found = await refused(anyone("CreateUser", bad))
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")
    assert set(found.fields) == {"email", "full_name", "password", "age"}
    assert found.domain == "emporium"
    assert found.request_id


@pytest.mark.parametrize("name", [" ", "\t\n", "\u00a0", "\u2003 \u3000", "\u2028"])
async def test_a_name_of_nothing_but_spaces_is_refused(anyone: Door, name: str) -> None:
    found = await refused(anyone("CreateUser", create(full_name=name)))
    assert (found.reason, found.fields) == ("VALIDATION_FAILED", ["full_name"])


@pytest.mark.parametrize("name", ["A\0B", "\0"])
async def test_nul_is_refused_by_name(anyone: Door, name: str) -> None:
    found = await refused(anyone("CreateUser", create(full_name=name)))
    assert (found.reason, found.fields) == ("VALIDATION_FAILED", ["full_name"])


async def test_a_password_of_more_than_72_bytes_is_refused(anyone: Door) -> None:
    found = await refused(anyone("CreateUser", create(password="ä" * 37)))
    assert found.fields == ["password"]


async def test_a_repeat_with_the_same_key_gets_the_first_answer(anyone: Door) -> None:
    request = create(request_id=f"key-{uuid.uuid4()}")
    first = await anyone("CreateUser", request)
    assert await anyone("CreateUser", request) == first

    request.full_name = "Somebody Else"
    reused = await refused(anyone("CreateUser", request))
    assert reused.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_the_key_may_come_as_a_header(anyone: Door) -> None:
    request, key = create(), ("idempotency-key", f"key-{uuid.uuid4()}")
    first = await anyone("CreateUser", request, key)
    assert await anyone("CreateUser", request, key) == first


async def test_ten_creates_at_once_with_one_key_make_one_account(anyone: Door) -> None:
    request = create(request_id=f"key-{uuid.uuid4()}")
    answers = await asyncio.gather(*(anyone("CreateUser", request) for _ in range(10)))
    assert len({answer.id for answer in answers}) == 1


async def test_only_staff_open_accounts_without_a_password(anyone: Door, staff: Door) -> None:
    request = pb.CreateUserRequest(email=new_email(), full_name="Imported Customer")
    found = await refused(anyone("CreateUser", request))
    assert (found.reason, found.fields) == ("PASSWORD_REQUIRED", ["password"])

    user = await staff("CreateUser", request)
    login = auth_service_pb2.LoginRequest(email=user.email, password=PASSWORD)
    assert (await refused(anyone("Login", login))).reason == "BAD_CREDENTIALS"


async def test_only_an_admin_gives_a_role(anyone: Door, staff: Door, admin_door: Door) -> None:
    for door in (anyone, staff):
        found = await refused(door("CreateUser", create(role=role_pb2.STAFF)))
        assert (found.reason, found.fields) == ("ROLE_NOT_ALLOWED", ["role"])
    user = await admin_door("CreateUser", create(role=role_pb2.STAFF))
    assert user.role == role_pb2.STAFF


async def test_nobody_makes_a_service_of_an_account(admin_door: Door) -> None:
    found = await refused(admin_door("CreateUser", create(role=role_pb2.SERVICE)))
    assert found.fields == ["role"]


async def test_a_login_gives_a_token_that_works(
    anyone: Door, user_channel: grpc.aio.Channel
) -> None:
    user = await anyone("CreateUser", create())
    login = auth_service_pb2.LoginRequest(email=user.email.upper(), password=PASSWORD)
    answer = await anyone("Login", login)
    assert (answer.token_type, answer.expires_in, answer.user) == ("Bearer", 600, user)

    owner = Door(user_channel, answer.access_token)
    assert await owner("GetUser", pb.GetUserRequest(user_id=user.id)) == user


async def test_wrong_passwords_unknown_emails_and_disabled_accounts_are_told_alike(
    anyone: Door, admin_door: Door
) -> None:
    user = await anyone("CreateUser", create())
    disabled = await anyone("CreateUser", create())
    await admin_door(
        "UpdateUser", pb.UpdateUserRequest(user_id=disabled.id, status=pb.User.DISABLED)
    )
    answers = [
        await refused(
            anyone("Login", auth_service_pb2.LoginRequest(email=email, password=password))
        )
        for email, password in (
            (user.email, "wrong password"),
            (new_email(), PASSWORD),
            (disabled.email, PASSWORD),
        )
    ]
    assert {(found.code, found.reason, found.message) for found in answers} == {
        (grpc.StatusCode.UNAUTHENTICATED, "BAD_CREDENTIALS", "e-mail or password is wrong")
    }


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


async def test_a_bad_token_is_refused_even_where_none_is_needed(
    user_channel: grpc.aio.Channel,
) -> None:
    forged = Door(user_channel, "not.a.token")
    assert (await refused(forged("CreateUser", create()))).reason == "INVALID_TOKEN"
