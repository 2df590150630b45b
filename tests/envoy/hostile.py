"""Callers who mean harm by HTTP/2, frame by frame: what no library that keeps to HTTP/2 would send.

Each attack sends so many of its frames, or until the edge has ended the connection.

python -m tests.envoy.hostile PORT ATTACK ROUNDS says of each connection of all rounds, as JSON,
whether the edge has ended it: so it takes no time from what stands behind the edge in a test.
"""

import asyncio
import itertools
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from hpack import Encoder, HeaderTuple, NeverIndexedHeaderTuple
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CANCEL = 8
# The first entry of HPACK's dynamic table, in one byte.
NEWEST_ENTRY = b"\xbe"
# What the kernel holds for a caller who does not read, so that a test need not fill megabytes.
RECEIVED_BYTES = 4096
FRAMES_A_WRITE = 50
AT_ONCE = 4


class Hostile:
    """One connection, which reads nothing unless it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = Encoder()
        self._stream = -1

    async def send(self, frames: Iterable[Frame]) -> bool:
        """Sends them all; False when the edge has ended the connection before it took them."""
        left = iter(frames)
        with suppress(ConnectionError):
            while some := [each.serialize() for each in itertools.islice(left, FRAMES_A_WRITE)]:
                if self._writer.transport.is_closing():
                    return False
                self._writer.write(b"".join(some))
                await self._writer.drain()
            return True
        return False

    async def is_ended(self) -> bool:
        """Reads to the end; False when there is none, by the answer to a PING that is the last."""
        mark = b"the last"
        if not await self.send([PingFrame(0, opaque_data=mark)]):
            return True
        answer = PingFrame(0, opaque_data=mark, flags=["ACK"]).serialize()
        seen = b""
        with suppress(ConnectionError):
            while read := await self._reader.read(2**16):
                seen = (seen + read)[-2 * len(answer) - 2**16 :]
                if answer in seen:
                    return False
        return True

    def call(self, verb: str, path: str, *more: HeaderTuple, ends: bool = True) -> HeadersFrame:
        """The HEADERS of a new call."""
        self._stream += 2
        pseudo = {":method": verb, ":scheme": "http", ":path": path, ":authority": "edge"}
        fields = [NeverIndexedHeaderTuple(*field) for field in pseudo.items()]
        frame = HeadersFrame(self._stream, self._encoder.encode([*fields, *more]))
        frame.flags.add("END_HEADERS")
        if ends:
            frame.flags.add("END_STREAM")
        return frame


@asynccontextmanager
async def hostile(port: int, source: str, *settings: tuple[int, int]) -> AsyncIterator[Hostile]:
    """A connection to the edge, from that address of the loopback."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_BYTES)
        made.bind((source, 0))
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=made, limit=RECEIVED_BYTES)
        try:
            writer.write(PREFACE)
            connection = Hostile(reader, writer)
            await connection.send([SettingsFrame(0, dict(settings))])
            yield connection
        finally:
            writer.transport.abort()


async def rapid_reset(connection: Hostile, times: int) -> None:
    """Calls that are taken back at once (CVE-2023-44487)."""

    def frames() -> Iterable[Frame]:
        for _ in range(times):
            call = connection.call("GET", "/api/v1/products")
            yield call
            yield RstStreamFrame(call.stream_id, error_code=CANCEL)

    await connection.send(frames())


async def continuation_flood(connection: Hostile, times: int) -> None:
    """Headers that never end (CVE-2024-30255)."""
    call = connection.call("GET", "/api/v1/products")
    call.flags.discard("END_HEADERS")
    more = Encoder().encode([NeverIndexedHeaderTuple("x-more", "a" * 1000)])
    await connection.send([call])
    await connection.send(ContinuationFrame(call.stream_id, more) for _ in range(times))


async def empty_continuations(connection: Hostile, times: int) -> None:
    """Headers that never end, and have nothing in them."""
    call = connection.call("GET", "/api/v1/products")
    call.flags.discard("END_HEADERS")
    await connection.send([call])
    await connection.send(ContinuationFrame(call.stream_id) for _ in range(times))


async def header_bomb(connection: Hostile, times: int) -> None:
    """One large header, named in a byte as often as a frame has bytes (CVE-2016-6581)."""
    await connection.send([connection.call("GET", "/", HeaderTuple("x-bomb", "a" * 3900))])
    for _ in range(times):
        call = connection.call("GET", "/")
        call.data += NEWEST_ENTRY * (2**14 - len(call.data))
        if not await connection.send([call]):
            break


async def empty_data(connection: Hostile, times: int) -> None:
    """A body that never ends, and has nothing in it (CVE-2019-9518)."""
    call = connection.call("POST", "/api/v1/users", ends=False)
    await connection.send([call])
    await connection.send(DataFrame(call.stream_id) for _ in range(times))


async def settings_flood(connection: Hostile, times: int) -> None:
    """Settings whose acknowledgements nobody reads (CVE-2019-9515)."""
    await connection.send(SettingsFrame(0, {4: 2**16}) for _ in range(times))


async def ping_flood(connection: Hostile, times: int) -> None:
    """Pings whose answers nobody reads (CVE-2019-9512)."""
    await connection.send(PingFrame(0, opaque_data=b"12345678") for _ in range(times))


async def priority_flood(connection: Hostile, times: int) -> None:
    """Weights of streams that there are not (CVE-2019-9513)."""
    frames = (PriorityFrame(2 * n + 1, stream_weight=n % 255) for n in range(times))
    await connection.send(frames)


async def window_flood(connection: Hostile, times: int) -> None:
    """Windows that grow by a byte."""
    await connection.send(WindowUpdateFrame(0, window_increment=1) for _ in range(times))


@dataclass(frozen=True)
class Attack:
    """One way to mean harm."""

    run: Callable[[Hostile, int], Awaitable[object]]
    times: int  # so many, where fewer end the connection
    bound: str = ""  # what ends it, where that is a knob of its own

    def __str__(self) -> str:
        return self.run.__name__


ATTACKS = (
    Attack(rapid_reset, 1_000, "premature_reset_total_stream_count"),
    Attack(continuation_flood, 1_000),
    Attack(empty_continuations, 1_000),
    Attack(header_bomb, 1_000, "premature_reset_total_stream_count"),
    Attack(empty_data, 1_000, "max_consecutive_inbound_frames_with_empty_payload"),
    Attack(settings_flood, 100_000, "max_outbound_control_frames"),
    Attack(ping_flood, 100_000, "max_outbound_control_frames"),
    Attack(priority_flood, 10_000, "max_inbound_priority_frames_per_stream"),
    Attack(window_flood, 10_000),
)


async def attacked(port: int, attack: Attack, rounds: int) -> list[bool]:
    """Of each connection, whether the edge has ended it; each comes from an address of its own."""

    async def is_ended(source: str) -> bool:
        async with hostile(port, source) as connection:
            await attack.run(connection, attack.times)
            return await connection.is_ended()

    ended: list[bool] = []
    for n in range(rounds):
        sources = [f"127.1.{n % 250}.{n // 250 * AT_ONCE + k + 1}" for k in range(AT_ONCE)]
        ended += await asyncio.gather(*map(is_ended, sources))
    return ended


def main() -> None:
    """Attacks as the command line says."""
    port, name, rounds = sys.argv[1:]
    (attack,) = (each for each in ATTACKS if str(each) == name)
    print(json.dumps(asyncio.run(attacked(int(port), attack, int(rounds)))))


if __name__ == "__main__":
    main()
