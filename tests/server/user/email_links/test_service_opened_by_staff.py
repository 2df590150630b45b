"""Whom staff open an account for is mailed a link to a password that staff do not know."""

import pytest

from server.kit.context import OPERATOR, Role
from tests.server.kit.mail.smtp_server import Inbox, receiving
from tests.server.refusals import refused
from tests.server.user.api_keys.test_service import new
from tests.server.user.doors import PASSWORD, create
from tests.server.user.email_links.conftest import Shop, token_in
from tests.server.user.email_links.test_passwords import NEW, forgot, refusal, reset, sign_in
from tests.server.user.email_links.test_service_first_proof import login_of


@pytest.mark.parametrize("password", [PASSWORD, None])
async def test_it_sets_the_first_password_of_their_own_once(
    shop: Shop, inbox: Inbox, password: str | None
) -> None:
    user = await shop.admin("CreateUser", create(password=password))
    mail = await inbox.next()
    assert (mail["To"], mail["Subject"]) == (user.email, "An account was opened for you")
    assert "This works once, for 24 hours" in mail.get_content()

    await reset(shop, token_in(mail))
    assert (await refused(sign_in(shop, user.email, PASSWORD))).reason == "BAD_CREDENTIALS"
    login = await shop.anyone("Login", login_of(user, NEW))
    owner = shop.anyone.with_token(login.access_token, user.id)
    assert (await owner("CreateApiKey", new())).secret
    assert (await refusal(shop, token_in(mail)))[1] == "ONE_TIME_TOKEN_INVALID"
    assert [(await inbox.next())["Subject"] for _ in range(2)] == [
        "Your password was changed",
        "An API key was made",
    ]


async def test_it_is_not_mailed_once_the_account_is_known_to_be_its_owners(shop: Shop) -> None:
    user = await shop.admin("CreateUser", create())
    await shop.pool.execute("UPDATE users SET owner_proven = true WHERE id = $1", user.id)
    await none_waits_for(shop, user.email)


async def test_whom_the_operator_imports_is_mailed_nothing(shop: Shop) -> None:
    token = shop.signer.sign(OPERATOR, Role.ADMIN)
    operator = shop.anyone.with_token(token, OPERATOR)
    user = await operator("CreateUser", create(password=None))
    assert user.email_verified
    await none_waits_for(shop, user.email)


async def none_waits_for(shop: Shop, email: str) -> None:
    """Sends all mails that wait, and one that is asked for now: they are sent in their order."""
    last = await shop.person()
    await forgot(shop, last.email)
    async with receiving(shop.inbox), shop.relaying():
        while (to := (await shop.inbox.next())["To"]) != last.email:
            assert to != email
