"""An HTTP/2 client for REST and gRPC alike, which can also leave a request without its end.

grpc.aio and httpx keep to what a decent client does, and cost a multiple of what is measured here.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

_WINDOW = 2**24  # bytes that we take before the peer has to wait for us
_GRPC_OK = "0"


class Lost(Exception):
    """The connection, or a call's stream, was ended by the other side."""


@dataclass(frozen=True)
class Request:
    """One call. Without `ends`, the other side is left waiting for the rest of the body."""

    verb: str
    path: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    ends: bool = True


@dataclass
class Answer:
    """What came back, so far."""

    headers: dict[str, str] = field(default_factory=dict)  # and trailers
    body: bytearray = field(default_factory=bytearray)

    @property
    def outcome(self) -> str:
        """The gRPC status where there is one, else HTTP's: `grpc 0`, `201`."""
        status = self.headers.get("grpc-status")
        return self.headers[":status"] if status is None else f"grpc {status}"

    @property
    def is_success(self) -> bool:
        """Whether the call was answered well."""
        status = self.headers.get("grpc-status")
        return self.headers[":status"][0] == "2" and status in (None, _GRPC_OK)


Enough = Callable[[Answer], bool]


async def connected(port: int, source: str = "127.0.0.1") -> "Connection":
    """A connection to `port` on this machine, from one of its loopback addresses."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        Connection, "127.0.0.1", port, local_addr=(source, 0)
    )
    return connection


class Connection(asyncio.Protocol):
    """One HTTP/2 connection, with prior knowledge."""

    def __init__(self) -> None:
        config = h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False
        )
        self._http2 = h2.connection.H2Connection(config)
        self._calls: dict[int, tuple[Answer, asyncio.Future[Answer], Enough]] = {}
        self._unsent: dict[int, tuple[memoryview, bool]] = {}  # bodies that wait for a window
        self.is_open = False

    async def call(self, request: Request, is_enough: Enough = lambda answer: False) -> Answer:
        """The answer, whatever it says. Raises `Lost`.

        One that may have no end is cut off once there `is_enough` of it.
        """
        if not self.is_open:
            raise Lost("the connection is closed")
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        stream = self._http2.get_next_available_stream_id()
        self._calls[stream] = Answer(), answered, is_enough
        head = {":method": request.verb, ":scheme": "http", ":path": request.path}
        ends = request.ends and not request.body
        fields = [*head.items(), (":authority", "localhost"), *request.headers]
        self._http2.send_headers(stream, fields, end_stream=ends)
        if request.body:
            self._unsent[stream] = memoryview(request.body), request.ends
        self._send()
        try:
            return await answered
        finally:
            self._calls.pop(stream, None)
            self._unsent.pop(stream, None)
            self._cut_off(stream)

    @property
    def is_sent(self) -> bool:
        """Whether no body waits for a window of the other side."""
        return not self._unsent

    def close(self) -> None:
        """Hangs up, whatever is under way."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True
        self._http2.initiate_connection()
        self._http2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW})
        self._http2.increment_flow_control_window(_WINDOW)
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        for _, answered, _ in self._calls.values():
            if not answered.done():
                answered.set_exception(Lost(f"the connection was lost: {error}"))

    def data_received(self, data: bytes) -> None:
        try:
            events = self._http2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self._transport.abort()
            return
        for event in events:
            self._take(event)
        self._send()

    def _take(self, event: h2.events.Event) -> None:
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.ConnectionTerminated):
            self._transport.close()
            return
        if isinstance(event, h2.events.DataReceived):
            self._http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if not stream or stream not in self._calls:
            return  # of the whole connection, or of a call that nobody waits for any longer
        answer, answered, is_enough = self._calls[stream]
        if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            answer.headers |= _texts(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if is_enough(answer) and not answered.done():
                answered.set_result(answer)
        elif isinstance(event, h2.events.StreamEnded) and not answered.done():
            answered.set_result(answer)
        elif isinstance(event, h2.events.StreamReset) and not answered.done():
            answered.set_exception(Lost(f"the call was reset: {event.error_code}"))

    def _cut_off(self, stream: int) -> None:
        """Ends a stream of which nobody waits for the rest; most have ended."""
        if not self.is_open:
            return
        try:
            self._http2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        except h2.exceptions.ProtocolError:
            return
        self._send()

    def _send(self) -> None:
        """Writes what the windows of the other side have room for."""
        for stream, (body, ends) in list(self._unsent.items()):
            try:
                left = self._send_some(stream, body, ends)
            except (h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
                left = memoryview(b"")  # it was answered, or reset, before all had been sent
            if left:
                self._unsent[stream] = left, ends
            else:
                self._unsent.pop(stream)
        self._transport.write(self._http2.data_to_send())

    def _send_some(self, stream: int, body: memoryview, ends: bool) -> memoryview:
        while body:
            room = self._http2.local_flow_control_window(stream)
            size = min(len(body), room, self._http2.max_outbound_frame_size)
            if not size:
                break
            last = ends and size == len(body)
            self._http2.send_data(stream, bytes(body[:size]), end_stream=last)
            body = body[size:]
        return body


def _texts(headers: object) -> Mapping[str, str]:
    assert isinstance(headers, list)
    return {str(name): str(value) for name, value in headers}
