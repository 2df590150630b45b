"""The user service through its gRPC door: who gets a token, and what the others can tell."""

import unicodedata
import uuid

import bcrypt
import grpc
import jwt
import pytest

from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import user_service_pb2 as pb
from server.kit import errors
from server.kit.postgres import Pool
from server.user.logins.store import PostgresCredentialStore
from tests.server.refusals import refused
from tests.server.user.counting import Bcrypt
from tests.server.user.doors import PASSWORD, Door, create, new_email
from tests.server.user.samples import set_hash

CHEAPEST_BCRYPT = 4


async def test_a_login_gives_a_token_that_works(
    anyone: Door, user_channel: grpc.aio.Channel
) -> None:
    user = await anyone("CreateUser", create())
    login = auth_service_pb2.LoginRequest(email=user.email.upper(), password=PASSWORD)
    answer = await anyone("Login", login)
    assert (answer.token_type, answer.expires_in, answer.user) == ("Bearer", 600, user)
    claims = jwt.decode(answer.access_token, options={"verify_signature": False})
    assert claims["sid"] == answer.session_id == str(uuid.UUID(answer.session_id))
    assert answer.refresh_token

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


DECOMPOSED = "correct ho\u0308rse"


@pytest.mark.parametrize(("password", "runs"), [(PASSWORD, 1), (DECOMPOSED, 2), ("x" * 288, 1)])
async def test_every_failed_login_costs_the_same(
    anyone: Door, admin_door: Door, monkeypatch: pytest.MonkeyPatch, password: str, runs: int
) -> None:
    """One bcrypt run for each form of the password, whatever is wrong."""
    wrong = await anyone("CreateUser", create(password="battery staple"))
    disabled = await anyone("CreateUser", create(password=PASSWORD))
    await admin_door(
        "UpdateUser", pb.UpdateUserRequest(user_id=disabled.id, status=pb.User.DISABLED)
    )
    imported = await admin_door("CreateUser", create(password=None))
    await refused(anyone("Login", login_of(new_email(), "what is made once")))
    costs = []
    for email in (new_email(), wrong.email, disabled.email, imported.email):
        with monkeypatch.context() as patch:
            bcrypt_runs = Bcrypt.counted(patch)
            answer = await refused(anyone("Login", login_of(email, password)))
        assert answer.reason == "BAD_CREDENTIALS"
        costs.append((bcrypt_runs.runs, bcrypt_runs.work))
    assert costs == [(runs, runs * 2**CHEAPEST_BCRYPT)] * 4


def login_of(email: str, password: str) -> auth_service_pb2.LoginRequest:
    return auth_service_pb2.LoginRequest(email=email, password=password)


@pytest.mark.parametrize(
    ("typed", "cost"), [(DECOMPOSED, CHEAPEST_BCRYPT), (PASSWORD, CHEAPEST_BCRYPT + 1)]
)
async def test_an_outdated_hash_is_renewed_by_the_first_login(
    anyone: Door, user_pool: Pool, typed: str, cost: int
) -> None:
    user = await anyone("CreateUser", create())
    outdated = bcrypt.hashpw(typed.encode(), bcrypt.gensalt(cost))
    credentials = PostgresCredentialStore(user_pool)
    await set_hash(user_pool, user.id, outdated)

    assert (await anyone("Login", login_of(user.email, typed))).user == user
    found = await credentials.find(user.email)
    assert found is not None
    renewed = found.password_hash
    assert renewed is not None
    assert renewed != outdated
    normalised = unicodedata.normalize("NFKC", typed)
    assert bcrypt.checkpw(normalised.encode(), renewed)
    assert renewed.startswith(b"$2b$04$")

    for again in (typed, normalised):
        assert (await anyone("Login", login_of(user.email, again))).user == user
    assert await credentials.find(user.email) == found


async def test_a_wrong_password_renews_nothing(anyone: Door, user_pool: Pool) -> None:
    user = await anyone("CreateUser", create())
    outdated = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(CHEAPEST_BCRYPT + 1))
    credentials = PostgresCredentialStore(user_pool)
    await set_hash(user_pool, user.id, outdated)
    await refused(anyone("Login", login_of(user.email, "battery staple")))
    found = await credentials.find(user.email)
    assert found is not None
    assert found.password_hash == outdated


async def test_who_signs_in_may_while_nothing_can_be_written(
    anyone: Door, user_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await anyone("CreateUser", create())
    outdated = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(CHEAPEST_BCRYPT + 1))
    await set_hash(user_pool, user.id, outdated)

    async def full(*_: object) -> None:
        raise errors.OutOfSpace("no room")

    monkeypatch.setattr(PostgresCredentialStore, "replace_password", full)
    assert (await anyone("Login", login_of(user.email, PASSWORD))).user == user
