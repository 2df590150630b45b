"""A client that has an API key: one exchange for many calls, and what its failure costs."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from emporium import Emporium, Unauthenticated
from emporium.user.v1.api_key_service_pb2 import ExchangeApiKeyResponse
from server.user.api_keys.rules import secret_of
from tests.clients.fake_shop import Behaviour, FakeShop, answer, refuse
from tests.clients.test_kept_login import ID, LIFE_SECONDS, Clock, sent

KEY = secret_of(ID, b"\x07" * 32)
NO_KEYS = ["", "emp_", KEY[:-1], KEY[:-1] + "_", "emp_" + "z" * 70, "Z" + KEY]


def given(number: int) -> Behaviour:
    return answer(ExchangeApiKeyResponse(access_token=f"access-{number}", expires_in=LIFE_SECONDS))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("emporium.kept_login.monotonic", made)
    return made


@pytest.fixture
async def program(server: FakeShop, clock: Clock) -> AsyncIterator[Emporium]:
    """A client that has a key, and has called nothing yet."""
    async with Emporium(server.address, api_key=KEY) as client:
        yield client


async def test_many_first_calls_at_once_need_one_exchange(
    program: Emporium, server: FakeShop, clock: Clock
) -> None:
    server.will("ExchangeApiKey", given(1), given(2))
    before = program.token
    await asyncio.gather(*(program.users.get(ID) for _ in range(50)))
    assert sent(server) == [("ExchangeApiKey", None), *[("GetUser", "Bearer access-1")] * 50]
    form = server.served[0].request
    assert form.content_type == "application/x-www-form-urlencoded"
    assert parse_qs(form.data.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": [ID],
        "client_secret": [KEY],
    }
    assert (before, program.token) == (None, "access-1")

    clock.ahead = LIFE_SECONDS * 0.95
    server.served.clear()
    await asyncio.gather(*(program.users.get(ID) for _ in range(50)))
    assert sent(server) == [("ExchangeApiKey", None), *[("GetUser", "Bearer access-2")] * 50]


async def test_a_refused_key_is_told_to_every_call_and_tried_again_later(
    program: Emporium, server: FakeShop, clock: Clock
) -> None:
    no = refuse(grpc.StatusCode.UNAUTHENTICATED, "no", [ErrorInfo(reason="INVALID_CLIENT")])
    server.will("ExchangeApiKey", no)
    for _ in range(3):
        with pytest.raises(Unauthenticated) as raised:
            await program.users.get(ID)
        assert raised.value.reason == "INVALID_CLIENT"
    assert sent(server) == [("ExchangeApiKey", None)]

    clock.ahead = 3
    server.will("ExchangeApiKey", given(1))
    await program.users.get(ID)
    assert sent(server)[1:] == [("ExchangeApiKey", None), ("GetUser", "Bearer access-1")]


@pytest.mark.parametrize("reason", ["TOKEN_EXPIRED", "SESSION_ENDED"])
async def test_a_token_that_has_ended_unexpectedly_is_renewed(
    program: Emporium, server: FakeShop, reason: str
) -> None:
    """As at a change of the account's password, which ends tokens and not keys."""
    server.will("ExchangeApiKey", given(1), given(2))
    server.will(
        "GetUser", refuse(grpc.StatusCode.UNAUTHENTICATED, "no", [ErrorInfo(reason=reason)])
    )
    await program.users.get(ID)
    assert sent(server) == [
        ("ExchangeApiKey", None),
        ("GetUser", "Bearer access-1"),
        ("ExchangeApiKey", None),
        ("GetUser", "Bearer access-2"),
    ]


@pytest.mark.parametrize("key", NO_KEYS)
async def test_what_is_no_key_is_refused_without_a_call(server: FakeShop, key: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        Emporium(server.address, api_key=key)


async def test_a_client_has_a_token_or_a_key(server: FakeShop) -> None:
    with pytest.raises(ValueError, match="not both"):
        Emporium(server.address, api_key=KEY, token="a-token")
