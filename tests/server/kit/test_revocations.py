"""What is known of tokens: who is refused, who is somebody else since, and what is forgotten."""

import math
import uuid
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from emporium.type.v1 import role_pb2
from emporium.type.v1.revocation_pb2 import Revocation
from server.kit import errors
from server.kit.context import Caller, Role
from server.kit.following import FRESH_SECONDS_MAX, LiveAccounts
from server.kit.revocations import Revocations, UnrevokedTokens, show

KEEP_SECONDS = 660.0
ANN = str(uuid.uuid4())
PHONE, LAPTOP = str(uuid.uuid4()), str(uuid.uuid4())


def caller(version: int, session_id: str = PHONE, role: Role = Role.STAFF) -> Caller:
    return Caller(ANN, role, 0, session_id, version)


def ended(session_id: str) -> Revocation:
    return Revocation(session_id=session_id)


def since(version: int, role: str = "ROLE_UNSPECIFIED", spared: str | None = None) -> Revocation:
    """Ann is that since; `spared` is given where sessions end, empty for all of them."""
    account = Revocation.Account(user_id=ANN, version=version, role=role_pb2.Role.Value(role))
    if spared is not None or role == "ROLE_UNSPECIFIED":
        account.ends_sessions = True
        account.spared_session_id = spared or ""
    return Revocation(account=account)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(clock: Clock) -> Revocations:
    return Revocations(clock)


def outcome(known: Revocations, asking: Caller) -> str:
    try:
        return known.checked(asking).role
    except errors.EmporiumError as error:
        return error.reason


def test_who_is_not_told_of_is_what_the_token_says(known: Revocations) -> None:
    asking = caller(1)
    assert known.checked(asking) is asking


def test_a_session_that_has_ended_is_refused_and_no_other(known: Revocations) -> None:
    known.add([ended(PHONE)], KEEP_SECONDS)
    assert outcome(known, caller(9)) == "SESSION_ENDED"
    assert outcome(known, caller(9, LAPTOP)) == "STAFF"


def test_the_session_of_a_program_is_its_api_key(known: Revocations) -> None:
    program = replace(caller(9), scopes=frozenset({"orders.read"}))
    assert outcome(known, program) == "STAFF"
    known.add([ended(PHONE)], KEEP_SECONDS)
    assert outcome(known, program) == "API_KEY_DELETED"
    assert outcome(known, replace(program, scopes=frozenset())) == "API_KEY_DELETED"


def test_a_role_counts_for_tokens_that_were_signed_before(known: Revocations) -> None:
    known.add([since(5, "CUSTOMER")], KEEP_SECONDS)
    assert known.checked(caller(4)) == replace(caller(4), role=Role.CUSTOMER)
    assert outcome(known, caller(5)) == "STAFF"
    assert outcome(known, caller(0)) == "CUSTOMER"  # it names no version
    known.add([since(7, "ADMIN")], KEEP_SECONDS)
    assert outcome(known, caller(4)) == "STAFF"  # a token gives no more than it was signed for
    assert outcome(known, caller(7, role=Role.ADMIN)) == "ADMIN"


def test_an_account_that_was_suspended_or_is_gone_is_refused(known: Revocations) -> None:
    known.add([since(5)], KEEP_SECONDS)
    assert outcome(known, caller(4)) == "ACCOUNT_INACTIVE"


def test_after_a_suspension_only_new_sessions_are_good(known: Revocations) -> None:
    known.add([since(5), since(6, "STAFF")], KEEP_SECONDS)
    assert outcome(known, caller(4)) == "SESSION_ENDED"
    assert outcome(known, caller(6)) == "STAFF"


def test_a_new_password_ends_all_sessions_but_that_it_was_set_in(known: Revocations) -> None:
    known.add([since(5, "STAFF", spared=PHONE)], KEEP_SECONDS)
    assert outcome(known, caller(4, PHONE)) == "STAFF"
    assert outcome(known, caller(4, LAPTOP)) == "SESSION_ENDED"
    assert outcome(known, caller(5, LAPTOP)) == "STAFF"


