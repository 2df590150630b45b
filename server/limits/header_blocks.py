"""Header blocks of HTTP/2 (RFC 7541): of each call, the path and the id under which it is asked.

The peer is told to keep no table, so that every block can be read by itself: fields that are known
are compared as the bytes that they were sent as, and nothing is decoded. What cannot be read so,
such as the first blocks of a connection, is left to `hpack`.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hpack import Decoder, Encoder, HPACKError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from server.limits.frames import BrokenConnectionError, ErrorCode

ASKED_AS = b"x-asked-as"
BLOCK_BYTES_MAX = 16_384
_STATIC_MAX = 61
_LITERAL, _INCREMENTAL, _RESIZES, _INDEXED = 0x0F, 0x40, 0x20, 0x80
_HUFFMAN, _LENGTH_MAX = 0x80, 0x7E
_huffman = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


class Asked(NamedTuple):
    """What a header block says: both as strings of HPACK, in Huffman's code."""

    path: bytes
    asked_as: bytes


class Unread(Exception):
    """This block needs a decoder."""


def string(text: bytes) -> bytes:
    """`text`, of 126 bytes at most, as a string of HPACK in Huffman's code."""
    coded: bytes = _huffman.encode(text)
    return bytes([_HUFFMAN | len(coded)]) + coded


def block(headers: Iterable[tuple[str, str]]) -> bytes:
    """Such headers as a block that no table is needed to read."""
    encoder = Encoder()
    encoder.header_table_size = 0
    encoder.encode([])  # says so, once
    coded: bytes = encoder.encode(headers)
    return coded


def _spelled(name: bytes) -> tuple[bytes, bytes]:
    return string(name), bytes([len(name)]) + name


_PATH = (4, 5, *_spelled(b":path"))  # also by its places in the static table
_ASKED_AS = _spelled(ASKED_AS)


class HeaderBlocks:
    """Reads the header blocks of one connection, each once and in their order."""

    def __init__(self) -> None:
        self._decoder = Decoder(BLOCK_BYTES_MAX)
        self._beginning: bytes | None = None  # up to the id, of the last block that was read
        self._path = b""

    def read(self, coded: bytes) -> Asked:
        """Raises `BrokenConnectionError` for what is no block."""
        if self._beginning is not None and coded.startswith(self._beginning):
            end = coded[len(self._beginning) :]
            if end and len(end) == 1 + (end[0] & ~_HUFFMAN) and end[0] & _HUFFMAN:
                return Asked(self._path, end)
        try:
            return self._scanned(coded)
        except (Unread, IndexError):
            return self._decoded(coded)

    def _scanned(self, coded: bytes) -> Asked:
        keeps_table = bool(self._decoder.header_table_size)
        path, asked_as = b"", b""
        for name, value, value_at in _fields(coded, keeps_table=keeps_table):
            if name in _PATH:
                path = value
            elif name in _ASKED_AS:
                asked_as = value
                if value_at + len(value) == len(coded) and not keeps_table:
                    self._beginning, self._path = coded[:value_at], _in_code(path)
        return Asked(_in_code(path), _in_code(asked_as))

    def _decoded(self, coded: bytes) -> Asked:
        try:
            fields = dict(self._decoder.decode(coded, raw=True))
        except HPACKError as error:
            raise BrokenConnectionError(ErrorCode.COMPRESSION_ERROR, repr(error)) from error
        self._beginning = None
        path, asked_as = fields.get(b":path", b""), fields.get(ASKED_AS, b"")
        return Asked(*(string(each[:_LENGTH_MAX]) if each else b"" for each in (path, asked_as)))


def _fields(coded: bytes, *, keeps_table: bool) -> Iterator[tuple[int | bytes, bytes, int]]:
    """Name (its index, or its bytes) and value of each field, and where the value stands."""
    at = 0
    while at < len(coded):
        first = coded[at]
        at += 1
        if first & _INDEXED:
            if first & ~_INDEXED > _STATIC_MAX or first == _INDEXED:
                raise Unread
            continue
        if first & _INCREMENTAL:
            if keeps_table:
                raise Unread
            index = first & ~_INCREMENTAL
        elif first & _RESIZES:
            raise Unread
        else:
            index = first & _LITERAL
            if index == _LITERAL:
                index += coded[at]
                at += 1
        if index > _STATIC_MAX:
            raise Unread
        name: int | bytes = index
        if not index:
            name = _string_at(coded, at)
            at += len(name)
        value = _string_at(coded, at)
        yield name, value, at
        at += len(value)


def _string_at(coded: bytes, at: int) -> bytes:
    length = coded[at] & ~_HUFFMAN
    found = coded[at : at + 1 + length]
    if length > _LENGTH_MAX or len(found) <= length:
        raise Unread
    return found


def _in_code(found: bytes) -> bytes:
    """The same string in Huffman's code."""
    return found if not found or found[0] & _HUFFMAN else string(found[1:])
