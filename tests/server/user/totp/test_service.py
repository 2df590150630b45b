"""The user service through its gRPC door: adding and removing a second factor."""

import asyncio

import grpc
import pytest

from emporium.user.v1 import mail_pb2
from emporium.user.v1 import totp_service_pb2 as pb
from server.kit.postgres import Pool
from tests.server.conftest import Token
from tests.server.refusals import Refused, refused
from tests.server.user.conftest import Clock
from tests.server.user.doors import Door
from tests.server.user.totp.conftest import FAILURES_MAX, Owner, signed_up


async def confirm(owner: Owner, code: str) -> pb.ConfirmTotpResponse:
    answer: pb.ConfirmTotpResponse = await owner.door(
        "ConfirmTotp", pb.ConfirmTotpRequest(totp_code=code)
    )
    return answer


async def mails(pool: Pool, owner: Owner) -> list[str]:
    """What the account's holder is told, in order."""
    rows = await pool.fetch(
        "SELECT payload FROM outbox WHERE aggregate_type = 'mail' ORDER BY position"
    )
    found = [mail_pb2.MailRequested.FromString(row["payload"]) for row in rows]
    name = mail_pb2.MailRequested.Kind.Name
    told = [name(each.kind) for each in found if each.email == owner.user.email]
    return [kind for kind in told if kind != "VERIFY_EMAIL"]


async def test_a_second_factor_is_begun_confirmed_and_removed(
    owner: Owner, user_pool: Pool
) -> None:
    answer = await owner.door("BeginTotp", pb.BeginTotpRequest(current_password="correct horse"))
    assert answer.otpauth_uri.startswith("otpauth://totp/Emporium:")
    assert f"secret={answer.secret}" in answer.otpauth_uri
    owner.secret = answer.secret
    assert not (await owner.account()).totp_enabled  # it counts once it is confirmed

    codes = (await confirm(owner, owner.code())).recovery_codes
    assert len({*codes}) == 10
    assert (await owner.account()).totp_enabled

    await owner.door("DeleteTotp", pb.DeleteTotpRequest(totp_code=owner.code(1)))
    assert not (await owner.account()).totp_enabled
    assert await mails(user_pool, owner) == ["TOTP_ENABLED", "TOTP_DISABLED"]
    # A repeat finds its work done, and another factor can be added.
    await owner.door("DeleteTotp", pb.DeleteTotpRequest(totp_code=owner.code(1)))
    await owner.enable()


async def test_nothing_at_rest_is_a_code_or_a_secret(guarded: Owner, user_pool: Pool) -> None:
    rows = [
        *await user_pool.fetch("SELECT * FROM totp_secrets"),
        *await user_pool.fetch("SELECT * FROM recovery_codes"),
        *await user_pool.fetch("SELECT payload FROM outbox"),
        *await user_pool.fetch("SELECT * FROM idempotency_keys"),
    ]
    kept = b"".join(value for row in rows for value in row.values() if isinstance(value, bytes))
    for secret in (guarded.secret, *guarded.recovery_codes):
        assert secret.encode() not in kept
        assert secret.replace("-", "").encode() not in kept


async def test_who_only_has_the_token_adds_none(owner: Owner) -> None:
    found = await refused(
        owner.door("BeginTotp", pb.BeginTotpRequest(current_password="not the one"))
    )
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "WRONG_PASSWORD")
    assert (await refused(confirm(owner, "123456"))).reason == "TOTP_NOT_BEGUN"


async def test_a_wrong_code_confirms_nothing(owner: Owner) -> None:
    await owner.begin()
    wrong = await refused(confirm(owner, owner.code(9)))
    assert (wrong.reason, wrong.fields) == ("WRONG_CODE", ["totp_code"])
    assert not (await owner.account()).totp_enabled
    first = owner.secret
    await owner.begin()  # replaces the secret
    second, owner.secret = owner.secret, first
    assert (await refused(confirm(owner, owner.code()))).reason == "WRONG_CODE"
    owner.secret = second
    await confirm(owner, owner.code())


