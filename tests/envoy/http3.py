"""A client of HTTP/3, for tests: one connection, and calls on it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StreamReset
from aioquic.tls import SessionTicket


class Lost(Exception):
    """The other side ended the call, or the connection."""


@dataclass
class _Call:
    answered: asyncio.Future[httpx.Response]
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


class Client(QuicConnectionProtocol):
    """One connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._http = H3Connection(self._quic)
        self._calls: dict[int, _Call] = {}
        self._ended: str | None = None  # why, when the connection is

    async def call(
        self, verb: str, path: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> httpx.Response:
        """The answer, whatever it says. Raises `Lost`."""
        call = self._begin(verb, path, headers, body)[1]
        self.transmit()
        return await call.answered

    def take_back(self, verb: str, path: str) -> None:
        """Asks, and wants no answer."""
        stream, _ = self._begin(verb, path)
        del self._calls[stream]
        self._quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
        self._quic.stop_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
        self.transmit()

    def _begin(
        self, verb: str, path: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> tuple[int, _Call]:
        if self._ended is not None:
            raise Lost(self._ended)
        stream = self._quic.get_next_available_stream_id()
        call = self._calls[stream] = _Call(asyncio.get_running_loop().create_future())
        head = {":method": verb, ":scheme": "https", ":authority": "localhost", ":path": path}
        fields = [(name.encode(), value.encode()) for name, value in [*head.items(), *headers]]
        self._http.send_headers(stream, fields, end_stream=not body)
        if body:
            self._http.send_data(stream, body, end_stream=True)
        return stream, call

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            self._ended = event.reason_phrase
            for call in self._calls.values():
                _fail(call, event.reason_phrase)
        if isinstance(event, StreamReset) and event.stream_id in self._calls:
            _fail(self._calls[event.stream_id], f"reset: {event.error_code}")
        for each in self._http.handle_event(event):
            self._take(each)

    def _take(self, event: H3Event) -> None:
        if not isinstance(event, HeadersReceived | DataReceived):
            return
        call = self._calls.get(event.stream_id)
        if not call:
            return  # nobody waits for it
        if isinstance(event, HeadersReceived):
            call.headers += event.headers
        else:
            call.body += event.data
        if event.stream_ended and not call.answered.done():
            headers = httpx.Headers([(k, v) for k, v in call.headers if k != b":status"])
            status = int(dict(call.headers)[b":status"])
            call.answered.set_result(httpx.Response(status, headers=headers, content=call.body))


def _fail(call: _Call, why: str) -> None:
    if not call.answered.done():
        call.answered.set_exception(Lost(why))


@asynccontextmanager
async def http3(
    port: int, authority: Path, tickets: list[SessionTicket] | None = None
) -> AsyncIterator[Client]:
    """A connection to `localhost`, whose certificate must be of the authority in that file.

    `tickets` gets those by which another connection could send data before its handshake is done.
    """
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, cafile=str(authority), verify_mode=ssl.CERT_REQUIRED
    )
    async with connect(
        "localhost",
        port,
        configuration=configuration,
        create_protocol=Client,
        session_ticket_handler=None if tickets is None else tickets.append,
    ) as client:
        assert isinstance(client, Client)
        yield client
