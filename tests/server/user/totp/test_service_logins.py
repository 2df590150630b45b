"""The user service through its gRPC door: signing in with a second factor."""

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from emporium.user.v1 import email_link_service_pb2 as links_pb
from emporium.user.v1 import mail_pb2
from emporium.user.v1 import totp_service_pb2 as pb
from server.kit.postgres import Pool
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.email_links.rules import hash_of
from server.user.email_links.store.links import PostgresLinkStore
from server.user.events.encoding import to_outbox
from server.user.mail.rules import MailKind, MailRequest
from server.user.totp.store import PostgresTotpStore
from tests.server.refusals import Refused, refused
from tests.server.user.conftest import Clock, Served
from tests.server.user.counting import Bcrypt
from tests.server.user.doors import Door
from tests.server.user.totp.conftest import FAILURES_MAX, TOKENS, Owner


async def reason(call: Any) -> str:
    return (await refused(call)).reason


async def test_a_login_needs_a_code_once_the_password_is_right(
    anyone: Door, guarded: Owner
) -> None:
    found = await refused(anyone("Login", guarded.login()))
    assert (found.code, found.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOTP_REQUIRED")
    assert await reason(anyone("Login", guarded.login(totp=""))) == "TOTP_REQUIRED"
    login = await anyone("Login", guarded.login(totp=guarded.code()))
    assert (login.user.id, login.user.totp_enabled) == (guarded.user.id, True)


async def test_a_wrong_password_says_nothing_of_a_second_factor(
    anyone: Door, guarded: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same answer, and no more work, with a code or without, right or wrong."""
    costs, answers = set(), set()
    for code in (None, "123456", guarded.code()):
        with monkeypatch.context() as patch:
            counted = Bcrypt.counted(patch)
            found = await refused(anyone("Login", guarded.login(password="wrong", totp=code)))
        costs.add((counted.runs, counted.work))
        answers.add((found.code, found.reason, found.message))
    assert (len(costs), len(answers)) == (1, 1)
    assert answers.pop()[1] == "BAD_CREDENTIALS"
    await anyone("Login", guarded.login(totp=guarded.code()))  # none of them used the code up


async def test_a_code_is_ignored_where_there_is_no_second_factor(
    anyone: Door, owner: Owner
) -> None:
    await owner.begin()
    assert (await anyone("Login", owner.login())).user == owner.user
    assert (await anyone("Login", owner.login(totp="123456"))).user == owner.user


async def test_a_code_is_good_once_and_none_before_it(
    anyone: Door, guarded: Owner, clock: Clock
) -> None:
    clock.forward(seconds=30)
    used, older = guarded.code(), guarded.code(-1)
    await anyone("Login", guarded.login(totp=used))
    for code in (used, older, guarded.code(9)):
        found = await refused(anyone("Login", guarded.login(totp=code)))
        assert (found.code, found.reason) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "BAD_SECOND_FACTOR",
        )
    await anyone("Login", guarded.login(totp=guarded.code(1)))


@pytest.mark.parametrize("kind", ["totp", "recovery"])
async def test_of_many_uses_at_the_same_instant_on_two_replicas_one_is_let_in(
    served: Served, guarded: Owner, kind: str
) -> None:
    code = {"totp": guarded.code(), "recovery": guarded.recovery_codes[0]}[kind]
    async with served(TOKENS) as one, served(TOKENS) as other:
        tried = [door("Login", guarded.login(**{kind: code})) for door in (one, other) * 2]
        outcomes = await asyncio.gather(*tried, return_exceptions=True)
    lost = [Refused(each) for each in outcomes if isinstance(each, grpc.aio.AioRpcError)]
    assert Counter(each.reason for each in lost) == {"BAD_SECOND_FACTOR": 3}


async def test_without_the_database_deciding_all_would_be(
    anyone: Door, guarded: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgetful(*_: object) -> bool:
        return True

    monkeypatch.setattr(PostgresTotpStore, "spend_step", forgetful)
    for _ in range(2):
        await anyone("Login", guarded.login(totp=guarded.code()))


async def test_each_recovery_code_replaces_the_app_once(
    anyone: Door, guarded: Owner, user_pool: Pool
) -> None:
    for code in guarded.recovery_codes:
        await anyone("Login", guarded.login(recovery=code.upper().replace("-", " ")))
    for code in guarded.recovery_codes[:2]:
        assert await reason(anyone("Login", guarded.login(recovery=code))) == "BAD_SECOND_FACTOR"
    rows = await user_pool.fetch("SELECT payload FROM outbox WHERE aggregate_type = 'mail'")
    told = [mail_pb2.MailRequested.FromString(row["payload"]) for row in rows]
    used = [each for each in told if each.kind == mail_pb2.MailRequested.RECOVERY_CODE_USED]
    assert len([each for each in used if each.email == guarded.user.email]) == 10


async def test_a_wrong_code_is_a_failed_login(anyone: Door, guarded: Owner) -> None:
    for _ in range(FAILURES_MAX):
        assert await reason(anyone("Login", guarded.login(totp=guarded.code(9)))) == (
            "BAD_SECOND_FACTOR"
        )
    for right in (guarded.login(totp=guarded.code()), guarded.login()):
        assert await reason(anyone("Login", right)) == "RATE_LIMITED"


async def test_a_right_password_without_a_code_forgives_nothing(
    anyone: Door, guarded: Owner
) -> None:
    for _ in range(FAILURES_MAX):
        await reason(anyone("Login", guarded.login(totp=guarded.code(9))))
        await reason(anyone("Login", guarded.login()))
    assert await reason(anyone("Login", guarded.login())) == "RATE_LIMITED"


async def test_a_password_that_was_set_by_mail_needs_a_code_too(
    anyone: Door, guarded: Owner, user_pool: Pool
) -> None:
    links = PostgresLinkStore(user_pool, encode=to_outbox, wake=lambda: None)
    now = datetime.now(UTC)
    mail = MailRequest(
        str(uuid.uuid4()), MailKind.RESET_PASSWORD, "", guarded.user.email, now, None
    )
    await links.issue(mail, hash_of("the token"), now, now.replace(year=now.year + 1))
    new = "battery staple"
    reset = links_pb.ResetPasswordRequest(token="the token", password=new)
    await anyone("ResetPassword", reset)
    assert await reason(anyone("Login", guarded.login(password=new))) == "TOTP_REQUIRED"
    await anyone("Login", guarded.login(password=new, totp=guarded.code()))


async def test_a_second_factor_is_not_needed_any_more_when_it_was_removed(
    anyone: Door, guarded: Owner, user_pool: Pool
) -> None:
    store = PostgresUserStore(user_pool, encode=to_outbox, wake=lambda: None)
    assert (await store.get(guarded.user.id)).totp_enabled
    await guarded.door("DeleteTotp", pb.DeleteTotpRequest(totp_code=guarded.code()))
    await anyone("Login", guarded.login())


async def test_recovery_codes_are_good_when_the_secret_cannot_be_read(
    anyone: Door, guarded: Owner, user_pool: Pool
) -> None:
    await user_pool.execute(
        "UPDATE totp_secrets SET sealed = 'of another key' WHERE user_id = $1", guarded.user.id
    )
    with capture_logs() as logs:
        found = await reason(anyone("Login", guarded.login(totp=guarded.code())))
    assert found == "BAD_SECOND_FACTOR"
    assert "totp.secret_unreadable" in [line["event"] for line in logs]
    await anyone("Login", guarded.login(recovery=guarded.recovery_codes[0]))
