"""A gRPC caller that misbehaves on purpose, frame by frame; no gRPC client can be made to."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes, Settings

_ENDS = (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)


def framed(message: bytes) -> bytes:
    """`message` as gRPC sends it."""
    return b"\0" + len(message).to_bytes(4, "big") + message


@dataclass
class RawCall:
    """One call, open for as long as the block runs; it never hangs up by itself.

    `body` is sent as it is; `ends` says whether the caller then ends its side.
    """

    port: int
    path: str
    body: bytes = b""
    ends: bool = True
    headers: Mapping[str, str | bytes] = field(default_factory=dict)
    window: int = 65535  # bytes of the answer that the caller takes

    async def __aenter__(self) -> "RawCall":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        wanted = {SettingCodes.INITIAL_WINDOW_SIZE: self.window}
        self._http.local_settings = Settings(client=True, initial_values=wanted)
        self._http.initiate_connection()
        pseudo = {":method": "POST", ":path": self.path, ":scheme": "http", ":authority": "test"}
        grpc = {"content-type": "application/grpc", "te": "trailers"}
        sent: dict[str, str | bytes] = {**pseudo, **grpc, **self.headers}
        bare = self.ends and not self.body
        self._http.send_headers(1, list(sent.items()), end_stream=bare)
        if self.body:
            self._http.send_data(1, self.body, end_stream=self.ends)
        self._writer.write(self._http.data_to_send())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def end(self) -> dict[str, str]:
        """Waits for the end of the call, and gives its last headers; `reset` for a broken one."""
        told: dict[str, str] = {}
        while True:
            for event in self._http.receive_data(await self._reader.read(65536)):
                headers = getattr(event, "headers", None)
                if headers and not isinstance(event, h2.events.InformationalResponseReceived):
                    told.update({name.decode(): value.decode() for name, value in headers})
                if isinstance(event, h2.events.StreamReset):
                    told["reset"] = str(event.error_code)
                if isinstance(event, _ENDS):
                    return told
            self._writer.write(self._http.data_to_send())

    def hang_up(self) -> None:
        """Ends the call as whoever wants no answer any more."""
        self._http.reset_stream(1)
        self._writer.write(self._http.data_to_send())

    async def closed(self) -> None:
        """Waits until the server has closed the connection, whatever becomes of the call."""
        while await self._reader.read(65536):
            pass
