"""What every call carries, and how it ends."""

import asyncio
import time
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.message import Message

from emporium import Cancelled, DeadlineExceeded, Emporium, User
from emporium.deadline import deadline_at, request_id, within
from tests.clients.fake_shop import Engine, FakeShop

ID = "01900000-0000-7000-8000-000000000000"


def about(seconds: float) -> Any:
    """A time left: some of it has passed, and gRPC rounds timeouts up, by a hundredth at most."""
    return pytest.approx(0.76 * seconds, abs=0.25 * seconds)


class Hanging:
    """A behaviour that never ends by itself, and says when it begins."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.was_cancelled = asyncio.Event()

    async def __call__(self, _: Any, __: Engine) -> Message:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.was_cancelled.set()
        return User()


async def test_a_call_has_ten_seconds_unless_told_otherwise(
    shop: Emporium, server: FakeShop
) -> None:
    await shop.users.get(ID)

    assert server.last.time_left == about(10)


async def test_the_client_and_the_call_may_each_choose_a_timeout(server: FakeShop) -> None:
    async with Emporium(server.address, timeout_seconds=30) as shop:
        await shop.users.get(ID)
        assert server.last.time_left == about(30)

        await shop.users.get(ID, timeout_seconds=60)
        assert server.last.time_left == about(60)


async def test_a_call_inherits_what_is_left_of_the_callers_deadline(
    shop: Emporium, server: FakeShop
) -> None:
    inherited = deadline_at.set(time.monotonic() + 6)
    try:
        await shop.users.get(ID)
        assert server.last.time_left == about(6)

        await shop.users.get(ID, timeout_seconds=2)
        assert server.last.time_left == about(2)
    finally:
        deadline_at.reset(inherited)


async def test_a_deadline_that_has_passed_is_not_even_tried(
    shop: Emporium, server: FakeShop
) -> None:
    with within(0), pytest.raises(DeadlineExceeded) as raised:
        await shop.users.get(ID)

    assert raised.value.reason == "DEADLINE_EXCEEDED"
    assert server.served == []


async def test_a_block_within_another_never_lengthens_its_deadline(
    shop: Emporium, server: FakeShop
) -> None:
    with within(5), within(60):
        await shop.users.get(ID)

    assert server.last.time_left == about(5)
    assert deadline_at.get() is None


async def test_no_answer_in_time_is_a_deadline_exceeded(shop: Emporium, server: FakeShop) -> None:
    hanging = Hanging()
    server.will("GetUser", hanging)

    with pytest.raises(DeadlineExceeded) as raised:
        await shop.users.get(ID, timeout_seconds=0.1)

    assert raised.value.request_id == server.last.metadata["x-request-id"]
    await asyncio.wait_for(hanging.was_cancelled.wait(), 5)


@pytest.mark.parametrize("timeout_seconds", [0, -1, float("inf"), float("nan")])
async def test_a_timeout_that_cannot_be_is_refused(
    server: FakeShop, timeout_seconds: float
) -> None:
    with pytest.raises(ValueError, match="timeout_seconds"):
        Emporium(server.address, timeout_seconds=timeout_seconds)

    async with Emporium(server.address) as shop:
        with pytest.raises(ValueError, match="timeout_seconds"):
            await shop.users.get(ID, timeout_seconds=timeout_seconds)


async def test_each_call_has_a_request_id_of_its_own(shop: Emporium, server: FakeShop) -> None:
    await shop.users.get(ID)
    await shop.users.get(ID)

    first, second = (UUID(str(call.metadata["x-request-id"])) for call in server.served)
    assert first != second


async def test_a_request_id_is_carried_on(shop: Emporium, server: FakeShop) -> None:
    carried = request_id.set("from-the-edge")
    try:
        await asyncio.create_task(shop.users.delete(ID))  # Tasks inherit it too.
    finally:
        request_id.reset(carried)

    assert server.last.metadata["x-request-id"] == "from-the-edge"


async def test_the_token_goes_with_every_call(shop: Emporium, server: FakeShop) -> None:
    await shop.users.get(ID)
    assert server.last.metadata["authorization"] == "Bearer a-token"

    shop.token = None
    await shop.users.get(ID)
    assert "authorization" not in server.last.metadata


async def test_a_supplier_is_asked_for_a_token_before_every_call(server: FakeShop) -> None:
    tokens = iter(["first", "second"])

    async def supply() -> str:
        return next(tokens)

    async with Emporium(server.address, token=supply) as shop:
        await shop.users.get(ID)
        await shop.orders.get(ID)

    sent = [call.metadata["authorization"] for call in server.served]
    assert sent == ["Bearer first", "Bearer second"]


async def test_waiting_for_a_token_counts_towards_the_timeout(server: FakeShop) -> None:
    async def hang() -> str:
        await asyncio.Event().wait()
        return "never"

    async with Emporium(server.address, token=hang) as shop:
        with pytest.raises(DeadlineExceeded, match="no token"):
            await shop.users.get(ID, timeout_seconds=0.05)

    assert server.served == []


async def test_a_supplier_that_blocked_too_long_leaves_no_time_to_call(server: FakeShop) -> None:
    async def block() -> str:
        time.sleep(0.02)  # noqa: ASYNC251 - it is the offence
        return "late"

    async with Emporium(server.address, token=block) as shop:
        with pytest.raises(DeadlineExceeded, match="no token"):
            await shop.users.get(ID, timeout_seconds=0.01)

    assert server.served == []


async def test_a_supplier_that_fails_fails_the_call(server: FakeShop) -> None:
    async def fail() -> str:
        raise PermissionError("no key")

    async with Emporium(server.address, token=fail) as shop:
        with pytest.raises(PermissionError, match="no key"):
            await shop.users.get(ID)


async def test_closing_ends_the_calls_under_way_and_refuses_new_ones(server: FakeShop) -> None:
    hanging = Hanging()
    server.will("GetUser", hanging)
    shop = Emporium(server.address)
    under_way = asyncio.create_task(shop.users.get(ID))
    await hanging.began.wait()

    await shop.close()

    with pytest.raises(Cancelled, match="during the call"):
        await under_way
    await asyncio.wait_for(hanging.was_cancelled.wait(), 5)
    with pytest.raises(Cancelled, match="client is closed"):
        await shop.users.get(ID)
    await shop.close()


async def test_closing_while_a_token_is_fetched_ends_the_call_too(server: FakeShop) -> None:
    async def supply() -> str:
        await shop.close()
        return "too-late"

    shop = Emporium(server.address, token=supply)
    with pytest.raises(Cancelled, match="client is closed"):
        await shop.users.get(ID)

    assert server.served == []


async def test_cancelling_a_task_cancels_its_call_on_the_server(
    shop: Emporium, server: FakeShop
) -> None:
    hanging = Hanging()
    server.will("GetUser", hanging)
    task = asyncio.create_task(shop.users.get(ID))
    await hanging.began.wait()

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(hanging.was_cancelled.wait(), 5)


NO_HEADER_CARRIES = ["first\nsecond", "a\rb", "a b", "a\0b", "tökén", "", " \n"]


@pytest.mark.parametrize("token", ["a-token\n", " a-token", "a-token\r\n"])
async def test_space_around_a_token_as_a_file_leaves_it_is_removed(
    server: FakeShop, token: str
) -> None:
    async def supply() -> str:
        return token

    async with Emporium(server.address, token=token) as shop:
        assert shop.token == "a-token"
        await shop.users.get(ID)
        assert server.last.metadata["authorization"] == "Bearer a-token"
        shop.token = supply
        await shop.users.get(ID)
        assert server.last.metadata["authorization"] == "Bearer a-token"


@pytest.mark.parametrize("token", NO_HEADER_CARRIES)
async def test_a_token_that_no_header_carries_is_refused_wherever_it_comes_from(
    shop: Emporium, server: FakeShop, token: str
) -> None:
    async def supply() -> str:
        return token

    with pytest.raises(ValueError, match="the token must be") as raised:
        Emporium(server.address, token=token)
    assert not token.strip() or token not in str(raised.value)
    with pytest.raises(ValueError, match="the token must be"):
        shop.token = token
    shop.token = supply
    with pytest.raises(ValueError, match="the token must be"):
        await shop.users.get(ID)
    assert server.served == []


@pytest.mark.parametrize("own_id", [each for each in NO_HEADER_CARRIES if each])
async def test_a_request_id_that_no_header_carries_is_refused(
    shop: Emporium, server: FakeShop, own_id: str
) -> None:
    before = request_id.set(own_id)
    try:
        with pytest.raises(ValueError, match="the request_id must be"):
            await shop.users.get(ID)
    finally:
        request_id.reset(before)
    assert server.served == []
