"""A new e-mail through the gRPC door: it counts once the link that was mailed there is used."""

import asyncio
from typing import Any

import grpc

from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import email_link_service_pb2 as pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit.context import Role
from server.user.email_links.rules import ASKED_MAX, LIVE_MAX
from tests.server.kit.mail.smtp_server import Inbox, receiving
from tests.server.refusals import refused
from tests.server.user.doors import PASSWORD, Door, new_email
from tests.server.user.email_links.conftest import Shop, token_in
from tests.server.user.email_links.test_passwords import forgot, reset, sign_in
from tests.server.user.email_links.test_service_verification import read, verify


async def somebody(shop: Shop, **fields: Any) -> tuple[user_pb.User, Door]:
    user = await shop.person(**fields)
    login = auth_service_pb2.LoginRequest(email=user.email, password=PASSWORD)
    token = (await shop.anyone("Login", login)).access_token
    return user, shop.anyone.with_token(token, user.id)


async def ask(owner: Door, email: str) -> user_pb.User:
    change = user_pb.UpdateUserRequest(user_id=owner.user_id, email=email, full_name="Ann New")
    user: user_pb.User = await owner("UpdateUser", change)
    return user


async def test_it_counts_once_its_link_is_used_and_the_old_address_is_told(
    shop: Shop, inbox: Inbox
) -> None:
    user, owner = await somebody(shop)
    email = new_email()
    asked = await ask(owner, email)
    assert (asked.email, asked.full_name, asked.email_verified) == (user.email, "Ann New", True)
    mail = await inbox.next()
    assert (mail["To"], mail["Subject"]) == (email, "Verify your new e-mail")
    await sign_in(shop, user.email, PASSWORD)
    assert (await refused(sign_in(shop, email, PASSWORD))).reason == "BAD_CREDENTIALS"

    await verify(shop, token_in(mail))
    told = await inbox.next()
    assert (told["To"], told["Subject"]) == (user.email, "Your e-mail was changed")
    after = await read(shop, user.id)
    assert (after.email, after.email_verified, after.etag) == (email, True, "3")
    await sign_in(shop, email, PASSWORD)
    assert (await refused(sign_in(shop, user.email, PASSWORD))).reason == "BAD_CREDENTIALS"
    assert (await refused(verify(shop, token_in(mail)))).reason == "ONE_TIME_TOKEN_INVALID"


async def test_an_admins_own_waits_for_its_link_too(shop: Shop, inbox: Inbox) -> None:
    user, owner = await somebody(shop, role=Role.ADMIN)
    email = new_email()
    assert (await ask(owner, email)).email == user.email
    mail = await inbox.next()
    assert (mail["To"], mail["Subject"]) == (email, "Verify your new e-mail")
    await sign_in(shop, user.email, PASSWORD)

    await verify(shop, token_in(mail))
    assert (await read(shop, user.id)).email == email
    told = await inbox.next()
    assert (told["To"], told["Subject"]) == (user.email, "Your e-mail was changed")


async def test_an_address_that_somebody_has_taken_since_is_refused(
    shop: Shop, inbox: Inbox
) -> None:
    _, owner = await somebody(shop)
    email = new_email()
    await ask(owner, email)
    token = token_in(await inbox.next())
    await shop.person(email=email)
    found = await refused(verify(shop, token))
    assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN")


async def test_a_new_password_by_mail_ends_the_link(shop: Shop, inbox: Inbox) -> None:
    user, owner = await somebody(shop)
    await ask(owner, new_email())
    token = token_in(await inbox.next())
    await forgot(shop, user.email)
    await reset(shop, token_in(await inbox.next()))
    await inbox.next()
    assert (await refused(verify(shop, token))).reason == "ONE_TIME_TOKEN_INVALID"
    assert (await read(shop, user.id)).email == user.email


async def test_of_two_new_addresses_the_first_that_is_verified_stays(
    shop: Shop, inbox: Inbox
) -> None:
    user, owner = await somebody(shop)
    first, second = new_email(), new_email()
    await ask(owner, first)
    await ask(owner, second)
    tokens = [token_in(await inbox.next()) for _ in range(2)]
    await shop.anyone("VerifyEmail", pb.VerifyEmailRequest(token=tokens[1]))
    await inbox.next()
    assert (await refused(verify(shop, tokens[0]))).reason == "ONE_TIME_TOKEN_INVALID"
    assert (await read(shop, user.id)).email == second


async def test_one_link_more_ends_the_oldest_and_is_mailed(shop: Shop, inbox: Inbox) -> None:
    user, owner = await somebody(shop)
    tokens = []
    for _ in range(LIVE_MAX + 1):
        await ask(owner, last := new_email())
        tokens.append(token_in(await inbox.next()))
    assert (await refused(verify(shop, tokens[0]))).reason == "ONE_TIME_TOKEN_INVALID"
    await verify(shop, tokens[-1])
    assert (await read(shop, user.id)).email == last
    await inbox.next()


async def test_a_link_that_gave_way_before_it_was_mailed_is_not_mailed(shop: Shop) -> None:
    _, owner = await somebody(shop)
    emails = [new_email() for _ in range(LIVE_MAX + 1)]
    for email in emails:
        await ask(owner, email)
    async with receiving(shop.inbox), shop.relaying():
        assert {(await shop.inbox.next())["To"] for _ in range(LIVE_MAX)} == {*emails[1:]}


async def test_who_asks_too_often_is_told_when_to_ask_again(shop: Shop) -> None:
    user, owner = await somebody(shop)
    for _ in range(ASKED_MAX):
        await ask(owner, new_email())
    change = user_pb.UpdateUserRequest(user_id=user.id, email=new_email(), full_name="Never")
    found = await refused(owner("UpdateUser", change))
    assert (found.code, found.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert "use the one that was mailed last" in found.message
    assert 3_500 < found.retry_after_seconds <= 3_600
    assert (await read(shop, user.id)).full_name == "Ann New"
    # What leaves the e-mail as it is goes on, and so does everybody else.
    same = user_pb.UpdateUserRequest(user_id=user.id, email=user.email, full_name="Ann Other")
    assert (await owner("UpdateUser", same)).full_name == "Ann Other"
    _, other = await somebody(shop)
    await ask(other, new_email())

    earlier = "UPDATE one_time_tokens SET asked_at = asked_at - interval '1 hour'"
    await shop.pool.execute(f"{earlier} WHERE user_id = $1", user.id)
    await owner("UpdateUser", change)


async def test_of_requests_at_once_no_more_are_let_through(shop: Shop) -> None:
    _, owner = await somebody(shop)
    calls = [ask(owner, new_email()) for _ in range(2 * ASKED_MAX)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    let_through = [each for each in outcomes if not isinstance(each, grpc.aio.AioRpcError)]
    assert len(let_through) == ASKED_MAX
