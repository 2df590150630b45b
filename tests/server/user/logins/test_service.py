"""The user service through its gRPC door: who gets a token, and what the others can tell."""

import uuid

import grpc
import jwt

from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import user_service_pb2 as pb
from server.kit import auth
from server.kit.lifecycle import Registration
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.user.accounts.store import PostgresUserStore
from server.user.logins.service import AuthService
from server.user.logins.store import PostgresCredentialStore
from server.user.passwords.hashing import PasswordHasher
from server.user.sessions.granting import Granting
from server.user.sessions.store import MongoSessionStore
from tests.server.conftest import Serve
from tests.server.refusals import refused
from tests.server.user.counting import Counting
from tests.server.user.doors import PASSWORD, Door, create, new_email

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


async def test_every_failed_login_costs_one_check(
    anyone: Door,
    admin_door: Door,
    user_pool: Pool,
    user_mongo: Database,
    store: PostgresUserStore,
    signer: auth.Signer,
    serve: Serve,
) -> None:
    user, disabled = [await anyone("CreateUser", create()) for _ in range(2)]
    await admin_door(
        "UpdateUser", pb.UpdateUserRequest(user_id=disabled.id, status=pb.User.DISABLED)
    )
    sign_in = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"]
    with Counting() as executor:
        hasher = PasswordHasher(executor, CHEAPEST_BCRYPT, waiting_max=16)
        granting = Granting(MongoSessionStore(user_mongo), store, signer, 60)
        servicer = AuthService(PostgresCredentialStore(user_pool), hasher, granting)
        async with serve([Registration(sign_in, servicer)]) as channel:
            door, costs = Door(channel), []
            for email, password in (
                (new_email(), PASSWORD),
                (user.email, "wrong password"),
                (disabled.email, PASSWORD),
            ):
                before = executor.count
                login = auth_service_pb2.LoginRequest(email=email, password=password)
                assert (await refused(door("Login", login))).reason == "BAD_CREDENTIALS"
                costs.append(executor.count - before)
    assert costs == [1, 1, 1]
