"""A service that dies in the middle of an answer, as a killed process does."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.events

HEADERS = [(":status", "200"), ("content-type", "application/grpc"), ("x-http-status", "201")]
TRAILERS = [("grpc-status", "0")]
SERVING = b"\0\0\0\0\2\x08\1"  # grpc.health.v1.HealthCheckResponse, in its frame


@dataclass
class Cutting:
    """Answers health checks; sends `sent` of any other answer, and then its connection is gone."""

    sent: bytes | None = b""  # None: not even headers
    dies: bool = True  # False: it only falls silent
    port: int = 0
    calls: int = 0
    _connections: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for writer in self._connections:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.append(writer)
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        with suppress(ConnectionError):
            going = True
            while going:
                writer.write(connection.data_to_send())
                await writer.drain()
                data = await reader.read(65536)
                going = bool(data)
                for event in connection.receive_data(data):
                    going = self._on(event, connection) and going
            writer.write(connection.data_to_send())
            await writer.drain()
        writer.close()

    def _on(self, event: h2.events.Event, connection: h2.connection.H2Connection) -> bool:
        """Whether the connection goes on."""
        if isinstance(event, h2.events.DataReceived):
            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if not isinstance(event, h2.events.RequestReceived):
            return True
        if dict(event.headers)[b":path"].startswith(b"/grpc.health"):
            connection.send_headers(event.stream_id, HEADERS)
            connection.send_data(event.stream_id, SERVING)
            connection.send_headers(event.stream_id, TRAILERS, end_stream=True)
            return True
        self.calls += 1
        if self.sent is not None:
            connection.send_headers(event.stream_id, HEADERS)
            if self.sent:
                connection.send_data(event.stream_id, self.sent)
        return not self.dies
