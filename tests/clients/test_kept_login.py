"""A client that has signed in stays so: one exchange for many calls, and what its failure costs."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from emporium import Emporium, LoginResponse, Unauthenticated, Unavailable
from tests.clients.fake_shop import Behaviour, FakeShop, answer, refuse

ID = "01900000-0000-7000-8000-000000000000"
LIFE_SECONDS = 600


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("emporium.kept_login.monotonic", made)
    return made


def given(number: int) -> LoginResponse:
    return LoginResponse(
        access_token=f"access-{number}", refresh_token=f"refresh-{number}", expires_in=LIFE_SECONDS
    )


def unauthenticated(reason: str) -> Behaviour:
    return refuse(grpc.StatusCode.UNAUTHENTICATED, "no", [ErrorInfo(reason=reason)])


@pytest.fixture
async def shop(server: FakeShop, clock: Clock) -> AsyncIterator[Emporium]:
    """A client that has signed in."""
    server.will("Login", answer(given(1)))
    async with Emporium(server.address) as client:
        await client.auth.login("ann@example.com", "secret")
        server.served.clear()
        yield client


def sent(server: FakeShop) -> list[tuple[str, Any]]:
    return [(call.rpc, call.metadata.get("authorization")) for call in server.served]


async def test_a_token_is_used_while_it_is_good(
    shop: Emporium, server: FakeShop, clock: Clock
) -> None:
    clock.ahead = LIFE_SECONDS * 0.8
    await shop.users.get(ID)
    assert sent(server) == [("GetUser", "Bearer access-1")]


async def test_many_calls_at_once_are_renewed_by_one_exchange(
    shop: Emporium, server: FakeShop, clock: Clock
) -> None:
    clock.ahead = LIFE_SECONDS * 0.95
    server.will("Refresh", answer(given(2)))
    await asyncio.gather(*(shop.users.get(ID) for _ in range(50)))
    exchange, *calls = sent(server)
    assert exchange == ("Refresh", None)
    assert server.served[0].request.refresh_token == "refresh-1"
    assert calls == [("GetUser", "Bearer access-2")] * 50
    assert shop.token == "access-2"

    clock.ahead += LIFE_SECONDS * 0.95
    server.will("Refresh", answer(given(3)))
    await shop.users.get(ID)
    assert server.served[-2].request.refresh_token == "refresh-2"


async def test_a_token_that_has_run_out_unexpectedly_is_renewed_and_the_call_made_again(
    shop: Emporium, server: FakeShop
) -> None:
    server.will("GetUser", *(unauthenticated("TOKEN_EXPIRED") for _ in range(10)))
    server.will("Refresh", answer(given(2)))
    await asyncio.gather(*(shop.users.get(ID) for _ in range(10)))
    assert [rpc for rpc, _ in sent(server)].count("Refresh") == 1
    assert sent(server).count(("GetUser", "Bearer access-1")) == 10
    assert sent(server).count(("GetUser", "Bearer access-2")) == 10


async def test_any_other_refusal_is_final(shop: Emporium, server: FakeShop) -> None:
    server.will("GetUser", unauthenticated("ACCOUNT_INACTIVE"))
    with pytest.raises(Unauthenticated):
        await shop.users.get(ID)
    assert sent(server) == [("GetUser", "Bearer access-1")]


async def test_a_session_that_has_ended_is_not_asked_for_again(
    shop: Emporium, server: FakeShop, clock: Clock
) -> None:
    clock.ahead = LIFE_SECONDS + 1
    server.will("Refresh", unauthenticated("SESSION_ENDED"))
    with pytest.raises(Unauthenticated) as raised:
        await shop.users.get(ID)
    assert raised.value.reason == "SESSION_ENDED"
    server.will("GetUser", unauthenticated("TOKEN_EXPIRED"))
    with pytest.raises(Unauthenticated) as raised:
        await shop.users.get(ID)
    assert raised.value.reason == "TOKEN_EXPIRED"
    assert [rpc for rpc, _ in sent(server)] == ["Refresh", "GetUser"]


async def test_a_failure_to_renew_costs_nothing_while_the_token_is_good(
    shop: Emporium, server: FakeShop, clock: Clock
) -> None:
    clock.ahead = LIFE_SECONDS * 0.95
    server.will("Refresh", *(refuse(grpc.StatusCode.INTERNAL) for _ in range(2)))
    for _ in range(3):
        await shop.users.get(ID)
    # Nor is it tried again at each call.
    assert [rpc for rpc, _ in sent(server)] == ["Refresh", *["GetUser"] * 3]
    clock.ahead += 3
    await shop.users.get(ID)
    assert [rpc for rpc, _ in sent(server)][-2:] == ["Refresh", "GetUser"]


async def test_a_failure_to_renew_is_told_when_the_token_is_not(
    shop: Emporium, server: FakeShop, clock: Clock
) -> None:
    clock.ahead = LIFE_SECONDS + 1
    server.will("Refresh", *(refuse(grpc.StatusCode.UNAVAILABLE) for _ in range(5)))
    with pytest.raises(Unavailable):
        await shop.users.get(ID)
    clock.ahead += 3
    server.will("Refresh", answer(given(2)))
    await shop.users.get(ID)
    assert sent(server)[-1] == ("GetUser", "Bearer access-2")


async def test_a_caller_that_gives_up_loses_the_others_nothing(
    shop: Emporium, server: FakeShop, clock: Clock
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slowly(_: Any, __: Any) -> LoginResponse:
        asked.set()
        await may_answer.wait()
        return given(2)

    clock.ahead = LIFE_SECONDS * 0.95
    server.will("Refresh", slowly)
    first = asyncio.create_task(shop.users.get(ID))
    await asked.wait()
    second = asyncio.create_task(shop.users.get(ID))
    first.cancel()
    may_answer.set()
    await second
    assert first.cancelled()
    assert sent(server) == [("Refresh", None), ("GetUser", "Bearer access-2")]


async def test_a_token_that_is_set_is_sent_as_it_is(
    shop: Emporium, server: FakeShop, clock: Clock
) -> None:
    shop.token = "another"
    clock.ahead = LIFE_SECONDS + 1
    await shop.users.get(ID)
    assert sent(server) == [("GetUser", "Bearer another")]


async def test_after_a_logout_no_token_is_sent(shop: Emporium, server: FakeShop) -> None:
    await shop.auth.logout()
    assert shop.token is None
    await shop.products.get(ID)
    assert sent(server) == [("Logout", "Bearer access-1"), ("GetProduct", None)]


async def test_a_session_goes_on_with_a_token_that_was_kept(server: FakeShop) -> None:
    server.will("Refresh", answer(given(7)))
    async with Emporium(server.address) as client:
        assert (await client.auth.refresh("kept")).refresh_token == "refresh-7"
        await client.users.get(ID)
    assert server.served[0].request.refresh_token == "kept"
    assert sent(server) == [("Refresh", None), ("GetUser", "Bearer access-7")]


async def test_a_logout_of_a_session_that_has_ended_is_done(
    shop: Emporium, server: FakeShop
) -> None:
    ended = ErrorInfo(reason="SESSION_ENDED", domain="emporium")
    server.will("Logout", refuse(grpc.StatusCode.UNAUTHENTICATED, "over", [ended]))
    await shop.auth.logout()
    inactive = ErrorInfo(reason="ACCOUNT_INACTIVE", domain="emporium")
    server.will("Logout", refuse(grpc.StatusCode.UNAUTHENTICATED, "no", [inactive]))
    with pytest.raises(Unauthenticated):
        await shop.auth.logout()
