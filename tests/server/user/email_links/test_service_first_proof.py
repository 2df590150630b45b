"""Nothing that somebody made who signed up with another's address outlives what its owner does."""

import asyncio

import pyotp
import pytest

from emporium.user.v1 import api_key_service_pb2 as keys_pb
from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import totp_service_pb2 as totp_pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.user.accounts import rules as accounts
from server.user.api_keys import service as api_keys
from tests.server.refusals import refused
from tests.server.user.api_keys.test_exchange import asking
from tests.server.user.api_keys.test_service import new
from tests.server.user.doors import PASSWORD, Door, create
from tests.server.user.email_links.conftest import Shop, token_in
from tests.server.user.email_links.test_passwords import NEW, forgot, reset, sign_in
from tests.server.user.email_links.test_service_verification import read, verify
from tests.server.user.neighbours.smtp_server import Inbox


async def somebody(shop: Shop) -> tuple[user_pb.User, Door]:
    """Whoever signed up, and is signed in; the mail to the address is not read."""
    user = await shop.anyone("CreateUser", create())
    login = auth_pb.LoginRequest(email=user.email, password=PASSWORD)
    token = (await shop.anyone("Login", login)).access_token
    return user, shop.anyone.with_token(token, user.id)


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


async def set_verified(shop: Shop, user: user_pb.User, is_verified: bool) -> None:
    is_so = "UPDATE users SET email_verified = $2 WHERE id = $1"
    await shop.pool.execute(is_so, user.id, is_verified)


async def with_factor(owner: Door) -> None:
    begin = totp_pb.BeginTotpRequest(current_password=PASSWORD)
    secret = (await owner("BeginTotp", begin)).secret
    code = pyotp.TOTP(secret).now()
    await owner("ConfirmTotp", totp_pb.ConfirmTotpRequest(totp_code=code))


async def equipped(shop: Shop) -> tuple[user_pb.User, keys_pb.ApiKey]:
    """Somebody with an API key and a second factor."""
    user, owner = await somebody(shop)
    await set_verified(shop, user, True)
    key = await owner("CreateApiKey", new(scopes=["users.read"]))
    await with_factor(owner)
    return user, key


async def test_who_has_not_verified_the_address_makes_nothing_that_outlives_a_password(
    shop: Shop, inbox: Inbox
) -> None:
    user, owner = await somebody(shop)
    begin = totp_pb.BeginTotpRequest(current_password=PASSWORD)
    for call in (owner("CreateApiKey", new()), owner("BeginTotp", begin)):
        found = await refused(call)
        assert found.reason == "EMAIL_NOT_VERIFIED"
        assert "ForgotPassword" in found.message

    await verify(shop, await mailed(inbox, user, "Verify your e-mail"))
    assert (await owner("CreateApiKey", new())).secret
    await with_factor(owner)


async def test_a_second_factor_that_was_begun_is_not_confirmed_either(shop: Shop) -> None:
    user, owner = await somebody(shop)
    await set_verified(shop, user, True)
    begin = totp_pb.BeginTotpRequest(current_password=PASSWORD)
    secret = (await owner("BeginTotp", begin)).secret
    await set_verified(shop, user, False)
    confirm = totp_pb.ConfirmTotpRequest(totp_code=pyotp.TOTP(secret).now())
    assert (await refused(owner("ConfirmTotp", confirm))).reason == "EMAIL_NOT_VERIFIED"


async def test_a_reset_that_proves_the_address_first_leaves_nothing_that_was_made_before(
    shop: Shop, inbox: Inbox
) -> None:
    """As by an earlier version, which let anybody make it."""
    user, key = await equipped(shop)
    await set_verified(shop, user, False)

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


async def test_a_reset_of_a_verified_account_ends_neither(shop: Shop, inbox: Inbox) -> None:
    user, key = await equipped(shop)
    await reset(shop, await forgotten(shop, inbox, user))
    assert (await refused(sign_in(shop, user.email, NEW))).reason == "TOTP_REQUIRED"
    assert (await shop.anyone("ExchangeApiKey", asking(key))).access_token


async def test_but_for_the_refusal_the_key_would_be_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "check_verified", lambda user: None)
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
