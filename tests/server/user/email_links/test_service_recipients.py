"""How many mails an address gets, whatever accounts somebody makes to cause them."""

from typing import Any

import pytest

from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import user_service_pb2 as pb
from server.user.email_links.rules import LINKS_MAX, LIVE_MAX, NOTICES_MAX
from server.user.email_links.store import recipients
from tests.server.kit.mail.smtp_server import receiving
from tests.server.refusals import Refused, refused
from tests.server.user.doors import PASSWORD, Door, create, new_email
from tests.server.user.email_links.conftest import Shop
from tests.server.user.email_links.test_passwords import forgot
from tests.server.user.email_links.test_service_new_email import ask, somebody


async def signed_up(shop: Shop, email: str) -> tuple[pb.User, Door]:
    user = await shop.anyone("CreateUser", create(email=email))
    login = auth_pb.LoginRequest(email=email, password=PASSWORD)
    token = (await shop.anyone("Login", login)).access_token
    return user, shop.anyone.with_token(token, user.id)


async def mails_to(shop: Shop, email: str) -> list[str]:
    """The subjects of all that waits for an address, which are sent now."""
    last, subjects = await shop.person(), []
    await forgot(shop, last.email)
    async with receiving(shop.inbox), shop.relaying():
        while (mail := await shop.inbox.next())["To"] != last.email:
            if mail["To"].lower() == email.lower():
                subjects.append(mail["Subject"])
    return subjects


async def sign_up_and_delete(shop: Shop, email: str) -> list[str]:
    """What it was mailed until the account was gone."""
    user, owner = await signed_up(shop, email)
    subjects = await mails_to(shop, email)
    await owner("DeleteUser", pb.DeleteUserRequest(user_id=user.id))
    return subjects


async def test_who_signs_up_again_and_again_with_an_address_mails_it_no_more_than_that(
    shop: Shop,
) -> None:
    """An erasure leaves the count, and it tells nobody the address."""
    email = new_email()
    sent = [await sign_up_and_delete(shop, email) for _ in range(LINKS_MAX + 2)]
    assert sent == [["Verify your e-mail"]] * LINKS_MAX + [[]] * 2
    in_another_case = await sign_up_and_delete(shop, email.title())
    assert in_another_case == []
    # What a link to a new password is for is counted apart: nobody is kept from it so.
    user, owner = await signed_up(shop, email)
    await forgot(shop, email)
    assert await mails_to(shop, email) == ["Set a new password"]
    await owner("DeleteUser", pb.DeleteUserRequest(user_id=user.id))
    await shop.pool.execute("UPDATE login_failures SET expires_at = now()")  # as after an hour
    assert await sign_up_and_delete(shop, email) == ["Verify your e-mail"]


async def test_many_accounts_ask_for_one_address_no_more_often_than_one(shop: Shop) -> None:
    email, owners = new_email(), [(await somebody(shop))[1] for _ in range(3)]
    refusals: list[Refused] = []
    for at in range(LINKS_MAX + 2):
        asking = ask(owners[at % 3], email)
        if at < LINKS_MAX:
            await asking
        else:
            refusals.append(await refused(asking))
    assert {each.reason for each in refusals} == {"RATE_LIMITED"}
    assert all(0 < each.retry_after_seconds <= 3_600 for each in refusals)
    await ask(owners[0], new_email())  # another address has room
    assert await mails_to(shop, email) == ["Verify your new e-mail"] * LINKS_MAX
    # Nor does a new account: it is told nothing, because nobody is signed in to be told.
    assert await sign_up_and_delete(shop, email) == []


async def test_forgotten_passwords_of_one_address_have_their_end(shop: Shop) -> None:
    """Known and unknown are answered alike; what of one account is open is counted beside it."""
    email = new_email()
    sent = 0
    for _ in range(3):
        user, owner = await signed_up(shop, email)
        for _ in range(LIVE_MAX):
            await forgot(shop, email)
        sent += (await mails_to(shop, email)).count("Set a new password")
        await owner("DeleteUser", pb.DeleteUserRequest(user_id=user.id))
    assert sent == LINKS_MAX


async def test_notices_that_a_stranger_causes_have_their_end(shop: Shop) -> None:
    email = new_email()
    _, owner = await signed_up(shop, email)
    passwords = [f"correct horse {at}" for at in range(NOTICES_MAX + 2)]
    for was, password in zip([PASSWORD, *passwords], passwords, strict=False):
        change = auth_pb.ChangePasswordRequest(current_password=was, password=password)
        await owner("ChangePassword", change)
    subjects = await mails_to(shop, email)
    assert subjects.count("Your password was changed") == NOTICES_MAX


async def test_but_for_the_count_each_account_would_mail_the_address(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlimited(kind: Any) -> int:
        return 1_000_000

    monkeypatch.setattr(recipients, "mails_max", unlimited)
    email = new_email()
    sent = [await sign_up_and_delete(shop, email) for _ in range(LINKS_MAX + 1)]
    assert sent == [["Verify your e-mail"]] * (LINKS_MAX + 1)
