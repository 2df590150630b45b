"""The e-mail of who signs up, through the gRPC door, by mails that an SMTP server took."""

import grpc
import pytest

from emporium.type.v1 import role_pb2
from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import email_link_service_pb2 as pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit.context import Role
from server.user.logins.provisioning import ensure_account
from tests.server.kit.mail.smtp_server import Inbox
from tests.server.refusals import refused
from tests.server.user.doors import PASSWORD, create
from tests.server.user.email_links.conftest import Shop, token_in
from tests.server.user.email_links.test_passwords import forgot, reset

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "ONE_TIME_TOKEN_INVALID")


async def verify(shop: Shop, token: str) -> None:
    await shop.anyone("VerifyEmail", pb.VerifyEmailRequest(token=token))


async def read(shop: Shop, user_id: str) -> user_pb.User:
    user: user_pb.User = await shop.admin("GetUser", user_pb.GetUserRequest(user_id=user_id))
    return user


async def promote(shop: Shop, user_id: str) -> user_pb.User:
    change = user_pb.UpdateUserRequest(user_id=user_id, role=role_pb2.STAFF)
    user: user_pb.User = await shop.admin("UpdateUser", change)
    return user


async def test_who_signs_up_is_verified_by_the_link(shop: Shop, inbox: Inbox) -> None:
    user = await shop.anyone("CreateUser", create())
    assert not user.email_verified
    login = auth_service_pb2.LoginRequest(email=user.email, password=PASSWORD)
    assert (await shop.anyone("Login", login)).user == user

    mail = await inbox.next()
    assert (mail["To"], mail["Subject"]) == (user.email, "Verify your e-mail")
    await verify(shop, token_in(mail))
    after = await read(shop, user.id)
    assert (after.email_verified, after.etag) == (True, "2")


async def test_a_change_of_the_account_is_an_event(shop: Shop, inbox: Inbox) -> None:
    user = await shop.anyone("CreateUser", create())
    await shop.pool.execute("INSERT INTO outbox_destinations (name) VALUES ('nowhere')")
    await verify(shop, token_in(await inbox.next()))
    told = "SELECT event_type FROM outbox WHERE aggregate_id = $1 AND aggregate_version = 2"
    assert await shop.pool.fetchval(told, user.id) == "emporium.user.v1.UserUpdated"
    await shop.pool.execute("DELETE FROM outbox_destinations WHERE name = 'nowhere'")


async def test_whom_staff_opened_an_account_for_counts_as_verified(
    shop: Shop, inbox: Inbox
) -> None:
    for role in (role_pb2.CUSTOMER, role_pb2.STAFF):
        assert (await shop.admin("CreateUser", create(role=role, password=None))).email_verified
        assert (await inbox.next())["Subject"] == "An account was opened for you"


async def test_a_token_is_for_one_purpose_and_one_use(shop: Shop, inbox: Inbox) -> None:
    user = await shop.anyone("CreateUser", create())
    token = token_in(await inbox.next())
    found = await refused(reset(shop, token))
    assert (found.code, found.reason) == INVALID
    await verify(shop, token)
    found = await refused(verify(shop, token))
    assert (found.code, found.reason) == INVALID
    await forgot(shop, user.email)
    found = await refused(verify(shop, token_in(await inbox.next())))
    assert (found.code, found.reason) == INVALID


@pytest.mark.parametrize(
    "outdate",
    [
        "UPDATE one_time_tokens SET expires_at = now() - interval '1 second' WHERE user_id = $1",
        "UPDATE users SET email = 'new-' || email WHERE id = $1",
    ],
)
async def test_a_link_is_good_for_a_while_and_for_its_address(
    shop: Shop, inbox: Inbox, outdate: str
) -> None:
    user = await shop.anyone("CreateUser", create())
    token = token_in(await inbox.next())
    await shop.pool.execute(outdate, user.id)
    assert (await refused(verify(shop, token))).reason == "ONE_TIME_TOKEN_INVALID"
    assert not (await read(shop, user.id)).email_verified


async def test_a_new_password_by_mail_verifies_the_address_too(shop: Shop, inbox: Inbox) -> None:
    user = await shop.anyone("CreateUser", create())
    await inbox.next()
    await forgot(shop, user.email)
    await reset(shop, token_in(await inbox.next()))
    assert (await read(shop, user.id)).email_verified
    assert (await inbox.next())["Subject"] == "Your password was changed"


async def test_nobody_verifies_themselves_by_what_they_send(shop: Shop) -> None:
    assert "email_verified" not in user_pb.CreateUserRequest.DESCRIPTOR.fields_by_name
    assert "email_verified" not in user_pb.UpdateUserRequest.DESCRIPTOR.fields_by_name
    user = await shop.anyone("CreateUser", create())
    masked = user_pb.UpdateUserRequest(user_id=user.id)
    masked.update_mask.paths.append("email_verified")
    assert (await refused(shop.admin("UpdateUser", masked))).reason == "INVALID_UPDATE_MASK"


async def test_an_admin_and_the_operator_vouch_for_an_address(shop: Shop) -> None:
    user, other = [await shop.anyone("CreateUser", create()) for _ in range(2)]
    change = user_pb.UpdateUserRequest(user_id=user.id, email=f"new-{user.email}")
    assert (await shop.admin("UpdateUser", change)).email_verified
    await ensure_account(shop.pool, other.email, "Ann", Role.ADMIN, PASSWORD, cost=4)
    assert (await read(shop, other.id)).role == role_pb2.ADMIN
