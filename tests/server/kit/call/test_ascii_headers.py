"""Headers that are no metadata of gRPC, from callers whom no library keeps from sending them."""

import pytest

from tests.server.kit.conftest import Lines
from tests.server.kit.ping import Ping, request
from tests.server.kit.raw_peer import RawCall, framed

INVALID_ARGUMENT = "3"
MESSAGE = framed(request(text="a").SerializeToString())


async def told(ping: Ping, rpc: str, headers: dict[str, str | bytes]) -> dict[str, str]:
    async with RawCall(ping.port, f"/ping.v1.PingService/{rpc}", MESSAGE, headers=headers) as call:
        return await call.end()


@pytest.mark.parametrize("value", ["caf\xe9".encode(), b"caf\xe9"], ids=["UTF-8", "Latin-1"])
@pytest.mark.parametrize("name", ["x-odd", "idempotency-key", "if-match", "user-agent"])
@pytest.mark.parametrize("rpc", ["Ping", "Count", "Collect", "Echo"])
async def test_what_is_not_ascii_is_refused_by_its_name(
    ping: Ping, lines: Lines, rpc: str, name: str, value: bytes
) -> None:
    answer = await told(ping, rpc, {name: value})
    assert answer["grpc-status"] == INVALID_ARGUMENT
    assert answer["grpc-message"] == f"the header {name} may hold nothing but ASCII"
    assert [line["reason"] for line in lines] == ["MALFORMED_REQUEST"]


async def test_it_is_refused_before_anybody_reads_a_token(ping: Ping) -> None:
    answer = await told(ping, "SignedIn", {"authorization": b"Bearer caf\xe9"})
    assert answer["grpc-message"] == "the header authorization may hold nothing but ASCII"


async def test_bytes_have_headers_of_their_own(ping: Ping) -> None:
    assert await ping.call("Ping", headers={"x-odd": "~", "x-odd-bin": b"caf\xe9"})
