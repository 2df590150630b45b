"""Mails are sent whatever happens on the way, and say nothing to anybody else."""

import pytest

from emporium.user.v1 import email_link_service_pb2 as pb
from server.kit import outbox
from server.kit.mail import mailer_of
from server.settings import Mail
from server.user.app.destinations import mail_destination
from tests.server.kit.mail.smtp_server import receiving
from tests.server.user.email_links.conftest import Shop, token_in
from tests.server.user.email_links.test_passwords import forgot


async def test_a_mail_waits_for_a_process_that_sends_it(shop: Shop) -> None:
    user = await shop.person()
    await forgot(shop, user.email)
    async with receiving(shop.inbox), shop.relaying():
        assert (await shop.inbox.next())["To"] == user.email


async def test_a_mail_waits_for_the_server(shop: Shop) -> None:
    async with shop.relaying():
        user = await shop.person()
        await forgot(shop, user.email)
        waiting = await outbox.look(shop.pool)
        assert [(each.destination, each.dead_letters) for each in waiting] == [("mail", 0)]
        async with receiving(shop.inbox):
            assert (await shop.inbox.next())["To"] == user.email


async def test_a_mail_that_was_put_off_is_sent_with_a_token_that_works(shop: Shop) -> None:
    user = await shop.person()
    async with receiving(shop.inbox), shop.relaying():
        shop.inbox.refusals[user.email] = ["451", "450"]
        await forgot(shop, user.email)
        token = token_in(await shop.inbox.next())
        reset = pb.ResetPasswordRequest(token=token, password="another horse")
        await shop.anyone("ResetPassword", reset)
        assert (await shop.inbox.next())["Subject"] == "Your password was changed"


async def test_a_mail_that_is_refused_for_good_holds_back_no_other_and_tells_no_address(
    shop: Shop,
) -> None:
    gone, user = [await shop.person() for _ in range(2)]
    async with receiving(shop.inbox), shop.relaying():
        shop.inbox.refusals[gone.email] = ["550"] * 100  # in a batch with the other, alone, again
        await forgot(shop, gone.email)
        await forgot(shop, user.email)
        assert (await shop.inbox.next())["To"] == user.email
        [letter] = await outbox.list_dead_letters(shop.pool, "mail")
        assert letter.error == "smtp: the server answered 550"
        # Say that the address was mended: it can be sent again.
        shop.inbox.refusals.clear()
        await outbox.replay(shop.pool, destination="mail")
        assert (await shop.inbox.next())["To"] == gone.email


async def test_without_tls_nothing_is_said_to_a_server_that_should_have_it(shop: Shop) -> None:
    mail = Mail(smtp_url=f"smtp://ann:secret@127.0.0.1:{shop.inbox.port}")
    destination = mail_destination(shop.pool, mailer_of(mail), shop.signer, mail)
    user = await shop.person()
    await forgot(shop, user.email)
    shop.inbox.senders.clear()
    async with receiving(shop.inbox):
        [*events] = await _waiting(shop)
        with pytest.raises(outbox.Away) as away:
            await destination.send(events)
        assert shop.inbox.senders == []
        assert "secret" not in str(away.value)
        assert user.email not in str(away.value)
    async with receiving(shop.inbox), shop.relaying():
        assert (await shop.inbox.next())["To"] == user.email


async def _waiting(shop: Shop) -> list[outbox.Event]:
    rows = await shop.pool.fetch("SELECT * FROM outbox WHERE aggregate_type = 'mail'")
    return [
        outbox.Event(
            str(row["id"]),
            row["aggregate_type"],
            str(row["aggregate_id"]),
            row["aggregate_version"],
            row["event_type"],
            row["payload"],
            row["occurred_at"],
        )
        for row in rows
    ]