def test_no_later_password_brings_back_what_an_earlier_one_has_ended(known: Revocations) -> None:
    known.add([since(5, "STAFF", spared=PHONE), since(6, "STAFF", LAPTOP)], KEEP_SECONDS)
    assert outcome(known, caller(4, LAPTOP)) == "SESSION_ENDED"  # by the first
    assert outcome(known, caller(5, LAPTOP)) == "STAFF"
    assert outcome(known, caller(5, PHONE)) == "SESSION_ENDED"
    known.add([since(7, "STAFF", LAPTOP)], KEEP_SECONDS)
    assert outcome(known, caller(5, LAPTOP)) == "STAFF"
    known.add([since(8, "STAFF", spared="")], KEEP_SECONDS)
    assert outcome(known, caller(7, LAPTOP)) == "SESSION_ENDED"


def test_a_later_role_leaves_the_ends_of_sessions(known: Revocations) -> None:
    known.add([since(5, "STAFF", spared=PHONE), since(6, "CUSTOMER")], KEEP_SECONDS)
    assert outcome(known, caller(4, LAPTOP)) == "SESSION_ENDED"
    assert outcome(known, caller(4, PHONE)) == "CUSTOMER"


def test_to_hear_all_of_it_again_changes_nothing(known: Revocations) -> None:
    told = [since(5, "STAFF", spared=PHONE), since(6), since(7, "CUSTOMER"), ended(LAPTOP)]
    known.add(told, KEEP_SECONDS)
    asking = [caller(version, where) for version in range(9) for where in (PHONE, LAPTOP)]
    before = [outcome(known, each) for each in asking]
    known.add(told, KEEP_SECONDS)
    assert [outcome(known, each) for each in asking] == before


def test_what_is_about_no_token_any_more_is_forgotten(known: Revocations, clock: Clock) -> None:
    known.add([since(5), ended(LAPTOP), ended(PHONE)], KEEP_SECONDS)
    clock.now += KEEP_SECONDS - 1
    known.add([ended(PHONE)], KEEP_SECONDS)
    assert len(known) == 3
    clock.now += 1
    known.add([], KEEP_SECONDS)
    assert len(known) == 1
    assert outcome(known, caller(9)) == "SESSION_ENDED"
    clock.now += KEEP_SECONDS
    known.add([], KEEP_SECONDS)
    assert len(known) == 0


def test_tokens_are_checked_by_what_is_known(known: Revocations) -> None:
    class Signed:
        def verify(self, token: str) -> Caller:
            return caller(4)

        async def follow(self) -> None:
            """It has one key for good."""

    known.add([since(5, "CUSTOMER")], KEEP_SECONDS)
    assert UnrevokedTokens(Signed(), known).verify("token").role is Role.CUSTOMER


@pytest.mark.parametrize("exact", [True, False])
async def test_a_copy_decides_while_it_is_live(
    known: Revocations, clock: Clock, exact: bool
) -> None:
    accounts = LiveAccounts(known, clock)
    assert not accounts.is_live
    with pytest.raises(errors.Unavailable) as refused:
        await accounts.current(caller(4), exact=exact)
    assert refused.value.retry_after_seconds == 1
    accounts.heard(clock.now)
    known.add([since(5, "CUSTOMER")], KEEP_SECONDS)
    assert (await accounts.current(caller(4), exact=exact)).role is Role.CUSTOMER
    clock.now += FRESH_SECONDS_MAX - 0.1
    await accounts.current(caller(4), exact=exact)
    accounts.heard(clock.now - 3)  # a message that was late on its way
    clock.now += 2.1
    with pytest.raises(errors.Unavailable):
        await accounts.current(caller(4), exact=exact)


def test_operators_see_how_much_is_known_and_how_old_it_is(
    known: Revocations, clock: Clock
) -> None:
    registry, accounts = CollectorRegistry(), LiveAccounts(known, clock)
    show(known, lambda: accounts.age_seconds, registry)
    assert registry.get_sample_value("revocations_age_seconds") == math.inf
    known.add([since(5), ended(LAPTOP)], KEEP_SECONDS)
    accounts.heard(clock.now)
    clock.now += 2
    assert registry.get_sample_value("revocations_age_seconds") == 2
    assert registry.get_sample_value("revocations_entries") == 2
    show(known, lambda: 7.0, registry)  # once more in the same process
    assert registry.get_sample_value("revocations_age_seconds") == 7
