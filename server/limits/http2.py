"""Unary gRPC over HTTP/2 for one peer, the edge, on the event loop.

Every call is answered the moment it has arrived: there is nothing to schedule, to cancel or to time
out, and what many calls are told goes out in one write. It costs a tenth of what the `h2` library
does, whose every event passes two state machines (docs/decisions/21-limits.md).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from struct import Struct
from typing import cast

from server.limits import frames
from server.limits.frames import BrokenConnectionError, ErrorCode, Setting, frame
from server.limits.header_blocks import BLOCK_BYTES_MAX, HeaderBlocks, block, string

UNIMPLEMENTED = 12
MESSAGE_BYTES_MAX = 16_384  # far less than a stream's window, which therefore needs no updates
STREAMS_MAX = 4_096  # as many as the edge has calls under way
WINDOW_BYTES = 1 << 24  # what the peer may send before it must be told that more may come
MESSAGE = Struct(">BL")  # whether it is compressed; its length
HEADERS = block([(":status", "200"), ("content-type", "application/grpc")])
TRAILERS = block([("grpc-status", "0")])

log = logging.getLogger(__name__)

# Message and id in (see `store.Store.ask`); status and message out.
Handler = Callable[[bytes, bytes], tuple[int, bytes]]


class Call:
    """One that has not arrived whole."""

    def __init__(self, handler: Handler | None, asked_as: bytes) -> None:
        self.handler = handler
        self.asked_as = asked_as
        self.body = b""


class Connection(asyncio.Protocol):
    """Answers the calls of one connection by `handlers`, which are found by their path."""

    def __init__(self, handlers: Mapping[str, Handler], among: set["Connection"]) -> None:
        self._handlers = {string(path.encode()): each for path, each in handlers.items()}
        self._among = among  # the open ones
        self.closed = asyncio.get_running_loop().create_future()
        self._unread = b""
        self._has_begun = False
        self._headers = HeaderBlocks()
        self._block: tuple[int, int, bytes] | None = None  # stream, flags and what has come of it
        self._calls: dict[int, Call] = {}
        self._last_stream = 0
        self._unacknowledged = 0
        self._room = frames.WINDOW_BYTES  # what the peer takes now, of all answers
        self._room_of_one = frames.WINDOW_BYTES
        self._waiting: deque[tuple[int, bytes]] = deque()  # for room; size and frames
        self._out: list[bytes] = []
        self._takes = {
            frames.DATA: self._take_data,
            frames.HEADERS: self._take_headers,
            frames.RST_STREAM: self._take_reset,
            frames.SETTINGS: self._take_settings,
            frames.PUSH_PROMISE: self._take_odd,
            frames.PING: self._take_ping,
            frames.WINDOW_UPDATE: self._take_window_update,
            frames.CONTINUATION: self._take_odd,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Says what the peer may send."""
        self._transport = cast(asyncio.Transport, transport)
        self._among.add(self)
        self._out += (
            frames.settings(
                {Setting.HEADER_TABLE_SIZE: 0, Setting.MAX_CONCURRENT_STREAMS: STREAMS_MAX}
            ),
            frames.window_update(0, WINDOW_BYTES),
        )
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets calls that had not arrived yet; nothing was counted for them."""
        self._among.discard(self)
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The peer does not read: it is asked nothing more, so that little waits for it."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The peer has read."""
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Answers every call that is whole with this `data`."""
        if self._transport.is_closing():
            return
        data = self._unread + data if self._unread else data
        try:
            self._unread = data[self._take_all(data) :]
        except BrokenConnectionError as error:
            log.error("closes a connection: %s", error)  # noqa: TRY400 - it says it all
            self._out.append(frames.goaway(self._last_stream, error.code))
            self._transport.write(b"".join(self._out))
            self._transport.close()
            return
        self._flush()

    def drain(self) -> None:
        """Tells the peer to ask elsewhere, and answers what it has asked until it leaves."""
        self._out.append(frames.goaway(frames.STREAM_MAX))
        self._flush()

    def close(self) -> None:
        """Ends it when all is sent."""
        self._out.append(frames.goaway(self._last_stream))
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _take_all(self, data: bytes) -> int:
        """Takes every whole frame, and returns where the first that is not whole begins."""
        at, end = 0, len(data)
        if not self._has_begun:
            if not frames.PREFACE.startswith(data[: len(frames.PREFACE)]):
                raise BrokenConnectionError(ErrorCode.PROTOCOL_ERROR, "no HTTP/2")
            if end < len(frames.PREFACE):
                return 0
            self._has_begun, at = True, len(frames.PREFACE)
        while end - at >= frames.HEAD_BYTES:
            size, kind, flags, stream = frames.head_of(data, at)
            if size > frames.FRAME_BYTES_MAX:
                raise BrokenConnectionError(ErrorCode.FRAME_SIZE_ERROR, f"{size} bytes")
            first = at + frames.HEAD_BYTES
            if end - first < size:
                break
            at = first + size
            payload = data[first:at]
            if self._block:
                self._continue_headers(kind, flags, stream, payload)
            elif take := self._takes.get(kind):
                take(flags, stream, payload)
        return at

    def _take_headers(self, flags: int, stream: int, payload: bytes) -> None:
        payload = frames.unpadded(flags, payload)
        if not flags & frames.END_HEADERS:
            self._block = stream, flags, payload
            return
        asked = self._headers.read(payload)
        if stream in self._calls:  # trailers
            if flags & frames.END_STREAM:
                self._answer(stream, self._calls.pop(stream))
            return
        if not stream % 2 or stream <= self._last_stream:
            raise BrokenConnectionError(ErrorCode.PROTOCOL_ERROR, f"stream {stream}")
        self._last_stream = stream
        call = Call(self._handlers.get(asked.path), asked.asked_as)
        if len(self._calls) + len(self._waiting) >= STREAMS_MAX:
            self._out.append(frames.reset(stream, ErrorCode.REFUSED_STREAM))
        elif flags & frames.END_STREAM:
            self._answer(stream, call)
        else:
            self._calls[stream] = call

    def _continue_headers(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        assert self._block
        begun, its_flags, so_far = self._block
        if kind != frames.CONTINUATION or stream != begun:
            raise BrokenConnectionError(ErrorCode.PROTOCOL_ERROR, "headers are cut off")
        whole = so_far + payload
        if len(whole) > BLOCK_BYTES_MAX:
            raise BrokenConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "headers without an end")
        self._block = None
        end = flags & frames.END_HEADERS
        self._take_headers(its_flags & frames.END_STREAM | end, stream, whole)

    def _take_data(self, flags: int, stream: int, payload: bytes) -> None:
        self._unacknowledged += len(payload)
        if self._unacknowledged >= WINDOW_BYTES // 2:
            self._out.append(frames.window_update(0, self._unacknowledged))
            self._unacknowledged = 0
        call = self._calls.get(stream)
        if not call:  # reset meanwhile
            return
        call.body += frames.unpadded(flags & ~frames.PRIORITISED, payload)
        if len(call.body) > MESSAGE.size + MESSAGE_BYTES_MAX:
            del self._calls[stream]
            self._out.append(frames.reset(stream, ErrorCode.ENHANCE_YOUR_CALM))
        elif flags & frames.END_STREAM:
            del self._calls[stream]
            self._answer(stream, call)

    def _take_reset(self, flags: int, stream: int, payload: bytes) -> None:
        del flags, payload
        self._calls.pop(stream, None)

    def _take_settings(self, flags: int, stream: int, payload: bytes) -> None:
        del stream
        if flags & frames.ACKNOWLEDGES:
            return
        chosen = frames.settings_of(payload)
        self._room_of_one = chosen.get(Setting.INITIAL_WINDOW_SIZE, self._room_of_one)
        self._out.append(frame(frames.SETTINGS, frames.ACKNOWLEDGES, 0))

    def _take_ping(self, flags: int, stream: int, payload: bytes) -> None:
        if not flags & frames.ACKNOWLEDGES:
            self._out.append(frame(frames.PING, frames.ACKNOWLEDGES, stream, payload))

    def _take_window_update(self, flags: int, stream: int, payload: bytes) -> None:
        del flags
        if stream:  # an answer is far smaller than a stream's window
            return
        self._room += frames.increment_of(payload)
        while self._waiting and self._waiting[0][0] <= self._room:
            size, answer = self._waiting.popleft()
            self._room -= size
            self._out.append(answer)

    def _take_odd(self, flags: int, stream: int, payload: bytes) -> None:
        del flags, payload
        raise BrokenConnectionError(ErrorCode.PROTOCOL_ERROR, f"a frame of stream {stream}")

    def _answer(self, stream: int, call: Call) -> None:
        message = _message(call.body)
        if not call.handler or message is None:
            return self._refuse(stream, UNIMPLEMENTED)
        status, answer = call.handler(message, call.asked_as)
        if status:
            return self._refuse(stream, status)
        size = MESSAGE.size + len(answer)
        if size > self._room_of_one:
            self._out.append(frames.reset(stream, ErrorCode.FLOW_CONTROL_ERROR))
            return None
        whole = (
            frame(frames.HEADERS, frames.END_HEADERS, stream, HEADERS)
            + frame(frames.DATA, 0, stream, MESSAGE.pack(0, len(answer)) + answer)
            + frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, stream, TRAILERS)
        )
        if self._waiting or size > self._room:
            self._waiting.append((size, whole))
        else:
            self._room -= size
            self._out.append(whole)
        return None

    def _refuse(self, stream: int, status: int) -> None:
        headers = HEADERS + block([("grpc-status", str(status))])
        ends = frames.END_HEADERS | frames.END_STREAM
        self._out.append(frame(frames.HEADERS, ends, stream, headers))


def _message(body: bytes) -> bytes | None:
    """The one message of a call."""
    if len(body) < MESSAGE.size:
        return None
    compressed, length = MESSAGE.unpack_from(body)
    return None if compressed or length != len(body) - MESSAGE.size else body[MESSAGE.size :]
