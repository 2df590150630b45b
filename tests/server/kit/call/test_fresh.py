"""Rpcs on which the account decides, and not the token that was signed for it minutes ago."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import grpc
import pytest
import pytest_asyncio

from server.kit import errors
from server.kit.call.access import AccessRules, NoAccounts
from server.kit.call.method import methods
from server.kit.context import Caller, Context, Role
from tests.server.conftest import Token
from tests.server.kit.conftest import Running
from tests.server.kit.ping import Ping, request, response, service
from tests.server.refusals import refused

FRESH = ("Fresh", "FreshByRole", "FreshStaff", "FreshAnyone", "FreshStream")


@dataclass
class Ledger:
    """`Accounts` whose roles the test sets; who is not in it is gone."""

    roles: dict[str, Role] = field(default_factory=dict)
    asked: list[tuple[str, bool]] = field(default_factory=list)  # whom, and whether exactly
    is_away: bool = False

    def open(self, role: Role) -> str:
        user_id = str(uuid.uuid4())
        self.roles[user_id] = role
        return user_id

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        self.asked.append((caller.id, exact))
        if self.is_away:
            raise errors.Unavailable("away", retry_after_seconds=1)
        if caller.id not in self.roles:
            raise errors.AccountInactive("the account was deleted or disabled")
        return replace(caller, role=self.roles[caller.id])


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest_asyncio.fixture
async def pinged(running: Running, ledger: Ledger) -> AsyncIterator[Ping]:
    """The ping service over the ledger, telling who called, as what."""

    async def tell(message: object, context: Context) -> object:
        return response(caller=context.caller.role.value if context.caller else "nobody")

    async with running(tell, accounts=ledger) as started:
        yield started


async def answer_of(ping: Ping, name: str, message: object = None, token: str = "") -> str:
    call = ping.call(name, message, token)
    if name == "FreshStream":
        (told,) = [each async for each in call]
    else:
        told = await call
    role: str = told.caller
    return role


@pytest.mark.parametrize("name", FRESH)
async def test_the_servicer_learns_the_role_of_the_account(
    pinged: Ping, ledger: Ledger, token: Token, name: str
) -> None:
    user_id = ledger.open(Role.STAFF)
    sent = token("STAFF", user_id)
    assert await answer_of(pinged, name, request(owner_id=user_id), sent) == "STAFF"
    ledger.roles[user_id] = Role.ADMIN
    assert await answer_of(pinged, name, request(owner_id=user_id), sent) == "ADMIN"
    assert ledger.asked == [(user_id, name != "FreshByRole")] * 2


@pytest.mark.parametrize("name", FRESH)
async def test_an_account_that_is_gone_is_refused(pinged: Ping, token: Token, name: str) -> None:
    answer = await refused(pinged.call(name, token=token("STAFF")))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "ACCOUNT_INACTIVE")


async def test_who_was_demoted_has_no_role_left(pinged: Ping, ledger: Ledger, token: Token) -> None:
    sent = token("STAFF", ledger.open(Role.CUSTOMER))
    answer = await refused(pinged.call("FreshStaff", token=sent))
    assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


async def test_who_was_demoted_reaches_his_own_and_nobody_elses(
    pinged: Ping, ledger: Ledger, token: Token
) -> None:
    user_id = ledger.open(Role.CUSTOMER)
    sent = token("STAFF", user_id)
    assert await answer_of(pinged, "Fresh", request(owner_id=user_id), sent) == "CUSTOMER"
    answer = await refused(pinged.call("Fresh", request(owner_id=str(uuid.uuid4())), sent))
    assert (answer.code, answer.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")


async def test_the_store_is_given_the_scope_of_the_role_that_is_left(
    running: Running, ledger: Ledger, token: Token
) -> None:
    async def tell(message: object, context: Context) -> object:
        return response(caller=context.owner_scope or "everybody's")

    user_id = ledger.open(Role.STAFF)
    async with running(tell, accounts=ledger) as ping:
        for name in ("FreshByRole", "Fresh"):
            ledger.roles[user_id] = Role.STAFF
            mine, sent = request(owner_id=user_id), token("STAFF", user_id)
            assert await answer_of(ping, name, mine, sent) == "everybody's"
            ledger.roles[user_id] = Role.CUSTOMER
            assert await answer_of(ping, name, mine, sent) == user_id


async def test_nobody_is_asked_about_those_who_read_their_own(
    pinged: Ping, ledger: Ledger, token: Token
) -> None:
    assert await answer_of(pinged, "FreshByRole", token=token("CUSTOMER")) == "CUSTOMER"
    assert not ledger.asked


async def test_nobody_is_asked_about_callers_without_an_account(
    pinged: Ping, ledger: Ledger, token: Token
) -> None:
    assert await answer_of(pinged, "FreshAnyone") == "nobody"
    assert await answer_of(pinged, "FreshAnyone", token=token("SERVICE")) == "SERVICE"
    assert not ledger.asked


async def test_nobody_is_asked_where_the_token_is_enough(
    pinged: Ping, ledger: Ledger, token: Token
) -> None:
    for name in ("SignedIn", "Person", "Staff", "OwnedByStore"):
        assert await answer_of(pinged, name, token=token("STAFF")) == "STAFF"
    assert not ledger.asked


@pytest.mark.parametrize(
    ("name", "role", "message", "reason"),
    [
        ("FreshStaff", "CUSTOMER", request(), "PERMISSION_DENIED"),
        ("Fresh", "CUSTOMER", request(owner_id=str(uuid.uuid4())), "ORDER_NOT_FOUND"),
        ("Fresh", "STAFF", request(text="x" * 21), "VALIDATION_FAILED"),
    ],
)
async def test_what_is_refused_anyway_costs_no_question(
    pinged: Ping, ledger: Ledger, token: Token, name: str, role: str, message: object, reason: str
) -> None:
    assert (await refused(pinged.call(name, message, token(role)))).reason == reason
    assert not ledger.asked


@pytest.mark.parametrize("name", FRESH)
async def test_a_call_whose_caller_nobody_can_vouch_for_waits_for_better_days(
    pinged: Ping, ledger: Ledger, token: Token, name: str
) -> None:
    ledger.is_away = True
    answer = await refused(pinged.call(name, token=token("STAFF")))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
    assert answer.retry_after_seconds == 1


def test_a_service_that_knows_nobody_to_ask_does_not_start() -> None:
    without = AccessRules()
    unready = []
    for method in methods(service()):
        try:
            without.gate(method)
        except NoAccounts:
            unready.append(method.name)
    assert sorted(unready) == sorted(FRESH)


async def test_the_operator_has_no_account_and_only_the_role_of_the_token(
    pinged: Ping, ledger: Ledger, token: Token
) -> None:
    operator = token("STAFF", "operator")
    foreign = request(owner_id=str(uuid.uuid4()))
    for name, message in (("FreshStaff", None), ("FreshAnyone", None), ("Fresh", foreign)):
        assert await answer_of(pinged, name, message, operator) == "STAFF"
    assert not ledger.asked
    customer = token("CUSTOMER", "operator")
    answer = await refused(pinged.call("FreshStaff", token=customer))
    assert answer.reason == "PERMISSION_DENIED"
    for name, sent in (("FreshAnyone", customer), ("FreshStream", operator)):
        answer = await refused(pinged.call(name, token=sent))
        assert answer.reason == "ACCOUNT_INACTIVE", name
