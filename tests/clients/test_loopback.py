"""A proxy has nothing to do with what is on this machine."""

import grpc
import pytest

from emporium import Emporium
from emporium.loopback import is_loopback
from emporium.targets import Target
from tests.clients.fake_shop import FakeShop

NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8080",
        "http://LOCALHOST.:8080",
        "shop.localhost",
        "127.0.0.1:8080",
        "127.8.9.10",
        "[::1]:8080",
        "dns:///127.0.0.1:8080",
        "dns:localhost",
        "ipv4:127.0.0.1:1,127.0.0.2:2",
        "ipv6:[::1]:8080",
        "unix:/run/user.sock",
    ],
)
def test_what_is_on_this_machine(address: str) -> None:
    assert is_loopback(Target.parse(address).name)


@pytest.mark.parametrize(
    "address",
    [
        "shop.example.com",
        "localhost.example.com:80",
        "10.0.0.1:8080",
        "ipv4:127.0.0.1:1,10.0.0.1:2",
        "[2001:db8::1]:80",
        "dns:///user.internal:50051",
    ],
)
def test_what_is_not(address: str) -> None:
    assert not is_loopback(Target.parse(address).name)


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy"])
async def test_a_client_of_this_machine_asks_no_proxy(
    server: FakeShop, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, NOBODY)
    monkeypatch.delenv("no_proxy", raising=False)
    async with Emporium(server.address, token="a-token") as shop:
        assert await shop.users.list().first_page() is not None


async def test_a_channel_without_our_options_would(
    server: FakeShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("grpc_proxy", NOBODY)
    monkeypatch.delenv("no_proxy", raising=False)
    async with grpc.aio.insecure_channel(server.address) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/emporium.user.v1.UserService/ListUsers"
        )
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(b"", timeout=5)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
