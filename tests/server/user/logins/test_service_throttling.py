"""The user service through its gRPC door: how often somebody may fail to sign in."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest
import pytest_asyncio
from uuid_utils import uuid7

from emporium.user.v1 import auth_service_pb2 as pb
from emporium.user.v1 import email_link_service_pb2 as links_pb
from emporium.user.v1 import user_service_pb2
from server.kit.postgres import Pool
from server.settings import Tokens
from server.user.email_links.rules import hash_of
from server.user.email_links.store.links import PostgresLinkStore
from server.user.events.encoding import to_outbox
from server.user.mail.rules import MailKind, MailRequest
from server.user.passwords.hashing import Checked, PasswordHasher
from tests.server.refusals import Refused, refused
from tests.server.user.conftest import Clock, Served
from tests.server.user.counting import Bcrypt
from tests.server.user.doors import PASSWORD, Door, create, new_email

FAILURES_MAX, ADDRESS_MAX, WINDOW_SECONDS = 3, 5, 900.0
LIMITED = Tokens(
    login_failures_max=FAILURES_MAX,
    address_failures_max=ADDRESS_MAX,
    login_failures_seconds=WINDOW_SECONDS,
)
UNLIMITED = Tokens(login_failures_max=1_000_000, address_failures_max=1_000_000)


@pytest_asyncio.fixture
async def anyone(served: Served) -> AsyncIterator[Door]:
    async with served(LIMITED) as door:
        yield door


@pytest_asyncio.fixture
async def user(anyone: Door) -> user_service_pb2.User:
    made: user_service_pb2.User = await anyone("CreateUser", create())
    return made


def login(email: str, password: str = PASSWORD, device_token: str = "") -> pb.LoginRequest:
    return pb.LoginRequest(email=email, password=password, device_token=device_token)


def at(address: str) -> tuple[str, str]:
    return "x-forwarded-for", f"10.0.0.1, {address}"


async def fail(
    door: Door, email: str, *, times: int = FAILURES_MAX, token: str = "", address: str = ""
) -> None:
    headers = [at(address)] if address else []
    for n in range(times):
        request = login(email, f"wrong password {n}", token)
        assert (await refused(door("Login", request, *headers))).reason == "BAD_CREDENTIALS"


async def test_the_right_password_comes_too_late_after_so_many_wrong_ones(
    anyone: Door, user: user_service_pb2.User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(anyone, user.email)
    clock.forward(seconds=100)
    with monkeypatch.context() as patch:
        bcrypt = Bcrypt.counted(patch)
        found = await refused(anyone("Login", login(user.email.upper())))
    assert (found.code, found.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert found.retry_after_seconds == WINDOW_SECONDS - 100
    assert bcrypt.runs == 0

    clock.forward(seconds=found.retry_after_seconds)
    assert (await anyone("Login", login(user.email))).user == user


async def test_without_the_limit_it_would_not(served: Served, user: user_service_pb2.User) -> None:
    async with served(UNLIMITED) as door:
        await fail(door, user.email, times=FAILURES_MAX + 1)
        assert (await door("Login", login(user.email))).user == user


async def test_an_unknown_email_is_limited_alike(anyone: Door, user: user_service_pb2.User) -> None:
    answers: list[list[Refused]] = []
    for email in (user.email, new_email()):
        tried = [login(email, "wrong password") for _ in range(FAILURES_MAX + 2)]
        answers.append([await refused(anyone("Login", each)) for each in tried])
    known, unknown = ([(each.code, each.status.message) for each in told] for told in answers)
    assert known == unknown
    assert known[-1][0] is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_login_forgets_what_failed_before(
    anyone: Door, user: user_service_pb2.User
) -> None:
    for _ in range(3):
        await fail(anyone, user.email, times=FAILURES_MAX - 1)
        await anyone("Login", login(user.email))


async def test_nobody_keeps_the_owner_out_of_a_device_known_to_the_account(
    anyone: Door, user: user_service_pb2.User
) -> None:
    device = (await anyone("Login", login(user.email))).device_token
    await fail(anyone, user.email, address="198.51.100.7")
    await fail(anyone, new_email(), times=ADDRESS_MAX - FAILURES_MAX, address="198.51.100.7")
    for token in ("", "nonsense", device[:-3] + ("AAA" if device[-3:] != "AAA" else "BBB")):
        request = login(user.email, device_token=token)
        assert (await refused(anyone("Login", request))).reason == "RATE_LIMITED"
    again = await anyone("Login", login(user.email, device_token=device), at("198.51.100.7"))
    assert again.user == user
    # Nor does its login open the door to the others.
    assert (await refused(anyone("Login", login(user.email)))).reason == "RATE_LIMITED"
    await anyone("Login", login(user.email, device_token=again.device_token))


async def test_who_reads_the_accounts_mails_gets_in_from_a_new_device(
    anyone: Door, user: user_service_pb2.User, user_pool: Pool, clock: Clock
) -> None:
    links, now = PostgresLinkStore(user_pool, encode=to_outbox, wake=lambda: None), clock()
    kind = MailKind.RESET_PASSWORD
    mail = MailRequest(str(uuid7()), kind, "", user.email, now, None)
    await links.issue(mail, hash_of(user.id), now, now + timedelta(minutes=30))
    await fail(anyone, user.email)
    new = "battery staple"
    reset = links_pb.ResetPasswordRequest(token=user.id, password=new)
    device = (await anyone("ResetPassword", reset)).device_token
    assert (await refused(anyone("Login", login(user.email, new)))).reason == "RATE_LIMITED"
    assert (await anyone("Login", login(user.email, new, device))).user.id == user.id


async def test_a_known_device_has_a_limit_too(anyone: Door, user: user_service_pb2.User) -> None:
    device = (await anyone("Login", login(user.email))).device_token
    await fail(anyone, user.email, token=device)
    request = login(user.email, device_token=device)
    assert (await refused(anyone("Login", request))).reason == "RATE_LIMITED"
    await anyone("Login", login(user.email))  # what failed there counts nowhere else


async def test_a_device_is_known_to_its_own_account_alone(
    anyone: Door, user: user_service_pb2.User
) -> None:
    other = await anyone("CreateUser", create())
    device = (await anyone("Login", login(other.email))).device_token
    await fail(anyone, user.email, token=device)
    request = login(user.email, device_token=device)
    assert (await refused(anyone("Login", request))).reason == "RATE_LIMITED"
    await anyone("Login", login(other.email, device_token=device))


@pytest.mark.parametrize("ending", ["password", "time"])
async def test_a_device_is_forgotten(
    anyone: Door, user: user_service_pb2.User, clock: Clock, ending: str
) -> None:
    first = await anyone("Login", login(user.email))
    password = PASSWORD
    if ending == "password":
        password = "battery staple"
        owner = anyone.with_token(first.access_token, user.id)
        change = pb.ChangePasswordRequest(current_password=PASSWORD, password=password)
        await owner("ChangePassword", change)
    else:
        clock.forward(days=180)
    await fail(anyone, user.email)
    request = login(user.email, password, first.device_token)
    assert (await refused(anyone("Login", request))).reason == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("address", "same", "other"),
    [
        ("203.0.113.9", "203.0.113.9", "203.0.113.10"),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
    ],
)
async def test_an_address_may_fail_so_often_whatever_it_tries(
    anyone: Door, user: user_service_pb2.User, address: str, same: str, other: str
) -> None:
    for _ in range(ADDRESS_MAX):
        await fail(anyone, new_email(), times=1, address=address)
    # To sign in with an account of one's own changes nothing.
    request = login(user.email)
    assert (await refused(anyone("Login", request, at(same)))).reason == "RATE_LIMITED"
    assert (await anyone("Login", request, at(other))).user == user
    assert (await refused(anyone("Login", request, at(same)))).reason == "RATE_LIMITED"


async def test_many_at_once_on_two_replicas_learn_no_more_than_one_by_one(
    served: Served, user: user_service_pb2.User
) -> None:
    """Whoever is refused as RATE_LIMITED is told nothing of the password."""
    async with served(LIMITED) as one, served(LIMITED) as other:
        tried = [
            door("Login", login(user.email, f"wrong password {n}"))
            for n in range(8)
            for door in (one, other)
        ]
        reasons = Counter(each.reason for each in await asyncio.gather(*map(refused, tried)))
        assert reasons["BAD_CREDENTIALS"] == FAILURES_MAX
        assert reasons.total() == reasons["BAD_CREDENTIALS"] + reasons["RATE_LIMITED"]
        for door in (one, other):
            assert (await refused(door("Login", login(user.email)))).reason == "RATE_LIMITED"


async def test_who_was_right_at_the_same_time_is_told_nothing_either(
    anyone: Door, user: user_service_pb2.User, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, begun, go_on = PasswordHasher.check, asyncio.Event(), asyncio.Event()

    async def slowly(self: PasswordHasher, password: str, password_hash: bytes | None) -> Checked:
        if password == PASSWORD:
            begun.set()
            await go_on.wait()
        return await check(self, password, password_hash)

    monkeypatch.setattr(PasswordHasher, "check", slowly)
    right = asyncio.ensure_future(anyone("Login", login(user.email)))
    await begun.wait()
    await fail(anyone, user.email)
    go_on.set()
    assert (await refused(right)).reason == "RATE_LIMITED"


async def test_who_is_signed_in_may_guess_the_password_as_seldom(
    anyone: Door, user: user_service_pb2.User
) -> None:
    owner = anyone.with_token((await anyone("Login", login(user.email))).access_token, user.id)
    wrong = pb.ChangePasswordRequest(current_password="wrong one", password="battery staple")
    for _ in range(FAILURES_MAX):
        assert (await refused(owner("ChangePassword", wrong))).reason == "WRONG_PASSWORD"
    right = pb.ChangePasswordRequest(current_password=PASSWORD, password="battery staple")
    assert (await refused(owner("ChangePassword", right))).reason == "RATE_LIMITED"
    await anyone("Login", login(user.email))  # nobody is kept from signing in by that