async def test_there_is_one_at_most(guarded: Owner) -> None:
    begin = guarded.door("BeginTotp", pb.BeginTotpRequest(current_password="correct horse"))
    assert (await refused(begin)).reason == "TOTP_ALREADY_ENABLED"
    assert (await refused(confirm(guarded, guarded.code()))).reason == "TOTP_ALREADY_ENABLED"


async def test_of_two_that_confirm_at_once_one_gets_recovery_codes(owner: Owner) -> None:
    await owner.begin()
    both = [confirm(owner, owner.code()) for _ in range(2)]
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    lost = [Refused(each) for each in outcomes if isinstance(each, grpc.aio.AioRpcError)]
    assert [each.reason for each in lost] == ["TOTP_ALREADY_ENABLED"]


@pytest.mark.parametrize("kind", ["totp_code", "recovery_code"])
async def test_only_a_code_that_is_good_removes_it(guarded: Owner, kind: str) -> None:
    for wrong in ("123456", guarded.code(-1)):  # the one that confirmed was used
        request = pb.DeleteTotpRequest(totp_code=wrong)
        assert (await refused(guarded.door("DeleteTotp", request))).reason == "WRONG_CODE"
    request = pb.DeleteTotpRequest(recovery_code="aaaa-bbbb-cccc-dddd")
    assert (await refused(guarded.door("DeleteTotp", request))).fields == ["recovery_code"]
    nothing = await refused(guarded.door("DeleteTotp", pb.DeleteTotpRequest()))
    assert nothing.reason == "VALIDATION_FAILED"
    assert nothing.fields == ["totp_code", "recovery_code"]
    assert (await guarded.account()).totp_enabled

    right = {"totp_code": guarded.code(), "recovery_code": guarded.recovery_codes[3]}
    await guarded.door("DeleteTotp", pb.DeleteTotpRequest(**{kind: right[kind]}))
    assert not (await guarded.account()).totp_enabled


async def test_codes_are_guessed_as_seldom_as_passwords(guarded: Owner, clock: Clock) -> None:
    for _ in range(FAILURES_MAX):
        request = pb.DeleteTotpRequest(totp_code=guarded.code(9))
        assert (await refused(guarded.door("DeleteTotp", request))).reason == "WRONG_CODE"
    right = pb.DeleteTotpRequest(totp_code=guarded.code())
    assert (await refused(guarded.door("DeleteTotp", right))).reason == "RATE_LIMITED"
    clock.forward(seconds=900)
    await guarded.door("DeleteTotp", pb.DeleteTotpRequest(totp_code=guarded.code()))


async def test_a_code_that_is_to_be_confirmed_is_guessed_as_seldom(owner: Owner) -> None:
    await owner.begin()
    for _ in range(FAILURES_MAX):
        assert (await refused(confirm(owner, owner.code(9)))).reason == "WRONG_CODE"
    assert (await refused(confirm(owner, owner.code()))).reason == "RATE_LIMITED"


async def test_it_goes_with_its_account_and_is_nobody_elses(
    anyone: Door, guarded: Owner, clock: Clock, token: Token, user_pool: Pool
) -> None:
    other = await signed_up(anyone, clock, user_pool)
    await other.enable()
    request = pb.DeleteTotpRequest(recovery_code=guarded.recovery_codes[0])
    assert (await refused(other.door("DeleteTotp", request))).reason == "WRONG_CODE"
    service = Door(anyone.channel, token("SERVICE"))
    assert (await refused(service("DeleteTotp", request))).reason == "PERMISSION_DENIED"
    assert (await refused(anyone("DeleteTotp", request))).reason == "UNAUTHENTICATED"

    await user_pool.execute("DELETE FROM users WHERE id = $1", guarded.user.id)
    for table in ("totp_secrets", "recovery_codes"):
        left = f"SELECT count(*) FROM {table} WHERE user_id = $1"
        assert await user_pool.fetchval(left, guarded.user.id) == 0
