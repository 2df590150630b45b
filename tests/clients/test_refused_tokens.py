"""A token that was good when it was given, and is not any more: another is sent, once."""

from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from emporium import Emporium, LoginResponse, Unauthenticated
from emporium.user.v1.revocation_service_pb2 import WatchRevocationsResponse
from tests.clients.fake_shop import Behaviour, FakeShop, answer, refuse

ID = "01900000-0000-7000-8000-000000000000"
PART = WatchRevocationsResponse(position=7)
RENEWED = ("INVALID_TOKEN", "TOKEN_EXPIRED")

Call = Callable[[Emporium], Awaitable[object]]


async def unary(shop: Emporium) -> object:
    return await shop.users.get(ID)


async def stream(shop: Emporium) -> object:
    return [each async for each in shop.revocations.watch()]


SHAPES = pytest.mark.parametrize(
    ("call", "rpc"), [(unary, "GetUser"), (stream, "WatchRevocations")], ids=["unary", "stream"]
)


class Supplier:
    """Gives one token after the other, and the last one for ever."""

    def __init__(self) -> None:
        self.tokens = ["first", "second"]

    async def __call__(self) -> str:
        return self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]


@pytest.fixture
def supplier() -> Supplier:
    return Supplier()


@pytest.fixture
async def supplied(server: FakeShop, supplier: Supplier) -> AsyncIterator[Emporium]:
    """A client whose tokens come from the supplier."""
    async with Emporium(server.address, token=supplier) as shop:
        yield shop


@pytest.fixture
async def signed_in(server: FakeShop) -> AsyncIterator[Emporium]:
    """A client that keeps a login."""
    first = LoginResponse(access_token="first", refresh_token="spent", expires_in=600)
    server.will("Login", answer(first))
    async with Emporium(server.address) as shop:
        await shop.auth.login("ann@example.com", "secret")
        server.served.clear()
        yield shop


def refused(reason: str) -> Behaviour:
    return refuse(grpc.StatusCode.UNAUTHENTICATED, "no", [ErrorInfo(reason=reason)])


def sent(server: FakeShop, rpc: str) -> list[object]:
    """The tokens that came with calls of `rpc`."""
    return [call.metadata.get("authorization") for call in server.served if call.rpc == rpc]


@SHAPES
@pytest.mark.parametrize("reason", RENEWED)
async def test_a_supplier_is_asked_again_and_the_call_made_once_more(
    supplied: Emporium, server: FakeShop, call: Call, rpc: str, reason: str
) -> None:
    server.will(rpc, refused(reason), answer(PART))
    await call(supplied)
    assert sent(server, rpc) == ["Bearer first", "Bearer second"]


@SHAPES
@pytest.mark.parametrize("reason", RENEWED)
async def test_a_login_goes_on_with_its_next_token(
    signed_in: Emporium, server: FakeShop, call: Call, rpc: str, reason: str
) -> None:
    second = LoginResponse(access_token="second", refresh_token="next", expires_in=600)
    server.will("Refresh", answer(second))
    server.will(rpc, refused(reason), answer(PART))
    await call(signed_in)
    assert sent(server, rpc) == ["Bearer first", "Bearer second"]
    assert sent(server, "Refresh") == [None]


@SHAPES
async def test_the_next_token_is_refused_for_good(
    supplied: Emporium, server: FakeShop, supplier: Supplier, call: Call, rpc: str
) -> None:
    supplier.tokens.append("third")
    server.will(rpc, refused("INVALID_TOKEN"), refused("INVALID_TOKEN"))
    with pytest.raises(Unauthenticated):
        await call(supplied)
    assert sent(server, rpc) == ["Bearer first", "Bearer second"]


@SHAPES
async def test_the_same_token_is_not_sent_again(
    supplied: Emporium, server: FakeShop, supplier: Supplier, call: Call, rpc: str
) -> None:
    supplier.tokens = ["only"]
    server.will(rpc, refused("INVALID_TOKEN"))
    with pytest.raises(Unauthenticated) as raised:
        await call(supplied)
    assert raised.value.reason == "INVALID_TOKEN"
    assert sent(server, rpc) == ["Bearer only"]


@SHAPES
@pytest.mark.parametrize("reason", ["ACCOUNT_INACTIVE", "SESSION_ENDED", "UNAUTHENTICATED"])
async def test_what_another_token_would_meet_too_is_final(
    supplied: Emporium, server: FakeShop, call: Call, rpc: str, reason: str
) -> None:
    server.will(rpc, refused(reason))
    with pytest.raises(Unauthenticated):
        await call(supplied)
    assert sent(server, rpc) == ["Bearer first"]


async def test_a_token_that_was_given_is_the_only_one(shop: Emporium, server: FakeShop) -> None:
    server.will("GetUser", refused("INVALID_TOKEN"))
    with pytest.raises(Unauthenticated):
        await shop.users.get(ID)
    assert sent(server, "GetUser") == ["Bearer a-token"]
