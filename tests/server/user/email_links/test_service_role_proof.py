"""A role is for who gets the account's mails, and for nobody who knew a password before them."""

from typing import Any

import jwt
import pytest

from emporium.type.v1.role_pb2 import ADMIN, CUSTOMER, STAFF
from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import session_service_pb2 as session_pb
from emporium.user.v1 import user_service_pb2 as pb
from server.kit.context import Role
from server.user.accounts import rules as accounts
from server.user.logins.provisioning import ensure_account
from tests.server.kit.mail.smtp_server import Inbox
from tests.server.refusals import refused
from tests.server.user.api_keys.test_exchange import asking
from tests.server.user.api_keys.test_service import new
from tests.server.user.doors import PASSWORD, Door, create, new_email
from tests.server.user.email_links.conftest import Shop
from tests.server.user.email_links.test_passwords import NEW, reset
from tests.server.user.email_links.test_service_first_proof import forgotten, login_of, mailed
from tests.server.user.email_links.test_service_new_email import ask
from tests.server.user.email_links.test_service_verification import read, verify

OPENED = "An account was opened for you"


def role_in(given: Any) -> str:
    said = jwt.decode(given.access_token, options={"verify_signature": False})
    return str(said["role"])


async def signed_in(shop: Shop, user: pb.User, password: str = PASSWORD) -> auth_pb.LoginResponse:
    given: auth_pb.LoginResponse = await shop.anyone("Login", login_of(user, password))
    return given


async def refreshed(shop: Shop, login: auth_pb.LoginResponse) -> Any:
    return await shop.anyone(
        "Refresh", session_pb.RefreshRequest(refresh_token=login.refresh_token)
    )


async def set_role(shop: Shop, user: pb.User, role: Any = STAFF) -> pb.User:
    given: pb.User = await shop.admin(
        "SetUserRole", pb.SetUserRoleRequest(user_id=user.id, role=role)
    )
    return given


async def gets_no_role(shop: Shop, user: pb.User) -> None:
    """By neither rpc that gives one; nothing of the account is changed."""
    before = await read(shop, user.id)
    for name, request in (
        ("SetUserRole", pb.SetUserRoleRequest(user_id=user.id, role=STAFF)),
        ("UpdateUser", pb.UpdateUserRequest(user_id=user.id, role=ADMIN, full_name="Ann New")),
    ):
        found = await refused(shop.admin(name, request))
        assert (found.reason, found.fields) == ("EMAIL_NOT_VERIFIED", ["role"])
        assert "ForgotPassword mails" in found.message
    assert await read(shop, user.id) == before


async def test_staff_who_chose_a_password_gain_nothing_by_it(shop: Shop, inbox: Inbox) -> None:
    user = await shop.admin("CreateUser", create())
    of_staff = await signed_in(shop, user)
    await gets_no_role(shop, user)
    await set_role(shop, user, CUSTOMER)  # which it has

    # The owner's link is as good as before.
    await reset(shop, await mailed(inbox, user, OPENED))
    assert (await set_role(shop, user)).role == STAFF
    assert (await refused(refreshed(shop, of_staff))).reason == "SESSION_ENDED"
    assert (await refused(signed_in(shop, user))).reason == "BAD_CREDENTIALS"
    assert role_in(await signed_in(shop, user, NEW)) == "STAFF"


async def test_nor_does_who_signed_up_in_somebodys_name(shop: Shop, inbox: Inbox) -> None:
    """Also where the owner of the address has used the link that verifies it."""
    user = await shop.anyone("CreateUser", create())
    await gets_no_role(shop, user)
    await verify(shop, await mailed(inbox, user, "Verify your e-mail"))
    strangers = await signed_in(shop, user)
    stranger = shop.anyone.with_token(strangers.access_token, user.id)
    key = await stranger("CreateApiKey", new(scopes=["users.read"]))
    await gets_no_role(shop, user)

    await reset(shop, await forgotten(shop, inbox, user))
    await set_role(shop, user, ADMIN)
    assert (await refused(refreshed(shop, strangers))).reason == "SESSION_ENDED"
    owners = await signed_in(shop, user, NEW)
    assert role_in(owners) == "ADMIN"
    # A key outlives a new password, and is no more than what it was made as.
    assert role_in(await shop.anyone("ExchangeApiKey", asking(key))) == "CUSTOMER"
    made = await shop.anyone.with_token(owners.access_token, user.id)("CreateApiKey", new())
    assert role_in(await shop.anyone("ExchangeApiKey", asking(made))) == "ADMIN"
    await shop.pool.execute("UPDATE api_keys SET role = 'ADMIN' WHERE id = $1", key.id)
    assert role_in(await shop.anyone("ExchangeApiKey", asking(key))) == "ADMIN"  # but for that


