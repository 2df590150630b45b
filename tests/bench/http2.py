"""Just so much of an HTTP/2 client as unary gRPC calls need.

A call costs it some 20 us, a tenth of what `grpc.aio` would take: its headers are written once, and
the answers' are not read. A call counts as answered when a message came back.
"""

import asyncio
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.bench.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    RESET,
    WINDOW_UPDATE,
    Client,
    frame,
    head,
)

_WINDOW = 65_535  # what a server takes unasked, by the standard


@dataclass(frozen=True)
class Target:
    """An rpc, and the headers to call it with."""

    port: int
    method: str  # `/package.Service/Method`
    headers: Sequence[tuple[str, str]] = ()


class Work(Protocol):
    """What a connection takes its messages from, and tells of what became of them."""

    left: Iterator[bytes]
    refills: bool  # whether an answer makes room for the next call

    def answered(self) -> None:
        """A call has been answered."""

    def failed(self, why: str) -> None:
        """A call, or the connection, has failed."""


async def connected(target: Target, work: Work) -> "Connection":
    """A connection to `target`'s port on this machine."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: Connection(target, work), "127.0.0.1", target.port
    )
    return connection


class Connection(Client):
    """One HTTP/2 connection, with prior knowledge."""

    def __init__(self, target: Target, work: Work) -> None:
        super().__init__()
        self._head = _head(target)
        self._method = target.method
        self._work = work
        self._stream = -1  # the last one opened; a client's are odd
        self._window = _WINDOW  # how many bytes the server still takes
        self._held: list[bytes] = []  # what waits for that
        self._with_message: set[int] = set()  # streams that have brought one

    def connection_lost(self, error: Exception | None) -> None:
        self._work.failed(f"{self._method}: the connection was lost: {error}")

    def send_next(self) -> None:
        """Makes the next call, if there is one left."""
        message = next(self._work.left, None)
        if message is None:
            return
        body = framed(message)
        if self._held or len(body) > self._window:
            self._held.append(body)
        else:
            self._send(body)

    def _send(self, body: bytes) -> None:
        self._window -= len(body)
        self._stream += 2
        self.write(
            frame(HEADERS, END_HEADERS, self._stream, self._head)
            + frame(DATA, END_STREAM, self._stream, body)
        )

    def take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == DATA and payload:
            self._with_message.add(stream)
        elif kind == WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload, "big")
            while self._held and len(self._held[0]) <= self._window:
                self._send(self._held.pop(0))
        elif kind in (RESET, GOAWAY):
            self._work.failed(f"{self._method}: the server cut calls off: {payload!r}")
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self._ended(stream)

    def _ended(self, stream: int) -> None:
        if stream not in self._with_message:
            self._work.failed(f"{self._method}: a call was refused")
            return
        self._with_message.remove(stream)
        self._work.answered()
        if self._work.refills:
            self.send_next()


def framed(message: bytes) -> bytes:
    """`message` as gRPC puts it into a body."""
    return struct.pack(">BI", 0, len(message)) + message


def _head(target: Target) -> bytes:
    return head(
        (":method", "POST"),
        (":scheme", "http"),
        (":path", target.method),
        (":authority", f"127.0.0.1:{target.port}"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *target.headers,
    )
