"""Nothing that somebody made who knew an account's first password outlives what its owner does.

That is who signed up with another's address, and staff who chose the password.
"""

import asyncio
from typing import Any

import pyotp
import pytest

from emporium.user.v1 import api_key_service_pb2 as keys_pb
from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import totp_service_pb2 as totp_pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit.context import Role
from server.user.accounts import rules as accounts
from server.user.api_keys import service as api_keys
from server.user.logins.provisioning import create_admin, ensure_account
from tests.server.kit.mail.smtp_server import Inbox
from tests.server.refusals import refused
from tests.server.user.api_keys.test_exchange import asking
from tests.server.user.api_keys.test_service import new
from tests.server.user.doors import PASSWORD, Door, create, new_email
from tests.server.user.email_links.conftest import Shop, token_in
from tests.server.user.email_links.test_passwords import NEW, forgot, reset, sign_in
from tests.server.user.email_links.test_service_new_email import ask
from tests.server.user.email_links.test_service_verification import read, verify


async def somebody(shop: Shop, by: Door | None = None) -> tuple[user_pb.User, Door]:
    """Whoever signed up, or knows what `by` chose, and is signed in; the mail is not read."""
    user = await (by or shop.anyone)("CreateUser", create())
    token = (await shop.anyone("Login", login_of(user, PASSWORD))).access_token
    return user, shop.anyone.with_token(token, user.id)


def login_of(user: user_pb.User, password: str) -> auth_pb.LoginRequest:
    return auth_pb.LoginRequest(email=user.email, password=password)


async def mailed(inbox: Inbox, user: user_pb.User, subject: str) -> str:
    """The token of the next mail about that."""
    async with asyncio.timeout(10):
        while ((mail := await inbox.next())["To"], mail["Subject"]) != (user.email, subject):
            pass
    return token_in(mail)


async def forgotten(shop: Shop, inbox: Inbox, user: user_pb.User) -> str:
    """The token of a link to set a new password."""
    await forgot(shop, user.email)
    return await mailed(inbox, user, "Set a new password")


async def set_proven(shop: Shop, user: user_pb.User, is_proven: bool) -> None:
    """Says that the owner has shown so, and changes nothing else of what is known of the e-mail."""
    is_so = "UPDATE users SET owner_proven = $2 WHERE id = $1"
    await shop.pool.execute(is_so, user.id, is_proven)


async def with_factor(owner: Door) -> None:
    begin = totp_pb.BeginTotpRequest(current_password=PASSWORD)
    secret = (await owner("BeginTotp", begin)).secret
    code = pyotp.TOTP(secret).now()
    await owner("ConfirmTotp", totp_pb.ConfirmTotpRequest(totp_code=code))


async def equipped(shop: Shop) -> tuple[user_pb.User, keys_pb.ApiKey]:
    """Somebody with an API key and a second factor."""
    user, owner = await somebody(shop)
    await set_proven(shop, user, True)
    key = await owner("CreateApiKey", new(scopes=["users.read"]))
    await with_factor(owner)
    return user, key


async def makes_nothing(owner: Door) -> None:
    begin = totp_pb.BeginTotpRequest(current_password=PASSWORD)
    for call in (owner("CreateApiKey", new()), owner("BeginTotp", begin)):
        found = await refused(call)
        assert found.reason == "EMAIL_NOT_VERIFIED"
        assert "ForgotPassword" in found.message


async def test_who_has_not_verified_the_address_makes_nothing_that_outlives_a_password(
    shop: Shop, inbox: Inbox
) -> None:
    user, owner = await somebody(shop)
    await makes_nothing(owner)

    await verify(shop, await mailed(inbox, user, "Verify your e-mail"))
    assert (await owner("CreateApiKey", new())).secret
    await with_factor(owner)


async def test_nor_does_who_knows_a_password_that_staff_chose(shop: Shop, inbox: Inbox) -> None:
    user, knowing = await somebody(shop, by=shop.admin)
    assert user.email_verified
    await makes_nothing(knowing)
    # A link that sets no password leaves the one that staff know, and so do they who give another.
    await ask(knowing, email := new_email())
    user.email = email
    await verify(shop, await mailed(inbox, user, "Verify your new e-mail"))
    await makes_nothing(knowing)
    change = auth_pb.ChangePasswordRequest(current_password=PASSWORD, password=NEW)
    await knowing("ChangePassword", change)
    assert (await refused(knowing("CreateApiKey", new()))).reason == "EMAIL_NOT_VERIFIED"

    await reset(shop, await forgotten(shop, inbox, user))
    token = (await shop.anyone("Login", login_of(user, NEW))).access_token
    owner = shop.anyone.with_token(token, user.id)
    assert (await owner("CreateApiKey", new())).secret


