"""Which acts end links: those that were mailed before, and those that still wait to be."""

import asyncio
from collections.abc import Awaitable, Callable

import pyotp
import pytest

from emporium.type.v1 import role_pb2
from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import totp_service_pb2 as totp_pb
from emporium.user.v1 import user_service_pb2 as pb
from server.kit.context import Role
from server.user.logins.provisioning import ensure_account
from server.user.totp.provisioning import remove_totp
from tests.server.kit.mail.smtp_server import Inbox, receiving
from tests.server.refusals import refused
from tests.server.user.doors import PASSWORD, Door, create, new_email
from tests.server.user.email_links.conftest import Shop, token_in
from tests.server.user.email_links.test_passwords import forgot, reset
from tests.server.user.email_links.test_service_new_email import ask, somebody
from tests.server.user.email_links.test_service_verification import promote, read, verify

NEW = "another horse"
Act = Callable[[Shop, Door, pb.User], Awaitable[object]]


async def change_password(shop: Shop, owner: Door, user: pb.User) -> None:
    change = auth_pb.ChangePasswordRequest(current_password=PASSWORD, password=NEW)
    await owner("ChangePassword", change)


async def operators_password(shop: Shop, owner: Door, user: pb.User) -> None:
    await ensure_account(shop.pool, user.email, "Ann", Role.CUSTOMER, NEW, cost=4)


async def suspension(shop: Shop, owner: Door, user: pb.User) -> None:
    await shop.admin("SuspendUser", pb.SuspendUserRequest(user_id=user.id))
    await shop.admin("ReinstateUser", pb.ReinstateUserRequest(user_id=user.id))


async def other_email(shop: Shop, owner: Door, user: pb.User) -> None:
    """There and back: the address is that of the links again."""
    for email in (new_email(), user.email):
        await shop.admin("UpdateUser", pb.UpdateUserRequest(user_id=user.id, email=email))


async def promotion(shop: Shop, owner: Door, user: pb.User) -> None:
    await promote(shop, user.id)


async def demotion(shop: Shop, owner: Door, user: pb.User) -> None:
    demoted = pb.SetUserRoleRequest(user_id=user.id, role=role_pb2.CUSTOMER)
    await shop.admin("SetUserRole", demoted)


async def second_factor(shop: Shop, owner: Door, user: pb.User) -> None:
    begin = totp_pb.BeginTotpRequest(current_password=PASSWORD)
    secret = (await owner("BeginTotp", begin)).secret
    code = pyotp.TOTP(secret).now()
    await owner("ConfirmTotp", totp_pb.ConfirmTotpRequest(totp_code=code))


async def no_second_factor(shop: Shop, owner: Door, user: pb.User) -> None:
    assert await remove_totp(shop.pool, user.email)


PREPARED: dict[Act, Act] = {demotion: promotion, no_second_factor: second_factor}
ACTS = [
    change_password,
    operators_password,
    suspension,
    other_email,
    promotion,
    demotion,
    second_factor,
    no_second_factor,
]


async def to(inbox: Inbox, email: str) -> str:
    """The token of the next mail with a link to that address."""
    async with asyncio.timeout(10):
        while (mail := await inbox.next())["To"] != email or "Token: " not in mail.get_content():
            pass
    return token_in(mail)


async def prepared(shop: Shop, act: Act) -> tuple[pb.User, Door]:
    user, owner = await somebody(shop)
    if act in PREPARED:
        await PREPARED[act](shop, owner, user)
    return user, owner


@pytest.mark.parametrize("act", ACTS)
async def test_who_could_ask_for_a_link_before_cannot_use_it_after(
    shop: Shop, inbox: Inbox, act: Act
) -> None:
    user, owner = await prepared(shop, act)
    stolen = new_email()
    await ask(owner, stolen)
    to_new_address = await to(inbox, stolen)
    await forgot(shop, user.email)
    to_new_password = await to(inbox, user.email)

    await act(shop, owner, user)

    for use in (verify(shop, to_new_address), reset(shop, to_new_password)):
        assert (await refused(use)).reason == "ONE_TIME_TOKEN_INVALID"
    assert (await read(shop, user.id)).email == user.email
    # Links that are asked for from now on are good.
    await forgot(shop, user.email)
    await reset(shop, await to(inbox, user.email), "a third horse")


@pytest.mark.parametrize("act", ACTS)
async def test_a_link_that_waits_to_be_mailed_ends_as_well(shop: Shop, act: Act) -> None:
    user, owner = await prepared(shop, act)
    stolen, mine = new_email(), await shop.person()
    await ask(owner, stolen)
    await act(shop, owner, user)
    await forgot(shop, mine.email)
    async with receiving(shop.inbox), shop.relaying():
        async with asyncio.timeout(10):
            while (mail := await shop.inbox.next())["To"] != mine.email:
                assert mail["To"] != stolen
    made = "SELECT token_hash FROM one_time_tokens WHERE user_id = $1 AND kind = 'CHANGE_EMAIL'"
    assert not any(row["token_hash"] for row in await shop.pool.fetch(made, user.id))


async def test_a_change_of_nothing_that_signs_in_ends_no_link(shop: Shop, inbox: Inbox) -> None:
    """Nor does a link that verifies an address end: it gives nobody anything."""
    user = await shop.anyone("CreateUser", create())
    login = auth_pb.LoginRequest(email=user.email, password=PASSWORD)
    token = (await shop.anyone("Login", login)).access_token
    owner = shop.anyone.with_token(token, user.id)
    verification, email = await to(inbox, user.email), new_email()
    await ask(owner, email)
    to_new_address = await to(inbox, email)
    change = pb.UpdateUserRequest(user_id=user.id, full_name="Ann Other", age=33)
    await owner("UpdateUser", change)
    await verify(shop, to_new_address)
    assert (await read(shop, user.id)).email == email

    back = pb.UpdateUserRequest(user_id=user.id, email=user.email)
    await shop.admin("UpdateUser", back)
    await change_password(shop, owner, user)
    await verify(shop, verification)


async def test_but_for_what_the_account_says_the_link_would_be_good(
    shop: Shop, inbox: Inbox
) -> None:
    user, owner = await somebody(shop)
    stolen = new_email()
    await ask(owner, stolen)
    token = await to(inbox, stolen)
    await change_password(shop, owner, user)
    await shop.pool.execute("UPDATE users SET links_since = 0 WHERE id = $1", user.id)
    await verify(shop, token)
    assert (await read(shop, user.id)).email == stolen
