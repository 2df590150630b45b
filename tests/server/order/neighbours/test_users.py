"""Asks for users: remembered for a while, one call for all who ask at once."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from emporium import Emporium, Targets
from emporium.deadline import within
from emporium.user.v1 import user_service_pb2, user_service_pb2_grpc
from server.kit import errors
from server.order.neighbours import Buyer, BuyerNotFound
from server.order.neighbours.users import UserDirectory, user_directory

ANN = Buyer(str(uuid.uuid4()), "ann@example.com", "Ann Example")


class UserService(user_service_pb2_grpc.UserServiceServicer):
    """Knows Ann, and can be slow, away or broken."""

    def __init__(self) -> None:
        self.calls = 0
        self.was_asked = asyncio.Event()
        self.refuses_with: grpc.StatusCode | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def GetUser(  # type: ignore[override]  # noqa: N802 - the contract's name
        self,
        request: user_service_pb2.GetUserRequest,
        context: "grpc.aio.ServicerContext[user_service_pb2.GetUserRequest, user_service_pb2.User]",
    ) -> user_service_pb2.User:
        self.calls += 1
        self.was_asked.set()
        await self.may_answer.wait()
        if self.refuses_with:
            await context.abort(self.refuses_with, "as it was told")
        if request.user_id != ANN.id:
            await context.abort(grpc.StatusCode.NOT_FOUND, "nobody")
        return user_service_pb2.User(id=ANN.id, email=ANN.email, full_name=ANN.full_name)


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
    return UserService()  # type: ignore[abstract]  # only GetUser is asked


class Askable:
    """Knows everybody, and remembers who was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, user_id: str) -> Buyer:
        self.asked.append(user_id)
        return Buyer(user_id, "", "")


async def test_a_service_that_is_away_is_not_asked_again_at_once() -> None:
    asked, now = [], 100.0

    async def ask(user_id: str) -> Buyer:
        asked.append(user_id)
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


async def test_an_answer_is_remembered_for_a_while() -> None:
    ask, now = Askable(), 100.0
    directory = UserDirectory(ask, keep_seconds=5.0, clock=lambda: now)
    for _ in range(5):
        await directory.get("ann")
    now = 104.9
    await directory.get("ann")
    assert ask.asked == ["ann"]
    now = 105.0
    await directory.get("ann")
    assert ask.asked == ["ann", "ann"]


async def test_those_who_ask_at_once_share_one_call(service: UserService) -> None:
    async with directory_over(service) as directory:
        service.may_answer.clear()
        tasks = [asyncio.create_task(directory.get(ANN.id)) for _ in range(10)]
        await service.was_asked.wait()
        tasks[0].cancel()
        service.may_answer.set()
        assert await asyncio.gather(*tasks[1:]) == [ANN] * 9
        assert service.calls == 1


async def test_that_somebody_is_missing_is_not_remembered(service: UserService) -> None:
    missing = str(uuid.uuid4())
    async with directory_over(service) as directory:
        for _ in range(2):
            with pytest.raises(BuyerNotFound):
                await directory.get(missing)
        assert await directory.get(ANN.id) == ANN
        assert service.calls == 3


async def test_a_user_service_that_is_too_busy_is_unavailable(service: UserService) -> None:
    service.refuses_with = grpc.StatusCode.RESOURCE_EXHAUSTED
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
        patient = asyncio.create_task(directory.get(ANN.id))
        await asyncio.sleep(0)
        service.may_answer.set()
        assert await patient == ANN


async def test_no_more_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.order.neighbours.users._SIZE_MAX", 2)
    ask = Askable()
    directory = UserDirectory(ask, keep_seconds=60.0)
    for user_id in ("a", "b", "c", "c", "b", "a"):
        await directory.get(user_id)
    assert ask.asked == ["a", "b", "c", "a"]


async def test_closing_ends_the_calls_under_way(service: UserService) -> None:
    service.may_answer.clear()
    async with directory_over(service) as directory:
        asking = asyncio.create_task(directory.get(ANN.id))
        await service.was_asked.wait()
    with pytest.raises(asyncio.CancelledError):
        await asking
