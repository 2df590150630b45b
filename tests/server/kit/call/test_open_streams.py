"""Streams end with their callers' right to them, and one caller has so many."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio

from server.kit import auth, errors
from server.kit.call import open_streams
from server.kit.context import Context
from tests.server.conftest import Token
from tests.server.kit import ping as pings
from tests.server.kit.changing import Becomes, Changing, demoted, refused_with
from tests.server.kit.ping import Ping, request, response
from tests.server.refusals import refused


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_streams, "_CHECK_SECONDS", 0.01)


@pytest.fixture
def tokens(verifier: auth.Verifier) -> Changing:
    return Changing(verifier)


@pytest_asyncio.fixture(loop_scope="session")
async def ping(tokens: Changing) -> AsyncIterator[Ping]:
    given = 0

    async def once(message: Any, context: Context) -> Any:
        nonlocal given
        given += 1
        if given > 1 and message.text == "waits":
            await asyncio.Event().wait()
        return response(text=message.text)

    async with pings.running(tokens, once) as started:
        yield started


WAITS, FOR_EVER = request(text="waits"), request(text="for ever")


@pytest.mark.parametrize("asked", [WAITS, FOR_EVER], ids=["a silent one", "a busy one"])
@pytest.mark.parametrize(
    ("becomes", "reason"),
    [
        (refused_with(errors.TokenExpired("sign in again")), "TOKEN_EXPIRED"),
        (refused_with(errors.SessionEnded()), "SESSION_ENDED"),
        (refused_with(errors.AccountInactive("it was deleted")), "ACCOUNT_INACTIVE"),
        (demoted, "PERMISSION_DENIED"),
    ],
)
async def test_a_stream_ends_with_the_right_to_it(
    ping: Ping,
    tokens: Changing,
    token: Token,
    asked: Any,
    becomes: Becomes,
    reason: str,
) -> None:
    stream = ping.call("Count", asked, token("STAFF"))
    assert await anext(aiter(stream))
    tokens.becomes = becomes
    assert (await refused(stream)).reason == reason
    await ping.in_flight.ended(10)
    assert ping.in_flight.count == 0


async def test_a_defect_in_the_check_ends_it_too(
    ping: Ping, tokens: Changing, token: Token
) -> None:
    stream = ping.call("Count", WAITS, token("STAFF"))
    assert await anext(aiter(stream))
    tokens.becomes = refused_with(RuntimeError("a defect"))
    assert (await refused(stream)).reason == "INTERNAL"


async def test_other_streams_go_on(ping: Ping, tokens: Changing, token: Token) -> None:
    of_service = ping.call("Count", FOR_EVER, token("SERVICE"))
    of_nobody = ping.call("Count", FOR_EVER)
    for each in (of_service, of_nobody):
        assert await anext(aiter(each))
    stream = ping.call("Count", FOR_EVER, token("STAFF"))
    assert await anext(aiter(stream))
    tokens.becomes = refused_with(errors.SessionEnded())
    assert (await refused(stream)).reason == "SESSION_ENDED"
    for each in (of_service, of_nobody):
        assert await anext(aiter(each))
        each.cancel()


async def test_one_caller_has_so_many(ping: Ping, token: Token) -> None:
    mine = token("CUSTOMER")
    streams = [ping.call("Count", FOR_EVER, mine) for _ in range(16)]
    for stream in streams:
        assert await anext(aiter(stream))
    answer = await refused(ping.call("Count", FOR_EVER, mine))
    assert (answer.code, answer.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert answer.retry_after_seconds == 1
    other = ping.call("Count", FOR_EVER, token("CUSTOMER"))
    assert await anext(aiter(other))
    for stream in (*streams, other):
        stream.cancel()
    await ping.in_flight.ended(10)
    assert len([each async for each in ping.call("Count", token=mine)]) == 3


async def test_a_process_has_so_many(ping: Ping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_streams, "_MAX", 1)
    stream = ping.call("Count", FOR_EVER)
    assert await anext(aiter(stream))
    answer = await refused(ping.call("Count", FOR_EVER))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
    stream.cancel()
