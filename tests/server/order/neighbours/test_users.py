"""Asks for users: remembered for a while, one call for all who ask at once."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import grpc
import pytest

from emporium import Emporium, Targets
from emporium.deadline import within
from emporium.user.v1 import user_service_pb2 as pb
from emporium.user.v1 import user_service_pb2_grpc
from server.kit import errors
from server.order.neighbours import Buyer, BuyerNotFound
from server.order.neighbours.users import UserDirectory, user_directory

Engine = grpc.aio.ServicerContext[pb.BatchGetUsersRequest, pb.BatchGetUsersResponse]

ANN = Buyer(str(uuid.uuid4()), "ann@example.com", "Ann Example")


class UserService(user_service_pb2_grpc.UserServiceServicer):
    """Knows Ann, and can be slow, away or broken."""

    def __init__(self) -> None:
        self.calls = 0
        self.was_asked = asyncio.Event()
        self.refuses_with: grpc.StatusCode | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def BatchGetUsers(  # type: ignore[override]  # noqa: N802 - the contract's name
        self, request: pb.BatchGetUsersRequest, context: Engine
    ) -> pb.BatchGetUsersResponse:
        self.calls += 1
        self.was_asked.set()
        await self.may_answer.wait()
        if self.refuses_with:
            await context.abort(self.refuses_with, "as it was set")
        users = [pb.User(id=ANN.id, email=ANN.email, full_name=ANN.full_name)]
        return pb.BatchGetUsersResponse(users=users if ANN.id in request.user_ids else [])


@asynccontextmanager
async def directory_over(service: UserService) -> AsyncIterator[UserDirectory]:
    server = grpc.aio.server()
    user_service_pb2_grpc.add_UserServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    target = Targets(user=f"127.0.0.1:{port}")
    async with Emporium(target) as shop, user_directory(shop, keep_seconds=60.0) as directory:
        yield directory
    await server.stop(0)


@pytest.fixture
async def service() -> UserService:
    return UserService()  # type: ignore[abstract]  # only BatchGetUsers is asked


async def test_a_service_that_is_away_is_not_asked_again_at_once() -> None:
    asked: list[str] = []
    now = 100.0

    async def ask(user_ids: Sequence[str]) -> Mapping[str, Buyer]:
        asked.extend(user_ids)
        raise errors.Unavailable("away")

    directory = UserDirectory(ask, keep_seconds=5.0, clock=lambda: now)
    for name in ("ann", "bob", "ann"):
        with pytest.raises(errors.Unavailable):
            await directory.get(name)
    assert asked == ["ann"]
    now = 101.1
    with pytest.raises(errors.Unavailable):
        await directory.get("bob")
    assert asked == ["ann", "bob"]


async def test_who_is_remembered_is_known_even_while_the_service_is_away() -> None:
    is_away = False

    async def ask(user_ids: Sequence[str]) -> Mapping[str, Buyer]:
        if is_away:
            raise errors.Unavailable("away")
        return {user_id: Buyer(user_id, "", "") for user_id in user_ids}

    directory = UserDirectory(ask, keep_seconds=5.0, clock=lambda: 100.0)
    ann = await directory.get("ann")
    is_away = True
    with pytest.raises(errors.Unavailable):
        await directory.get("bob")
    assert await directory.get("ann") == ann


async def test_those_who_ask_at_once_share_one_call(service: UserService) -> None:
    async with directory_over(service) as directory:
        service.may_answer.clear()
        tasks = [asyncio.create_task(directory.get(ANN.id)) for _ in range(10)]
        await service.was_asked.wait()
        tasks[0].cancel()
        service.may_answer.set()
        assert await asyncio.gather(*tasks[1:]) == [ANN] * 9
        assert service.calls == 1


async def test_many_are_asked_for_by_one_call_and_a_call_that_fails_fails_them_all() -> None:
    asked: list[Sequence[str]] = []
    is_away = False

    async def ask(user_ids: Sequence[str]) -> Mapping[str, Buyer]:
        asked.append([*user_ids])
        if is_away:
            raise errors.Unavailable("away")
        return {user_id: Buyer(user_id, "", "") for user_id in user_ids if user_id != "eve"}

    directory = UserDirectory(ask, keep_seconds=0.0)
    assert {*await directory.get_many(["ann", "bob", "eve"])} == {"ann", "bob"}
    assert await directory.get_many([]) == {}
    is_away = True
    with pytest.raises(errors.Unavailable):
        await directory.get_many(["ann", "bob"])
    assert asked == [["ann", "bob", "eve"], ["ann", "bob"]]


async def test_that_somebody_is_missing_is_not_remembered(service: UserService) -> None:
    missing = str(uuid.uuid4())
    async with directory_over(service) as directory:
        for _ in range(2):
            with pytest.raises(BuyerNotFound):
                await directory.get(missing)
        assert await directory.get(ANN.id) == ANN
        assert service.calls == 3


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
    ],
)
async def test_a_user_service_that_does_not_take_the_call_is_unavailable(
    service: UserService, code: grpc.StatusCode
) -> None:
    service.refuses_with = code
    async with directory_over(service) as directory:
        with pytest.raises(errors.Unavailable) as raised:
            await directory.get(ANN.id)
    assert raised.value.retry_after_seconds


async def test_a_silent_user_service_is_unavailable(
    service: UserService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.order.neighbours.users._CALL_SECONDS", 0.05)
    service.may_answer.clear()
    async with directory_over(service) as directory:
        with pytest.raises(errors.Unavailable):
            await directory.get(ANN.id)


async def test_a_caller_waits_no_longer_than_its_own_deadline(service: UserService) -> None:
    async with directory_over(service) as directory:
        service.may_answer.clear()
        with within(0.05), pytest.raises(TimeoutError):
            await directory.get(ANN.id)
        waiting = asyncio.create_task(directory.get(ANN.id))
        await asyncio.sleep(0)
        service.may_answer.set()
        assert await waiting == ANN


async def test_all_who_are_asked_for_at_once_are_one_call(service: UserService) -> None:
    missing = str(uuid.uuid4())
    async with directory_over(service) as directory:
        outcomes = await asyncio.gather(
            *(directory.get(user_id) for user_id in (ANN.id, missing, ANN.id)),
            return_exceptions=True,
        )
    assert outcomes[::2] == [ANN, ANN]
    assert isinstance(outcomes[1], BuyerNotFound)
    assert service.calls == 1


async def test_a_caller_without_time_does_not_shorten_the_call_for_the_others(
    service: UserService,
) -> None:
    async with directory_over(service) as directory:
        service.may_answer.clear()
        with within(0.05):
            hurried = asyncio.create_task(directory.get(ANN.id))
        waiting = asyncio.create_task(directory.get(ANN.id))
        with pytest.raises(TimeoutError):
            await hurried
        service.may_answer.set()
        assert await waiting == ANN
        assert service.calls == 1


async def test_closing_ends_the_calls_under_way(service: UserService) -> None:
    service.may_answer.clear()
    async with directory_over(service) as directory:
        asking = asyncio.create_task(directory.get(ANN.id))
        await service.was_asked.wait()
    with pytest.raises(asyncio.CancelledError):
        await asking
