"""A forgotten password through the gRPC door, by mails that an SMTP server took."""

import asyncio

import grpc
import pytest

from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import email_link_service_pb2 as pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.user.email_links.rules import LIVE_MAX
from tests.server.kit.mail.smtp_server import Inbox
from tests.server.refusals import refused
from tests.server.user.doors import PASSWORD, new_email
from tests.server.user.email_links.conftest import Shop, token_in

NEW = "another horse"
INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "ONE_TIME_TOKEN_INVALID")


async def forgot(shop: Shop, email: str) -> pb.ForgotPasswordResponse:
    answer: pb.ForgotPasswordResponse = await shop.anyone(
        "ForgotPassword", pb.ForgotPasswordRequest(email=email)
    )
    return answer


async def reset(shop: Shop, token: str, password: str = NEW) -> None:
    await shop.anyone("ResetPassword", pb.ResetPasswordRequest(token=token, password=password))


async def sign_in(shop: Shop, email: str, password: str) -> None:
    await shop.anyone("Login", auth_service_pb2.LoginRequest(email=email, password=password))


async def refusal(shop: Shop, token: str) -> tuple[object, str]:
    found = await refused(reset(shop, token))
    assert found.fields == ["token"]
    return found.code, found.reason


async def test_a_mailed_token_sets_a_password_once_and_a_mail_tells_of_it(
    shop: Shop, inbox: Inbox
) -> None:
    user = await shop.person()
    await forgot(shop, user.email.upper())
    mail = await inbox.next()
    assert (mail["To"], mail["Subject"]) == (user.email, "Set a new password")

    token = token_in(mail)
    await reset(shop, token)
    assert (await inbox.next())["Subject"] == "Your password was changed"
    await sign_in(shop, user.email, NEW)
    assert (await refused(sign_in(shop, user.email, PASSWORD))).reason == "BAD_CREDENTIALS"
    assert await refusal(shop, token) == INVALID


async def test_neither_answer_nor_request_tells_whether_there_is_an_account(
    shop: Shop, inbox: Inbox
) -> None:
    known = await shop.person()
    disabled = await shop.person()
    change = user_pb.UpdateUserRequest(user_id=disabled.id, status=user_pb.User.DISABLED)
    await shop.admin("UpdateUser", change)
    async with shop.pool.acquire() as connection, connection.transaction():
        # Nobody can look an account up now.
        await connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        answers = [
            await forgot(shop, email) for email in (new_email(), disabled.email, known.email)
        ]
    assert {answer.SerializeToString() for answer in answers} == {b""}
    assert (await inbox.next())["To"] == known.email
    assert inbox.mails.empty()


async def test_a_used_link_ends_the_others(shop: Shop, inbox: Inbox) -> None:
    user = await shop.person()
    await forgot(shop, user.email)
    await forgot(shop, user.email)
    tokens = [token_in(await inbox.next()) for _ in range(2)]
    assert len({*tokens}) == 2
    await reset(shop, tokens[1])
    assert await refusal(shop, tokens[0]) == INVALID
    assert (await inbox.next())["Subject"] == "Your password was changed"


async def test_of_two_uses_at_once_one_counts(shop: Shop, inbox: Inbox) -> None:
    user = await shop.person()
    await forgot(shop, user.email)
    token = token_in(await inbox.next())
    uses = await asyncio.gather(
        *(reset(shop, token, f"{NEW} {n}") for n in range(4)), return_exceptions=True
    )
    assert sum(use is None for use in uses) == 1
    assert (await inbox.next())["Subject"] == "Your password was changed"


@pytest.mark.parametrize(
    "outdate",
    [
        "UPDATE one_time_tokens SET expires_at = now() - interval '1 second' WHERE user_id = $1",
        "UPDATE users SET email = 'new-' || email WHERE id = $1",
        "UPDATE users SET status = 'DISABLED' WHERE id = $1",
        "DELETE FROM users WHERE id = $1",
    ],
)
async def test_a_link_is_good_for_a_while_and_for_the_account_as_it_was(
    shop: Shop, inbox: Inbox, outdate: str
) -> None:
    user = await shop.person()
    await forgot(shop, user.email)
    token = token_in(await inbox.next())
    await shop.pool.execute(outdate, user.id)
    assert await refusal(shop, token) == INVALID


async def test_a_token_that_nobody_made_is_refused_alike(shop: Shop) -> None:
    assert await refusal(shop, "x" * 43) == INVALID


async def test_nobodys_mailbox_is_flooded(shop: Shop, inbox: Inbox) -> None:
    user, other = [await shop.person() for _ in range(2)]
    for _ in range(LIVE_MAX + 2):
        await forgot(shop, user.email)
    await forgot(shop, other.email)
    got = [(await inbox.next())["To"] for _ in range(LIVE_MAX + 1)]
    assert got == [user.email] * LIVE_MAX + [other.email]


async def test_no_token_is_stored(shop: Shop, inbox: Inbox) -> None:
    user = await shop.person()
    inbox.refusals[user.email] = ["451"]
    await forgot(shop, user.email)
    token = token_in(await inbox.next())
    for table in ("one_time_tokens", "outbox", "outbox_blocks"):
        rows = await shop.pool.fetch(f"SELECT t::text AS row FROM {table} AS t")
        text = " ".join(row["row"] for row in rows)
        assert token not in text
        assert token.encode().hex() not in text
    assert await shop.pool.fetchval(
        "SELECT count(*) FROM one_time_tokens WHERE token_hash = sha256($1)", token.encode()
    )


async def test_the_new_password_has_the_rules_of_the_first(shop: Shop) -> None:
    for password in ("short", "x" * 73, "\u0958" * 97):
        found = await refused(reset(shop, "x" * 43, password))
        assert found.fields == ["password"]


async def test_the_new_password_is_not_the_own_e_mail_and_the_link_stays_good(
    shop: Shop, inbox: Inbox
) -> None:
    user = await shop.person()
    await forgot(shop, user.email)
    token = token_in(await inbox.next())
    found = await refused(reset(shop, token, user.email))
    assert found.message == "password: must be another than the account's e-mail or name"
    await reset(shop, token)
    await inbox.next()


async def test_the_new_password_has_its_length_when_it_is_normalised(
    shop: Shop, inbox: Inbox
) -> None:
    user = await shop.person()
    await forgot(shop, user.email)
    token = token_in(await inbox.next())
    found = await refused(reset(shop, token, "\u0958" * 24))  # 72 bytes, and 144 of them
    assert (found.reason, found.fields) == ("VALIDATION_FAILED", ["password"])
    typed = "o\u0308" * 25 + "x7-Kd)2mLq"  # 85 bytes, and 60 of them
    await reset(shop, token, typed)
    await sign_in(shop, user.email, typed)
    await sign_in(shop, user.email, "\u00f6" * 25 + "x7-Kd)2mLq")
