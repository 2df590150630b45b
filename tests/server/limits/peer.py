"""A client of the `h2` library and a server of the limiter's, joined without a socket."""

import asyncio
from collections.abc import Iterator
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings

from server.limits.header_blocks import ASKED_AS
from server.limits.http2 import MESSAGE, Connection

ECHO = "/test.Echo/Echo"
FAILING = "/test.Echo/Fail"
HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "limits"),
    ("te", "trailers"),
    ("grpc-timeout", "2000m"),
    ("content-type", "application/grpc"),
]


class Wire(asyncio.Transport):
    """What the server writes, until the client takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.writes = 0
        self.is_closed = False
        self.is_paused = False

    def write(self, data: Any) -> None:
        self.written += data
        self.writes += 1

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Peer:
    """A client by `h2` and the server, joined without a socket."""

    def __init__(self, window: int = 65_535) -> None:
        self.asked: list[tuple[bytes, bytes]] = []
        self.wire = Wire()
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.http2.local_settings[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] = window
        self.http2.local_settings.acknowledge()
        self.connections: set[Connection] = set()
        handlers = {ECHO: self._echo, FAILING: lambda message, asked_as: (14, b"")}
        self.server = Connection(handlers, self.connections)
        self.server.connection_made(self.wire)
        self.headers: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytes] = {}
        self.events: list[h2.events.Event] = []
        self.http2.initiate_connection()

    def _echo(self, message: bytes, asked_as: bytes) -> tuple[int, bytes]:
        self.asked.append((message, asked_as))
        return 0, message

    def ask(
        self, message: bytes, path: str = ECHO, asked_as: str = "", body: bytes | None = None
    ) -> int:
        stream = self.http2.get_next_available_stream_id()
        added = [(ASKED_AS.decode(), asked_as)] if asked_as else []
        self.http2.send_headers(
            stream,
            [HEADERS[0], (":path", path), *HEADERS[1:], *added],
        )
        sent = MESSAGE.pack(0, len(message)) + message if body is None else body
        self.http2.send_data(stream, sent, end_stream=True)
        return stream

    def exchange(self, size: int | None = None) -> None:
        """Brings what either side has to say to the other, `size` bytes at once."""
        while True:
            data = self.http2.data_to_send()
            for part in parts(data, size):
                self.server.data_received(part)
            data, self.wire.written = self.wire.written, b""
            if not data:
                return
            for event in self.http2.receive_data(data):
                self._take(event)

    def _take(self, event: h2.events.Event) -> None:
        self.events.append(event)
        if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            known = self.headers.setdefault(event.stream_id, {})
            known |= {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
            self.http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def status(self, stream: int) -> str:
        return self.headers[stream]["grpc-status"]

    def told(self, kind: type[h2.events.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def parts(data: bytes, size: int | None) -> Iterator[bytes]:
    for at in range(0, len(data), size or max(1, len(data))):
        yield data[at : at + (size or len(data))]


def framed(message: bytes) -> bytes:
    return MESSAGE.pack(0, len(message)) + message