async def test_an_address_that_an_admin_has_given_shows_nothing_of_its_owner(shop: Shop) -> None:
    user, owner = await somebody(shop)
    given = user_pb.UpdateUserRequest(user_id=user.id, email=new_email())
    assert (await shop.admin("UpdateUser", given)).email_verified
    await makes_nothing(owner)


async def test_an_address_that_an_admin_has_given_takes_no_second_factor_away(
    shop: Shop, inbox: Inbox
) -> None:
    """Else whoever may give one could sign in by a mailed password alone."""
    user, key = await equipped(shop)
    user.email = new_email()
    given = user_pb.UpdateUserRequest(user_id=user.id, email=user.email)
    await shop.admin("UpdateUser", given)
    await reset(shop, await forgotten(shop, inbox, user))
    assert (await refused(sign_in(shop, user.email, NEW))).reason == "TOTP_REQUIRED"
    assert (await shop.anyone("ExchangeApiKey", asking(key))).access_token


@pytest.mark.parametrize("make", [ensure_account, create_admin])
async def test_what_the_operator_makes_on_the_host_is_its_owners(shop: Shop, make: Any) -> None:
    email = new_email()
    role = {"role": Role.STAFF} if make is ensure_account else {}
    await make(shop.pool, email, "Ann Example", password=PASSWORD, cost=4, **role)
    login = await shop.anyone("Login", auth_pb.LoginRequest(email=email, password=PASSWORD))
    owner = shop.anyone.with_token(login.access_token, login.user.id)
    assert (await owner("CreateApiKey", new())).secret


async def test_a_second_factor_that_was_begun_is_not_confirmed_either(shop: Shop) -> None:
    user, owner = await somebody(shop)
    await set_proven(shop, user, True)
    begin = totp_pb.BeginTotpRequest(current_password=PASSWORD)
    secret = (await owner("BeginTotp", begin)).secret
    await set_proven(shop, user, False)
    confirm = totp_pb.ConfirmTotpRequest(totp_code=pyotp.TOTP(secret).now())
    assert (await refused(owner("ConfirmTotp", confirm))).reason == "EMAIL_NOT_VERIFIED"


@pytest.mark.parametrize("was_vouched_for", [False, True])
async def test_a_reset_that_proves_the_address_first_leaves_nothing_that_was_made_before(
    shop: Shop, inbox: Inbox, was_vouched_for: bool
) -> None:
    """As by an earlier version, which let anybody make it, and staff who chose the password."""
    user, key = await equipped(shop)
    await set_proven(shop, user, False)
    vouched = "UPDATE users SET email_verified = $2 WHERE id = $1"
    await shop.pool.execute(vouched, user.id, was_vouched_for)

    await reset(shop, await forgotten(shop, inbox, user))

    await sign_in(shop, user.email, NEW)  # without a code
    after = await read(shop, user.id)
    assert (after.email_verified, after.totp_enabled) == (True, False)
    assert (await refused(shop.anyone("ExchangeApiKey", asking(key)))).reason == "INVALID_CLIENT"
    for table in ("totp_secrets", "recovery_codes", "api_keys"):
        left = f"SELECT count(*) FROM {table} WHERE user_id = $1"
        assert await shop.pool.fetchval(left, user.id) == 0
    ended = "SELECT ends_sessions FROM revocations WHERE user_id = $1 ORDER BY position DESC"
    assert await shop.pool.fetchval(ended, user.id)  # the key's tokens too, which are older


async def test_a_reset_that_is_not_the_first_proof_ends_neither(shop: Shop, inbox: Inbox) -> None:
    user, key = await equipped(shop)
    await reset(shop, await forgotten(shop, inbox, user))
    assert (await refused(sign_in(shop, user.email, NEW))).reason == "TOTP_REQUIRED"
    assert (await shop.anyone("ExchangeApiKey", asking(key))).access_token


async def test_but_for_the_refusal_the_key_would_be_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "check_proven", lambda user: None)
    _, owner = await somebody(shop)
    assert (await owner("CreateApiKey", new())).secret


async def test_a_call_that_was_let_in_before_the_reset_makes_no_key_after_it(
    shop: Shop, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session was still good when it was asked for, and the e-mail is verified meanwhile."""
    user, owner = await somebody(shop)
    link = await forgotten(shop, inbox, user)
    read_owner = api_keys.ApiKeyService._owner

    async def late(self: api_keys.ApiKeyService, user_id: str) -> accounts.User:
        if user_id == user.id:
            await reset(shop, link)
        return await read_owner(self, user_id)

    monkeypatch.setattr(api_keys.ApiKeyService, "_owner", late)
    assert (await refused(owner("CreateApiKey", new()))).reason == "SESSION_ENDED"
