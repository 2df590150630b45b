"""The user service through its gRPC door: what it takes to open an account, and only once."""

import asyncio
import uuid

import grpc
import pytest

from emporium.type.v1 import role_pb2
from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import user_service_pb2 as pb
from server.kit.postgres import Pool
from tests.server.refusals import refused
from tests.server.user.doors import PASSWORD, Door, create, new_email


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
    assert (found.reason, {*found.fields}) == ("VALIDATION_FAILED", {"full_name"})


@pytest.mark.parametrize("name", ["A\0B", "\0"])
async def test_nul_is_refused_by_name(anyone: Door, name: str) -> None:
    found = await refused(anyone("CreateUser", create(full_name=name)))
    assert (found.reason, {*found.fields}) == ("VALIDATION_FAILED", {"full_name"})


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
    user = await admin_door("CreateUser", create(role=role_pb2.STAFF, password=None))
    assert user.role == role_pb2.STAFF


async def test_nobody_makes_a_service_of_an_account(admin_door: Door) -> None:
    found = await refused(admin_door("CreateUser", create(role=role_pb2.SERVICE)))
    assert found.fields == ["role"]


async def test_the_same_key_with_another_password_is_refused(anyone: Door) -> None:
    request = create(request_id=f"key-{uuid.uuid4()}")
    await anyone("CreateUser", request)
    request.password = "battery staple"
    reused = await refused(anyone("CreateUser", request))
    assert (reused.reason, reused.fields) == ("IDEMPOTENCY_KEY_REUSED", ["request_id"])


async def test_strangers_do_not_share_their_keys(anyone: Door) -> None:
    first, second = create(request_id="the-first-key"), create(request_id="the-first-key")
    ann, bob = await anyone("CreateUser", first), await anyone("CreateUser", second)
    assert (ann.email, bob.email) == (first.email, second.email)

    first.email = first.email.upper()
    assert (await refused(anyone("CreateUser", first))).reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_deleted_account_leaves_no_answer_behind(anyone: Door, admin_door: Door) -> None:
    request = create(request_id=f"key-{uuid.uuid4()}")
    first = await anyone("CreateUser", request)
    await admin_door("DeleteUser", pb.DeleteUserRequest(user_id=first.id))
    again = await anyone("CreateUser", request)
    assert (again.email, again.id != first.id) == (first.email, True)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "VALIDATION_FAILED"),
        ("short", "VALIDATION_FAILED"),
        ("x" * 73, "VALIDATION_FAILED"),
        ("x" * 289, "VALIDATION_FAILED"),
        ("\u0958" * 24, "VALIDATION_FAILED"),
        ("Password1", "PASSWORD_TOO_COMMON"),
        ("pass\u200bword", "PASSWORD_TOO_COMMON"),
        (" " * 8, "VALIDATION_FAILED"),
        ("Ann\u00a0Example", "VALIDATION_FAILED"),
    ],
)
async def test_a_password_that_may_not_be_is_refused_by_name(
    anyone: Door, password: str, reason: str
) -> None:
    found = await refused(anyone("CreateUser", create(password=password)))
    assert (found.reason, set(found.fields)) == (reason, {"password"})
    assert found.message.startswith("password: must ")
    assert not password or password not in found.message


async def test_nobodys_password_is_their_e_mail(anyone: Door) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    for password in (email.upper(), email.partition("@")[0]):
        found = await refused(anyone("CreateUser", create(email=email, password=password)))
        assert found.message == "password: must be another than the account's e-mail or name"


async def test_a_password_that_is_short_only_when_it_is_normalised_is_taken(anyone: Door) -> None:
    plain = "correct horse battery" * 3
    full_width = "".join(chr(ord(each) + 0xFEE0) if each != " " else each for each in plain)
    user = await anyone("CreateUser", create(password=full_width))
    for typed in (full_width, plain):
        login = auth_service_pb2.LoginRequest(email=user.email, password=typed)
        assert (await anyone("Login", login)).user == user


DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = "\x01\t\n\r\x1b\x7f\x80\x85\x9b\x9f\u2028\u2029"
INVISIBLE = "\xad\u034f\u115f\u1160\u180e\u200b\u200d\u2060\u2800\u3000\u3164\ufe0f\ufeff\uffa0"


@pytest.mark.parametrize(
    "name",
    [*(f"Ada {each}nimdA" for each in DIRECTIONS + CONTROLS), *INVISIBLE, "\U000e0100", INVISIBLE],
    ids=ascii,
)
async def test_no_name_looks_like_another_or_commands_a_terminal_or_is_not_seen(
    anyone: Door, admin_door: Door, name: str
) -> None:
    assert (await refused(anyone("CreateUser", create(full_name=name)))).fields == ["full_name"]
    user = await anyone("CreateUser", create())
    update = pb.UpdateUserRequest(user_id=user.id, full_name=name)
    assert (await refused(admin_door("UpdateUser", update))).fields == ["full_name"]


@pytest.mark.parametrize(
    "name",
    [
        "\u05d0\u05d3\u05d4",
        "\u0639\u0644\u064a",
        "\u963f\u8fbe",
        "\u0915\u094d\u200d\u0937",  # a joiner between letters of Devanagari
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # a non-joiner, in Persian
        "\U0001f469\u200d\U0001f680\ufe0f",
        "\ud55c\u3164",
        "\u00a0A",
    ],
    ids=ascii,
)
async def test_a_name_of_any_script_may_be(anyone: Door, name: str) -> None:
    assert (await anyone("CreateUser", create(full_name=name))).full_name == name


async def test_an_email_has_64_characters_before_the_at(anyone: Door, admin_door: Door) -> None:
    long = f"{'a' * 32}{uuid.uuid4().hex}"
    user = await anyone("CreateUser", create(email=f"{long}@example.com"))
    assert user.email == f"{long}@example.com"
    answer = await refused(anyone("CreateUser", create(email=f"{long}a@example.com")))
    assert answer.violations == {"email": "must have at most 64 characters before the @"}
    update = pb.UpdateUserRequest(user_id=user.id, email=f"{long}a@example.com")
    assert (await refused(admin_door("UpdateUser", update))).fields == ["email"]


async def test_what_was_there_before_these_rules_is_read_and_signs_in(
    anyone: Door, admin_door: Door, user_pool: Pool
) -> None:
    email, name = f"{'a' * 65}{uuid.uuid4().hex}@example.com", "Ada \u202enimdA\x1b\n"
    made = await anyone("CreateUser", create())
    older = "UPDATE users SET email = $2, full_name = $3 WHERE id = $1"
    await user_pool.execute(older, made.id, email, name)
    login = auth_service_pb2.LoginRequest(email=email, password=PASSWORD)
    assert (await anyone("Login", login)).user.full_name == name
    read = await admin_door("GetUser", pb.GetUserRequest(user_id=made.id))
    assert (read.email, read.full_name) == (email, name)
    changed = await admin_door("UpdateUser", pb.UpdateUserRequest(user_id=made.id, age=40))
    assert (changed.email, changed.age) == (email, 40)


@pytest.mark.parametrize("password", ["x" * 7, "x" * 73, "\U0001f381" * 19, "\u0958" * 24])
async def test_a_password_of_no_length_is_refused_in_one_sentence(
    anyone: Door, password: str
) -> None:
    """Whether a rule of the contract has found it, or the service when it is normalised."""
    answer = await refused(anyone("CreateUser", create(password=password)))
    assert answer.message == "password: must be 8 characters to 72 bytes"
    assert answer.violations == {"password": "must be 8 characters to 72 bytes"}


async def test_a_role_that_there_is_not_is_told_as_the_edge_does(anyone: Door) -> None:
    answer = await refused(anyone("CreateUser", create(role=99)))
    assert answer.message == "role: must be one of CUSTOMER, STAFF, ADMIN"
    assert set(answer.violations) == {"role"}
