"""Posts to receivers of webhooks, which are anywhere on the Internet, and nobody's friends.

Where a name leads is judged when a connection is made, and the address that was judged is the one
that is connected to: so no name can lead elsewhere between the two. Redirects are answers like
others. Neither what the environment says of proxies counts, nor cookies.
"""

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import httpcore

from server.kit.telemetry import brief

CONNECTIONS_MAX = 10  # to the receiver of one webhook
_ADDRESSES_MAX = 4  # of one name that are tried
_ANSWER_MAX = 65_536  # bytes of an answer that are read, so that its connection can be used again
_IDLE_SECONDS = 30.0

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
MayReach = Callable[[Address], bool]
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Refused(httpcore.ConnectError):
    """The name leads to an address that may not be reached."""


class Answer(NamedTuple):
    """The status of an answer, or what went wrong before there was one."""

    status: int  # 0: none
    error: str = ""
    retry_after_seconds: float = 0.0


async def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of `host`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that `may_reach` lets through; it resolves names itself."""

    def __init__(self, may_reach: MayReach, resolve: Resolve = resolve) -> None:
        self._may_reach = may_reach
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = [ipaddress.ip_address(each) for each in await self._resolve(host, port)]
        except OSError as error:
            raise httpcore.ConnectError("the host's name leads nowhere") from error
        # One that leads here and there is no mistake, and never tried.
        if not addresses or not all(map(self._may_reach, addresses)):
            raise Refused("the host's address is private or reserved")
        for address in addresses[: _ADDRESSES_MAX - 1]:
            try:
                return await self._network.connect_tcp(str(address), port, timeout, local_address)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise Refused("no receiver is on this machine")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Kept(NamedTuple):
    pool: httpcore.AsyncConnectionPool
    used_at: list[float]  # one; by `time.monotonic`


class Receivers:
    """Connections to receivers, those of each webhook for itself."""

    def __init__(
        self,
        network: httpcore.AsyncNetworkBackend,
        timeout_seconds: float = 15.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._network = network
        self._timeout_seconds = timeout_seconds
        self._tls = tls or ssl.create_default_context()
        self._kept: dict[tuple[str, str], _Kept] = {}

    async def post(
        self, webhook_id: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Posts once. What goes wrong is an answer, too: this raises nothing."""
        pool = self._pool(webhook_id, url)
        # The phases have the whole as their limit, so that a pool gives up what nobody waits for.
        limits = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_seconds)
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                pool.stream(
                    "POST",
                    url,
                    headers=[*headers.items()],
                    content=body,
                    extensions={"timeout": limits},
                ) as response,
            ):
                await _read_some(response)
                return Answer(response.status, "", _retry_after(response))
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(0, "timeout")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            return Answer(0, brief(error))

    async def close_idle(self, idle_seconds: float = _IDLE_SECONDS) -> None:
        """Closes the connections of webhooks that were not posted to lately."""
        before = time.monotonic() - idle_seconds
        for key, kept in [*self._kept.items()]:
            if kept.used_at[0] < before:
                del self._kept[key]
                await kept.pool.aclose()

    async def close(self) -> None:
        """Closes all."""
        while self._kept:
            _, kept = self._kept.popitem()
            await kept.pool.aclose()

    def _pool(self, webhook_id: str, url: str) -> httpcore.AsyncConnectionPool:
        kept = self._kept.get((webhook_id, url))
        if kept is None:
            pool = httpcore.AsyncConnectionPool(
                ssl_context=self._tls,
                max_connections=CONNECTIONS_MAX,
                keepalive_expiry=_IDLE_SECONDS,
                network_backend=self._network,
            )
            kept = self._kept[webhook_id, url] = _Kept(pool, [0.0])
        kept.used_at[0] = time.monotonic()
        return kept.pool


async def _read_some(response: httpcore.Response) -> None:
    """Reads what an honest receiver answers. Of a longer answer the connection is closed."""
    size = 0
    async for part in response.aiter_stream():
        size += len(part)
        if size > _ANSWER_MAX:
            return


def _retry_after(response: httpcore.Response) -> float:
    """What the receiver asks for, in seconds; 0 where it asks for nothing, or for a date."""
    for name, value in response.headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 10:
            return float(value)
    return 0.0
