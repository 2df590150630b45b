"""Frames of HTTP/2 (RFC 9113), as bytes."""

from enum import IntEnum
from struct import Struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES: Final = 9
FRAME_BYTES_MAX: Final = 16_384  # of what is behind the head, as long as nobody asks for more
WINDOW_BYTES: Final = 65_535  # as above
STREAM_MAX: Final = 2**31 - 1
END_STREAM, END_HEADERS, PADDED, PRIORITISED, ACKNOWLEDGES = 0x1, 0x4, 0x8, 0x20, 0x1
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = range(5)
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(5, 10)

_HEAD = Struct(">HBBBL")
_SETTING = Struct(">HL")
_WORD = Struct(">L")
_WORDS = Struct(">LL")


class ErrorCode(IntEnum):
    """Why a stream or a connection ends."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class Setting(IntEnum):
    """What a peer may set, of that which is looked at here."""

    HEADER_TABLE_SIZE = 1
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4


class BrokenConnectionError(Exception):
    """The peer does not keep to the protocol."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(f"{code.name}: {reason}")
        self.code = code


def head_of(data: bytes, at: int) -> tuple[int, int, int, int]:
    """Length of the payload, type, flags and stream of the frame whose head is there."""
    high, low, kind, flags, stream = _HEAD.unpack_from(data, at)
    return high << 8 | low, kind, flags, stream & STREAM_MAX


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Any frame."""
    size = len(payload)
    return _HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


def settings(values: dict[Setting, int]) -> bytes:
    """What the sender asks of its peer."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*each) for each in values.items()))


def settings_of(payload: bytes) -> dict[int, int]:
    """The settings in such a frame. Raises `BrokenConnectionError`."""
    if len(payload) % _SETTING.size:
        raise BrokenConnectionError(ErrorCode.FRAME_SIZE_ERROR, "settings")
    return dict(_SETTING.iter_unpack(payload))


def window_update(stream: int, size: int) -> bytes:
    """More may be sent: on that stream, or (0) on all together."""
    return frame(WINDOW_UPDATE, 0, stream, _WORD.pack(size))


def increment_of(payload: bytes) -> int:
    """How much more may be sent. Raises `BrokenConnectionError`."""
    if len(payload) != _WORD.size:
        raise BrokenConnectionError(ErrorCode.FRAME_SIZE_ERROR, "window update")
    (size,) = _WORD.unpack(payload)
    return int(size) & STREAM_MAX


def reset(stream: int, code: ErrorCode) -> bytes:
    """Ends a stream without an answer."""
    return frame(RST_STREAM, 0, stream, _WORD.pack(code))


def goaway(last_stream: int, code: ErrorCode = ErrorCode.NO_ERROR) -> bytes:
    """No stream after that one is answered."""
    return frame(GOAWAY, 0, 0, _WORDS.pack(last_stream, code))


def unpadded(flags: int, payload: bytes) -> bytes:
    """What a frame of data or headers holds, without padding and priority."""
    first, last = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise BrokenConnectionError(ErrorCode.FRAME_SIZE_ERROR, "padding")
        first, last = 1, last - payload[0]
    if flags & PRIORITISED:
        first += 5
    if first > last:
        raise BrokenConnectionError(ErrorCode.PROTOCOL_ERROR, "padding")
    return payload[first:last]
