"""What callers' accounts let them do, asked of the user service, which may be away."""

import asyncio
import uuid
from collections.abc import Iterator, Mapping, Sequence

import grpc
import pytest
from structlog.testing import capture_logs

from emporium import Emporium, Targets
from emporium.type.v1 import role_pb2
from emporium.user.v1 import user_service_pb2 as pb
from emporium.user.v1 import user_service_pb2_grpc
from server.kit import errors
from server.kit.context import Caller, Role
from server.kit.standing import Standing
from server.order.neighbours import accounts as module
from server.order.neighbours.accounts import AskedAccounts, asked_accounts, listening

ADMIN = Caller(str(uuid.uuid4()), Role.ADMIN, expires_at=0)
STRANGER = Caller(str(uuid.uuid4()), Role.CUSTOMER, expires_at=0)


class Elsewhere:
    """The user service as seen from here: it may be away, and time passes as told."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.is_away = False
        self.asked = 0
        self.standings = {ADMIN.id: Standing(Role.ADMIN, is_active=True)}

    async def ask(self, user_ids: Sequence[str]) -> Mapping[str, Standing]:
        self.asked += 1
        if self.is_away:
            raise errors.Unavailable("away", retry_after_seconds=1)
        return {each: self.standings[each] for each in user_ids if each in self.standings}


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def accounts(elsewhere: Elsewhere) -> AskedAccounts:
    return AskedAccounts(elsewhere.ask, clock=lambda: elsewhere.now)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


async def test_an_answer_is_kept_for_a_second_and_no_longer(
    elsewhere: Elsewhere, accounts: AskedAccounts
) -> None:
    for exact in (True, False, True):
        assert await accounts.current(ADMIN, exact=exact) == ADMIN
    assert elsewhere.asked == 1
    elsewhere.standings[ADMIN.id] = Standing(Role.ADMIN, is_active=False)
    elsewhere.now += 0.99
    assert await accounts.current(ADMIN, exact=True) == ADMIN
    elsewhere.now += 0.01
    with pytest.raises(errors.AccountInactive):
        await accounts.current(ADMIN, exact=True)


async def test_while_the_user_service_is_away_its_last_answer_decides(
    elsewhere: Elsewhere, accounts: AskedAccounts
) -> None:
    elsewhere.standings[ADMIN.id] = Standing(Role.CUSTOMER, is_active=True)
    assert (await accounts.current(ADMIN, exact=True)).role is Role.CUSTOMER
    with pytest.raises(errors.AccountInactive):
        await accounts.current(STRANGER, exact=True)
    elsewhere.is_away = True
    elsewhere.now += 29
    assert (await accounts.current(ADMIN, exact=True)).role is Role.CUSTOMER
    with pytest.raises(errors.AccountInactive):
        await accounts.current(STRANGER, exact=True)


async def test_while_it_is_away_and_never_answered_the_token_decides(
    elsewhere: Elsewhere, accounts: AskedAccounts
) -> None:
    elsewhere.is_away = True
    elsewhere.now += 29.9
    assert await accounts.current(ADMIN, exact=True) is ADMIN


async def test_changes_wait_when_it_was_not_heard_for_30_seconds(
    elsewhere: Elsewhere, accounts: AskedAccounts
) -> None:
    await accounts.current(ADMIN, exact=True)
    elsewhere.is_away = True
    elsewhere.now += 30
    for caller in (ADMIN, STRANGER):
        with pytest.raises(errors.Unavailable) as raised:
            await accounts.current(caller, exact=True)
        assert raised.value.retry_after_seconds
    elsewhere.is_away = False
    elsewhere.now += 1
    assert await accounts.current(ADMIN, exact=True) == ADMIN


async def test_reads_do_not_wait_for_it_however_long_it_is_away(
    elsewhere: Elsewhere, accounts: AskedAccounts
) -> None:
    elsewhere.is_away = True
    elsewhere.now += 3_600
    assert await accounts.current(ADMIN, exact=False) is ADMIN


async def test_a_quiet_shop_still_knows_since_when_it_is_away(
    elsewhere: Elsewhere, accounts: AskedAccounts
) -> None:
    for _ in range(60):  # two quiet minutes
        elsewhere.now += 2
        await accounts.listen()
    elsewhere.is_away = True
    elsewhere.now += 27
    assert await accounts.current(ADMIN, exact=True) is ADMIN
    elsewhere.now += 3
    await accounts.listen()
    with pytest.raises(errors.Unavailable):
        await accounts.current(ADMIN, exact=True)


async def test_nobody_listens_while_there_is_an_answer_to_go_by(
    elsewhere: Elsewhere, accounts: AskedAccounts
) -> None:
    await accounts.listen()
    assert elsewhere.asked == 0
    elsewhere.now += 10
    await accounts.current(ADMIN, exact=True)
    await accounts.listen()
    assert elsewhere.asked == 1
    assert listening(accounts).every_seconds


async def test_a_service_that_is_away_is_not_asked_again_at_once(
    elsewhere: Elsewhere, accounts: AskedAccounts
) -> None:
    elsewhere.is_away = True
    for caller in (ADMIN, STRANGER, ADMIN):
        assert await accounts.current(caller, exact=True) is caller
    assert elsewhere.asked == 1
    elsewhere.now += 1
    await accounts.current(ADMIN, exact=True)
    assert elsewhere.asked == 2


async def test_that_it_is_away_is_said_once_and_that_it_is_back(
    elsewhere: Elsewhere, accounts: AskedAccounts
) -> None:
    with capture_logs() as lines:
        for is_away in (True, True, False, False):
            elsewhere.is_away = is_away
            elsewhere.now += 5
            await accounts.listen()
    assert [line["event"] for line in lines] == ["accounts.away", "accounts.heard_again"]


class UserService(user_service_pb2_grpc.UserServiceServicer):
    """Knows two accounts, and can be broken."""

    def __init__(self) -> None:
        self.refuses_with: grpc.StatusCode | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def BatchGetUsers(  # type: ignore[override]  # noqa: N802 - the contract's name
        self,
        request: pb.BatchGetUsersRequest,
        context: "grpc.aio.ServicerContext[pb.BatchGetUsersRequest, pb.BatchGetUsersResponse]",
    ) -> pb.BatchGetUsersResponse:
        await self.may_answer.wait()
        if self.refuses_with:
            await context.abort(self.refuses_with, "as it was told")
        return pb.BatchGetUsersResponse(
            users=[
                pb.User(id=ADMIN.id, role=role_pb2.STAFF, status=pb.User.ACTIVE),
                pb.User(id=STRANGER.id, role=role_pb2.CUSTOMER, status=pb.User.DISABLED),
            ]
        )


@pytest.fixture
async def service() -> UserService:
    return UserService()  # type: ignore[abstract]  # only BatchGetUsers is asked


async def asked(service: UserService, *callers: Caller) -> list[Caller | BaseException]:
    """What each caller is, according to `service`, through the client."""
    server = grpc.aio.server()
    user_service_pb2_grpc.add_UserServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with Emporium(Targets(user=f"127.0.0.1:{port}")) as shop, asked_accounts(shop) as found:
        outcomes = await asyncio.gather(
            *(found.current(each, exact=True) for each in callers), return_exceptions=True
        )
    service.may_answer.set()
    await server.stop(0)
    return outcomes


async def test_the_user_services_word_is_understood(service: UserService) -> None:
    admin, stranger = await asked(service, ADMIN, STRANGER)
    assert admin == Caller(ADMIN.id, Role.STAFF, 0)
    assert isinstance(stranger, errors.AccountInactive)


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.value[0]])
async def test_a_user_service_that_fails_in_whatever_way_has_vouched_for_nobody(
    service: UserService, code: grpc.StatusCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.refuses_with = code
    monkeypatch.setattr(module, "_UNHEARD_SECONDS_MAX", 0.0)
    (outcome,) = await asked(service, ADMIN)
    assert isinstance(outcome, errors.Unavailable)


async def test_a_silent_user_service_holds_nobody_up_for_long(
    service: UserService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.may_answer.clear()
    monkeypatch.setattr(module, "_CALL_SECONDS", 0.05)
    assert await asked(service, ADMIN) == [ADMIN]
