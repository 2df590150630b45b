"""What the edge itself refuses: status, reason and request id by every door, and in the log."""

import itertools
import re
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from google.protobuf.descriptor import EnumDescriptor

from emporium.errors.v1 import error_reason_pb2
from server.kit import auth
from server.local.engines import edge
from tests.envoy.conftest import SOURCE, Edge, edge_before, signed
from tests.envoy.doors import DOORS, Asked, Told, attempt, call, raw, rest
from tests.envoy.test_upstreams import ready, restored  # noqa: F401  # a fixture, used by its name
from tests.envoy.upstream import Upstream

REASONS: EnumDescriptor = error_reason_pb2.ErrorReason.DESCRIPTOR
LARGE = b"\0\0\x10\0\0" + b"a" * (1024 * 1024)

# Reason, gRPC status, and the call. Each is refused by every door.
EVERYWHERE: dict[str, tuple[str, int, Callable[[], Asked]]] = {
    "no token": ("UNAUTHENTICATED", 16, Asked),
    "nonsense": ("INVALID_TOKEN", 16, lambda: Asked(token="nonsense")),
    "by another key": ("INVALID_TOKEN", 16, lambda: Asked(token=signed(auth.new_key("user-1")))),
    "for another API": ("INVALID_TOKEN", 16, lambda: Asked(token=signed(aud="other"))),
    "expired": (
        "TOKEN_EXPIRED",
        16,
        lambda: Asked(token=signed(iat=1, exp=int(time.time()) - 10)),
    ),
    "an escaped slash": (
        "MALFORMED_REQUEST",
        3,
        lambda: Asked(path="/api/v1/users%2F1", rpc="/emporium.user.v1.UserService%2FGetUser"),
    ),
    "a large header": ("HEADERS_TOO_LARGE", 8, lambda: Asked(headers=(("x-t", "a" * 12_000),))),
    "many headers": (
        "HEADERS_TOO_LARGE",
        8,
        lambda: Asked(headers=tuple((f"x-{n}", "1") for n in range(120))),
    ),
    "a large body": (
        "BODY_TOO_LARGE",
        8,
        lambda: Asked(verb="POST", path="/api/v1/users", token=signed(), body=LARGE),
    ),
}
# By REST alone, as bytes on the wire.
RAW: dict[str, tuple[str, bytes]] = {
    "no host": ("MALFORMED_REQUEST", b"GET /health HTTP/1.1\r\n\r\n"),
    "no HTTP": ("MALFORMED_REQUEST", b"NON SENSE FOR ALL\r\n\r\n"),
    "two lengths": (
        "MALFORMED_REQUEST",
        b"POST /api/v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n",
    ),
    "length and chunks": (
        "MALFORMED_REQUEST",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    "an unknown coding": (
        "UNSUPPORTED_HTTP",
        b"GET /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: foo\r\n\r\n",
    ),
    "a tunnel": ("UNSUPPORTED_HTTP", b"CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n"),
    "a header beyond all bounds": (
        "HEADERS_TOO_LARGE",
        b"GET /health HTTP/1.1\r\nHost: a\r\nX-T: " + b"a" * 70_000 + b"\r\n\r\n",
    ),
    "headers beyond all bounds": (
        "HEADERS_TOO_LARGE",
        b"GET /health HTTP/1.1\r\nHost: a\r\n" + b"x: 1\r\n" * 500 + b"\r\n",
    ),
    "a wrong verb": ("METHOD_NOT_ALLOWED", b"PUT /api/v1/users HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a path beyond ASCII": (
        "MALFORMED_REQUEST",
        b"GET /api/v1/products?q=caf\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    "an unknown path": ("ROUTE_NOT_FOUND", b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"),
    "JSON that is none": (
        "MALFORMED_REQUEST",
        b"POST /api/v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{",
    ),
}
GRPC_NAMES = {
    3: "INVALID_ARGUMENT",
    8: "RESOURCE_EXHAUSTED",
    12: "UNIMPLEMENTED",
    14: "UNAVAILABLE",
    16: "UNAUTHENTICATED",
}


def http_status(reason: str) -> int:
    options = REASONS.values_by_name[reason].GetOptions()
    return int(options.Extensions[error_reason_pb2.http_status])


async def check(running: Edge, told: Told, reason: str, code: int | None) -> None:
    """The refusal and its line in the log agree, and are as they should be."""
    assert told.reason == reason
    assert told.grpc_status in (None, code)
    assert told.http_status == (http_status(reason) if told.grpc_status is None else 200)
    line = await running.logged(told.request_id)
    assert (line["status"], line["reason"]) == (told.http_status, reason)
    if code is not None:
        assert line["grpc_status"] == GRPC_NAMES[code]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", EVERYWHERE)
async def test_a_refusal_is_the_same_by_every_door(name: str, door: str, running: Edge) -> None:
    reason, code, make = EVERYWHERE[name]
    told = await call(running, door, make())
    await check(running, told, reason, code)
    assert told.retry_after_seconds is None
    assert not running.upstream.calls


@pytest.mark.parametrize("name", RAW)
async def test_what_breaks_http_is_told_too(name: str, running: Edge) -> None:
    reason, request = RAW[name]
    await check(running, rest(await raw(running.port, request)), reason, None)
    assert not running.upstream.calls


@pytest.mark.parametrize("value", ["café".encode(), b"caf\xe9"], ids=["UTF-8", "Latin-1"])
@pytest.mark.parametrize("door", DOORS)
async def test_a_header_beyond_ascii_is_told_by_its_name(
    door: str, value: bytes, running: Edge
) -> None:
    for name in ("idempotency-key", "x-anything", "authorization", "x" * 100):
        told = await call(running, door, Asked(token=signed(), headers=((name, value),)))
        await check(running, told, "MALFORMED_REQUEST", 3)
        assert told.message == f"the header {name[:64]} may hold nothing but ASCII"
    assert not running.upstream.calls
    taken = Asked(token=signed(), headers=(("x-anything", b"~"), ("x-request-id", value)))
    assert await attempt(running, door, taken) is None


@pytest.mark.parametrize("door", DOORS)
async def test_a_header_with_an_underscore_is_told_by_its_name(door: str, running: Edge) -> None:
    for name in ("x_forwarded_for", "x-emporium_subject", "_"):
        told = await call(running, door, Asked(token=signed(), headers=((name, "a"),)))
        await check(running, told, "MALFORMED_REQUEST", 3)
        assert told.message == f"the header {name} has a name with '_'; write '-'"
    assert not running.upstream.calls


@pytest.mark.parametrize("door", DOORS)
async def test_what_no_route_knows(door: str, running: Edge) -> None:
    told = await call(running, door, Asked(path="/nowhere", rpc="/emporium.user.v1.NoService/Get"))
    reason = "ROUTE_NOT_FOUND" if door.startswith("http") else "METHOD_NOT_IMPLEMENTED"
    await check(running, told, reason, 12)


@pytest.mark.parametrize("door", ["grpc", "grpc-web"])
@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1/users/1", "/api/v1/nowhere"])
async def test_grpc_has_no_way_in_by_a_path_of_rest(path: str, door: str, running: Edge) -> None:
    told = await call(running, door, Asked(rpc=path, token=signed()))
    await check(running, told, "METHOD_NOT_IMPLEMENTED", 12)
    assert not running.upstream.calls


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """An edge that allows one call a minute."""
    async with Upstream() as upstream:
        await upstream.serving(True)
        folder = tmp_path_factory.mktemp("strict")
        async with edge_before(upstream, folder, per_minute=1) as running:
            yield running


@pytest.mark.parametrize("door", DOORS)
async def test_too_many_calls_are_told_when_to_come_back(door: str, strict: Edge) -> None:
    running, token = strict, signed()
    assert await attempt(running, door, Asked(token=token)) is None
    told = await call(running, door, Asked(token=token))
    await check(running, told, "RATE_LIMITED", 8)
    assert told.retry_after_seconds is not None
    assert 1 <= told.retry_after_seconds <= 60


@pytest.mark.parametrize("door", DOORS)
async def test_a_missing_service_is_told_by_every_door(
    door: str,
    restored: Edge,  # noqa: F811  # the fixture that is imported above
) -> None:
    edge.write_endpoints(restored.folder, "user", [])
    async with restored.rest() as client:
        await ready(client, 503)
    told = await call(restored, door, Asked(token=signed()))
    await check(restored, told, "UNAVAILABLE", 14)
    assert told.retry_after_seconds == 1


def test_each_row_of_the_table_is_provoked_or_cannot_be() -> None:
    table = (SOURCE / "refusals.lua").read_text()
    rows = set(re.findall(r'\{"\d+", \d+, "([A-Z_]+)"', table))
    provoked = {each[0] for each in itertools.chain(EVERYWHERE.values(), RAW.values())}
    provoked |= {"METHOD_NOT_IMPLEMENTED", "RATE_LIMITED", "UNAVAILABLE"}
    elsewhere = {
        "DEADLINE_EXCEEDED",  # test_cut.py
        "INTERNAL",  # what Envoy is not known to say
        "PERMISSION_DENIED",  # nothing here refuses so; a 403 of Envoy's would be no 401
    }
    assert rows == provoked | elsewhere
