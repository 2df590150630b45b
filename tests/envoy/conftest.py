"""A real Envoy on the real configuration, in front of one canned upstream that is all services."""

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import jwt
import pytest
import pytest_asyncio
import yaml

from server.kit import auth
from server.kit.auth import keys
from server.local.engines import edge, limiter
from server.local.engines.envoy import ADMIN_SOCKET, Gateway
from server.local.home import ports
from server.local.process.part import Part
from server.services import SERVICES
from tests.envoy.upstream import Upstream

SOURCE = Path(__file__).parents[2] / "envoy"
KEY = auth.new_key("user-1")
SERVICE_KEY = auth.new_key("service:order-1")
SCRIPT_FAILURES = r"http\.edge\.lua\..*errors"
LIMITERS = 2

# Anonymous callers are limited by address, so each test has one of its own on the loopback.
_addresses = (f"127.0.{third}.{fourth}" for third in range(1, 200) for fourth in range(1, 250))


@dataclass
class Edge:
    """A running edge: where it is, and what stands behind it."""

    folder: Path
    port: int
    upstream: Upstream
    limiters: Sequence[limiter.Limiter] = ()
    _numbers: Any = field(default_factory=itertools.count)

    def rest(self, token: str | None = None, **options: Any) -> httpx.AsyncClient:
        """A REST client from an address of its own."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        http2 = options.pop("http2", False)
        transport = httpx.AsyncHTTPTransport(
            local_address=next(_addresses), http1=not http2, http2=http2
        )
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", headers=headers, transport=transport
        )

    def grpc(self) -> grpc.aio.Channel:
        """A native gRPC channel, not shared with another test."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options=options)

    async def logged(self, request_id: str) -> dict[str, Any]:
        """The line of the access log for that call; it is written within a second or so."""
        async with asyncio.timeout(10):
            while True:
                for line in (self.folder / "envoy.log").read_text().splitlines():
                    if request_id in line:
                        found: dict[str, Any] = json.loads(line)
                        return found
                await asyncio.sleep(0.1)

    async def stat(self, name: str) -> int:
        """One of Envoy's counters."""
        answer = await self._administration("/stats", filter=f"^{name}$", format="json")
        return sum(int(each.get("value", 0)) for each in answer["stats"])

    async def allocated_bytes(self) -> int:
        """The memory that Envoy uses."""
        return int((await self._administration("/memory"))["allocated"])

    async def _administration(self, path: str, **asked: str) -> Any:
        transport = httpx.AsyncHTTPTransport(uds=str(self.folder / ADMIN_SOCKET))
        async with httpx.AsyncClient(transport=transport, base_url="http://envoy") as client:
            return (await client.get(path, params=asked)).json()


def signed(key: dict[str, Any] = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token for a subject of its own, with some claims changed or (None) left out.

    `header` has what is changed there; `kid` None is none.
    """
    now = int(time.time())
    # For a day: one that is made when tests are collected is used when they run.
    claims = {
        "iss": "emporium",
        "aud": "emporium",
        "sub": str(uuid.uuid4()),
        "sid": str(uuid.uuid4()),
        "role": "CUSTOMER",
        "iat": now,
        "exp": now + 86_400,
        "jti": str(uuid.uuid4()),
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    headers = {"kid": key["kid"], "typ": keys.TYPE, **(header or {})}
    headers = {name: value for name, value in headers.items() if value is not None}
    return jwt.encode(kept, jwt.PyJWK(key).key, algorithm=keys.ALGORITHM, headers=headers)


@asynccontextmanager
async def edge_before(
    upstream: Any,
    folder: Path,
    *,
    per_minute: int = 100,
    login_per_minute: int = 5,
    published: Sequence[Mapping[str, Any]] = (KEY, SERVICE_KEY),
    source: Path = SOURCE,
    tls: edge.EdgeTls | None = None,
    scripts_fail: bool = False,
    counts: Callable[[str], Path] | None = None,
    changed: Callable[[dict[str, Any]], None] | None = None,
    **options: Any,
) -> AsyncIterator[Edge]:
    """A running edge by those keys; the port of `upstream` is every service to it.

    No script may fail there but where `scripts_fail` says that a test wants it. Where each limiter
    keeps its `counts` is the same folder, unless said otherwise. `changed` may change the
    configuration before Envoy reads it; `options` are more of `edge.render`.
    """
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps(auth.jwks(published)))
    edge_port, *limiter_ports = ports.free_ports(1 + LIMITERS)
    config = edge.render(
        source,
        folder,
        edge_port=edge_port,
        endpoints={
            **{each.name: [("127.0.0.1", upstream.port)] for each in SERVICES},
            limiter.LIMITS: [("127.0.0.1", port) for port in limiter_ports],
        },
        jwks=jwks,
        limits={
            "client": per_minute,
            "anonymous": per_minute,
            "staff": 10 * per_minute,
            "cart": per_minute,
            "login": login_per_minute,
            "token": max(30, login_per_minute),
        },
        tls=tls,
        **options,
    )
    if changed:
        content = yaml.safe_load(config.read_text())
        changed(content)
        config.write_text(yaml.safe_dump(content))
    limiters = [
        limiter.Limiter(
            f"limits-{port}",
            port=port,
            classes=folder / limiter.CLASSES,
            store=counts(f"limits-{port}") if counts else folder / "limits",
            log_file=folder / f"limits-{port}.log",
        )
        for port in limiter_ports
    ]
    gateway = Gateway(config, edge_port=edge_port, concurrency=1, log_file=folder / "envoy.log")
    async with AsyncExitStack() as stack:
        parts: list[Part] = [*limiters, gateway]
        for part in parts:
            await part.start()
            stack.push_async_callback(part.stop)
        running = Edge(folder, edge_port, upstream, limiters)
        yield running
        if not scripts_fail:
            assert await running.stat(SCRIPT_FAILURES) == 0


def shedding(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The filters that refuse a call too many, of every listener."""
    listeners = [each for each in config["static_resources"]["listeners"] if "address" in each]
    managers = [each["filter_chains"][0]["filters"][-1]["typed_config"] for each in listeners]
    filters = [each for manager in managers for each in manager["http_filters"]]
    return [each["typed_config"] for each in filters if each["name"].startswith("shed_")]


def shed_nothing(config: dict[str, Any]) -> None:
    """Switches them off."""
    for each in shedding(config):
        each["enabled"] = {"default_value": False, "runtime_key": "shed.enabled"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge_of_module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with Upstream() as upstream:
        await upstream.serving(True)
        async with edge_before(upstream, tmp_path_factory.mktemp("edge")) as running:
            yield running


@pytest.fixture
def running(edge_of_module: Edge) -> Edge:
    """The module's edge, with its upstream reset."""
    edge_of_module.upstream.answers.clear()
    edge_of_module.upstream.calls.clear()
    return edge_of_module


@pytest_asyncio.fixture(loop_scope="session")
async def signed_in(running: Edge) -> AsyncIterator[httpx.AsyncClient]:
    """REST with a good token."""
    async with running.rest(signed()) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def anonymous(running: Edge) -> AsyncIterator[httpx.AsyncClient]:
    """REST without a token."""
    async with running.rest() as client:
        yield client


def error_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of an answer that must have failed so, in the contract's envelope."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert list(body) == ["status", "error", "request_id"], body
    assert list(body["error"]) == ["code", "message", "details"], body
    assert (body["status"], body["error"]["code"]) == ("error", code)
    assert body["request_id"] == answer.headers["x-request-id"]
    error: dict[str, Any] = body["error"]
    return error
