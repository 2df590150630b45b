"""HTTP/2 as a client of the bench writes and reads it: frames, and headers that need no table."""

import asyncio
import struct

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
_PLENTY = 2**30  # bytes of answers that we take unasked


class Client(asyncio.Protocol):
    """One connection, with prior knowledge; `settings` are those to begin with, as bytes."""

    def __init__(self, settings: bytes = b"") -> None:
        self._settings = settings
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, self._settings))
        self.write(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", _PLENTY)))

    def write(self, frames: bytes) -> None:
        """Sends them."""
        self._transport.write(frames)

    def close(self) -> None:
        """Ends the connection, and what is under way on it."""
        self._transport.close()

    def take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """A frame has come."""

    def data_received(self, data: bytes) -> None:
        buffer, start = self._buffer + data, 0
        while len(buffer) - start >= 9:
            end = start + 9 + int.from_bytes(buffer[start : start + 3], "big")
            if end > len(buffer):
                break
            kind, flags, stream = struct.unpack_from(">BBI", buffer, start + 3)
            payload = buffer[start + 9 : end]
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.write(frame(kind, ACK, 0, payload if kind == PING else b""))
            self.take(kind, flags, stream, payload)
            start = end
        self._buffer = buffer[start:]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def head(*fields: tuple[str, str]) -> bytes:
    """The header block, every field as a literal, so that it is good for every call."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _text(text: str) -> bytes:
    """A string as HPACK writes it, without its Huffman code."""
    raw = text.encode("ascii")
    if len(raw) < 127:
        return bytes([len(raw)]) + raw
    length, rest = bytearray([127]), len(raw) - 127
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    length.append(rest)
    return bytes(length) + raw