async def test_but_for_the_rule_the_stranger_would_have_the_role(
    shop: Shop, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await shop.anyone("CreateUser", create())
    await verify(shop, await mailed(inbox, user, "Verify your e-mail"))
    strangers = await signed_in(shop, user)
    monkeypatch.setattr(accounts, "check_rise", lambda before, after: None)
    await set_role(shop, user, ADMIN)
    assert role_in(await refreshed(shop, strangers)) == "ADMIN"


async def test_nor_does_who_moved_an_account_to_somebodys_address(shop: Shop, inbox: Inbox) -> None:
    user, owner = await person(shop)
    user.email = new_email()
    await ask(owner, user.email)
    await verify(shop, await mailed(inbox, user, "Verify your new e-mail"))
    await gets_no_role(shop, user)
    await reset(shop, await forgotten(shop, inbox, user))
    await set_role(shop, user)


async def test_an_address_that_an_admin_gives_takes_a_new_password_too(
    shop: Shop, inbox: Inbox
) -> None:
    user, _ = await person(shop)
    both = pb.UpdateUserRequest(user_id=user.id, email=new_email(), role=STAFF)
    assert (await refused(shop.admin("UpdateUser", both))).reason == "EMAIL_NOT_VERIFIED"
    both.email = user.email.upper()  # the same, in another case
    assert (await shop.admin("UpdateUser", both)).role == STAFF


async def person(shop: Shop, **fields: Any) -> tuple[pb.User, Door]:
    user = await shop.person(**fields)
    token = (await signed_in(shop, user)).access_token
    return user, shop.anyone.with_token(token, user.id)


async def test_an_account_that_is_opened_with_a_role_has_no_password_but_its_holders(
    shop: Shop, inbox: Inbox
) -> None:
    found = await refused(shop.admin("CreateUser", create(role=STAFF)))
    assert (found.reason, found.fields) == ("VALIDATION_FAILED", ["password"])
    user = await shop.admin("CreateUser", create(role=STAFF, password=None))
    assert (await refused(signed_in(shop, user))).reason == "BAD_CREDENTIALS"
    await set_role(shop, user, ADMIN)  # nobody can know a password that there is not
    await reset(shop, await mailed(inbox, user, OPENED))
    assert role_in(await signed_in(shop, user, NEW)) == "ADMIN"


async def test_a_lesser_role_and_the_one_of_before_take_no_proof(shop: Shop) -> None:
    """Whoever is to lose one does, and suspending takes no role away."""
    user = await shop.person(role=Role.ADMIN, password_proven=False)
    for name, request in (
        ("SuspendUser", pb.SuspendUserRequest(user_id=user.id)),
        ("ReinstateUser", pb.ReinstateUserRequest(user_id=user.id)),
    ):
        assert (await shop.admin(name, request)).role == ADMIN
    assert (await set_role(shop, user, STAFF)).role == STAFF
    assert (await refused(set_role(shop, user, ADMIN))).reason == "EMAIL_NOT_VERIFIED"
    assert (await set_role(shop, user, CUSTOMER)).role == CUSTOMER


async def test_what_the_operator_sets_on_the_host_needs_no_mail(shop: Shop) -> None:
    user = await shop.anyone("CreateUser", create())
    await ensure_account(shop.pool, user.email, "Ann", Role.STAFF, NEW, cost=4)
    assert (await set_role(shop, user, ADMIN)).role == ADMIN


async def test_the_link_to_an_opened_account_is_good_until_its_owner_has_set_a_password(
    shop: Shop, inbox: Inbox
) -> None:
    user = await shop.admin("CreateUser", create())
    link = await mailed(inbox, user, OPENED)
    knowing = shop.anyone.with_token((await signed_in(shop, user)).access_token, user.id)
    change = auth_pb.ChangePasswordRequest(current_password=PASSWORD, password="of staff's own")
    await knowing("ChangePassword", change)
    await shop.admin("SuspendUser", pb.SuspendUserRequest(user_id=user.id))
    assert (await refused(reset(shop, link))).reason == "ONE_TIME_TOKEN_INVALID"
    await shop.admin("ReinstateUser", pb.ReinstateUserRequest(user_id=user.id))
    same = pb.UpdateUserRequest(user_id=user.id, email=user.email.upper())
    await shop.admin("UpdateUser", same)
    await reset(shop, link)
    assert role_in(await signed_in(shop, user, NEW)) == "CUSTOMER"


async def test_it_outlives_a_role_that_is_given_and_taken(shop: Shop, inbox: Inbox) -> None:
    user = await shop.admin("CreateUser", create(password=None))
    link = await mailed(inbox, user, OPENED)
    for role in (ADMIN, STAFF):
        await set_role(shop, user, role)
    await reset(shop, link)
    assert role_in(await signed_in(shop, user, NEW)) == "STAFF"


async def test_it_ends_with_its_address_and_with_a_password_by_another_link(
    shop: Shop, inbox: Inbox
) -> None:
    moved, done = [await shop.admin("CreateUser", create()) for _ in range(2)]
    links = [await mailed(inbox, user, OPENED) for user in (moved, done)]
    given = pb.UpdateUserRequest(user_id=moved.id, email=new_email())
    await shop.admin("UpdateUser", given)
    await reset(shop, await forgotten(shop, inbox, done))
    for link in links:
        assert (
            await refused(reset(shop, link, "a third horse"))
        ).reason == "ONE_TIME_TOKEN_INVALID"
