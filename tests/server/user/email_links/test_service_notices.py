"""Of what changes how somebody signs in a mail tells, once, whoever did it."""

from email.message import EmailMessage

import pyotp

from emporium.user.v1 import api_key_service_pb2 as keys_pb
from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import totp_service_pb2 as totp_pb
from emporium.user.v1 import user_service_pb2 as user_pb
from tests.server.kit.mail.smtp_server import Inbox
from tests.server.refusals import refused
from tests.server.user.doors import PASSWORD, new_email
from tests.server.user.email_links.conftest import Shop
from tests.server.user.email_links.test_passwords import forgot
from tests.server.user.email_links.test_service_new_email import somebody

NEW = "another horse"


def words(mail: EmailMessage) -> str:
    return " ".join(mail.get_content().split())


async def told(shop: Shop, inbox: Inbox, *emails: str) -> list[EmailMessage]:
    """The mails to those addresses, up to one that is asked for now."""
    last = await shop.person()
    await forgot(shop, last.email)
    found: list[EmailMessage] = []
    while not found or found[-1]["To"] != last.email:
        found.append(await inbox.next())
    return [mail for mail in found if mail["To"] in emails]


async def test_a_password_that_was_changed_by_the_current_one(shop: Shop, inbox: Inbox) -> None:
    user, owner = await somebody(shop)
    wrong = auth_pb.ChangePasswordRequest(current_password="not the one", password=NEW)
    await refused(owner("ChangePassword", wrong))
    change = auth_pb.ChangePasswordRequest(current_password=PASSWORD, password=NEW)
    await owner("ChangePassword", change)
    assert [mail["Subject"] for mail in await told(shop, inbox, user.email)] == [
        "Your password was changed"
    ]


async def test_an_api_key_that_was_made(shop: Shop, inbox: Inbox) -> None:
    user, owner = await somebody(shop)
    request = keys_pb.CreateApiKeyRequest(name="ERP", scopes=["orders.read"], request_id="once")
    for _ in range(2):  # the second is a repeat of the first
        key = await owner("CreateApiKey", request)
    [mail] = await told(shop, inbox, user.email)
    made = key.created_at.ToDatetime()
    assert mail["Subject"] == "An API key was made"
    assert f'called "ERP" was made for your account on {made:%-d %B %Y at %H:%M} UTC' in words(mail)
    assert key.id not in mail.get_content()


async def test_a_second_factor_and_its_recovery_codes(shop: Shop, inbox: Inbox) -> None:
    user, owner = await somebody(shop)
    begin = totp_pb.BeginTotpRequest(current_password=PASSWORD)
    secret = (await owner("BeginTotp", begin)).secret
    confirm = totp_pb.ConfirmTotpRequest(totp_code=pyotp.TOTP(secret).now())
    codes = (await owner("ConfirmTotp", confirm)).recovery_codes
    for code in codes[:2]:
        login = auth_pb.LoginRequest(email=user.email, password=PASSWORD, recovery_code=code)
        await shop.anyone("Login", login)
    await owner("DeleteTotp", totp_pb.DeleteTotpRequest(recovery_code=codes[2]))
    mails = await told(shop, inbox, user.email)
    assert sorted(mail["Subject"] for mail in mails) == [
        *["A recovery code was used"] * 3,
        "Logins need a code from now on",
        "Logins need no code any more",
    ]
    left = [words(mail).partition("of the others ")[2][:10] for mail in mails]
    assert sorted(filter(None, left)) == ["7 are left", "8 are left", "9 are left"]


async def test_an_e_mail_that_an_admin_has_changed(shop: Shop, inbox: Inbox) -> None:
    """Both addresses: neither holder may have asked for it. The session goes on."""
    user, owner = await somebody(shop)
    email = new_email()
    same = user_pb.UpdateUserRequest(user_id=user.id, email=user.email, full_name="Ann Other")
    await shop.admin("UpdateUser", same)
    await shop.admin("UpdateUser", user_pb.UpdateUserRequest(user_id=user.id, email=email))
    mails = await told(shop, inbox, user.email, email)
    assert {mail["To"]: mail["Subject"] for mail in mails} == {
        user.email: "Your e-mail was changed",
        email: "Your account has this e-mail",
    }
    assert len(mails) == 2
    after = await owner("GetUser", user_pb.GetUserRequest(user_id=user.id))
    assert (after.email, after.email_verified) == (email, True)


async def test_an_e_mail_in_another_case_is_the_same_and_told_nobody(
    shop: Shop, inbox: Inbox
) -> None:
    user, owner = await somebody(shop)
    email = user.email.title()
    await shop.admin("UpdateUser", user_pb.UpdateUserRequest(user_id=user.id, email=email))
    assert (await owner("GetUser", user_pb.GetUserRequest(user_id=user.id))).email == email
    assert await told(shop, inbox, user.email, email) == []
