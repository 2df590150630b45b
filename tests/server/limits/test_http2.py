"""How the limiter speaks HTTP/2: held against the client of the `h2` library."""

from collections.abc import Callable
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.limits import frames
from server.limits.frames import ErrorCode
from server.limits.header_blocks import ASKED_AS, HeaderBlocks
from server.limits.http2 import STREAMS_MAX, WINDOW_BYTES
from tests.server.limits.peer import ECHO, FAILING, HEADERS, Peer, framed


@pytest.fixture
async def peer() -> Peer:
    return Peer()


@pytest.mark.parametrize("size", [None, 1, 7, 4_096])
async def test_each_call_is_answered_however_it_arrives(peer: Peer, size: int | None) -> None:
    for _ in range(3):
        streams = {peer.ask(b"%d" % n, asked_as=f"call {n}"): b"%d" % n for n in range(50)}
        peer.exchange(size)
        for stream, message in streams.items():
            assert peer.headers[stream] == {
                ":status": "200",
                "content-type": "application/grpc",
                "grpc-status": "0",
            }
            assert peer.bodies[stream] == framed(message)


async def test_many_calls_are_answered_in_one_write(peer: Peer) -> None:
    peer.exchange()
    for n in range(30):
        peer.ask(b"%d" % n)
    before = peer.wire.writes
    peer.server.data_received(peer.http2.data_to_send())
    assert peer.wire.writes == before + 1


async def test_a_call_is_the_same_by_whatever_bytes_it_is_sent(peer: Peer) -> None:
    """Through a table that is kept or none, in Huffman's code or not, and by another connection."""
    for _ in range(3):
        peer.ask(b"", asked_as="e2c4a1fe-0001-4000-8000-000000000001")
        peer.exchange()
    ids = {asked_as for _, asked_as in peer.asked}
    assert len(ids) == 1
    name, value = ASKED_AS, b"e2c4a1fe-0001-4000-8000-000000000001"
    plain = b"".join(
        bytes([0] if each is name else []) + bytes([len(each)]) + each for each in (name, value)
    )
    path = bytes([0x04, len(ECHO)]) + ECHO.encode()
    assert HeaderBlocks().read(path + plain).asked_as in ids
    peer.ask(b"", asked_as="another")
    peer.ask(b"")
    peer.exchange()
    assert len({asked_as for _, asked_as in peer.asked}) == 3
    assert peer.asked[-1] == (b"", b"")


@given(st.lists(st.binary(max_size=60), max_size=8), st.binary(max_size=200))
def test_what_is_no_header_block_ends_in_an_error_or_a_reading(
    earlier: list[bytes], last: bytes
) -> None:
    blocks = HeaderBlocks()
    try:
        for each in (*earlier, last):
            blocks.read(each)
    except frames.BrokenConnectionError as error:
        assert error.code is ErrorCode.COMPRESSION_ERROR  # noqa: PT017 - or none is raised


async def test_answers_wait_for_the_room_that_the_peer_has(peer: Peer) -> None:
    peer.exchange()
    streams = [peer.ask(bytes(10_000)) for _ in range(6)]  # in the peer's window of 65,535
    peer.server.data_received(peer.http2.data_to_send())
    more = [peer.ask(b"small") for _ in range(3)]
    peer.http2.increment_flow_control_window(1)
    sent = peer.http2.data_to_send()
    peer.server.data_received(sent)
    assert peer.wire.written.count(bytes(10_000)) == 6
    streams += [peer.ask(bytes(10_000)), peer.ask(b"behind")]
    peer.server.data_received(peer.http2.data_to_send())
    assert peer.wire.written.count(bytes(10_000)) == 6
    peer.exchange()
    for stream in (*streams, *more):
        assert peer.status(stream) == "0"


async def test_a_connection_is_not_starved_by_what_it_has_received(peer: Peer) -> None:
    """Far beyond the first window, and beyond the wider one."""
    for _ in range(3 * WINDOW_BYTES // (100 * 15_000)):
        streams = [peer.ask(bytes(15_000)) for _ in range(4)]
        peer.exchange()
        assert {peer.status(stream) for stream in streams} == {"0"}


async def test_what_cannot_be_answered_is_refused(peer: Peer) -> None:
    refused = {
        peer.ask(b"", path="/test.Echo/Unknown"): "12",
        peer.ask(b"", body=b""): "12",
        peer.ask(b"", body=b"\0\0\0\0\x09short"): "12",
        peer.ask(b"", body=b"\1\0\0\0\0"): "12",  # compressed
        peer.ask(b"", path=FAILING): "14",
    }
    well = peer.ask(b"well")
    peer.exchange()
    assert {stream: peer.status(stream) for stream in refused} == refused
    assert peer.status(well) == "0"
    assert [message for message, _ in peer.asked] == [b"well"]


async def test_a_message_that_is_too_large_ends_its_call_alone(peer: Peer) -> None:
    peer.exchange()
    stream = peer.http2.get_next_available_stream_id()
    peer.http2.send_headers(stream, [HEADERS[0], (":path", ECHO), *HEADERS[1:]])
    for _ in range(3):
        peer.http2.send_data(stream, bytes(15_000))
    well = peer.ask(b"well")
    peer.exchange()
    (reset,) = peer.told(h2.events.StreamReset)
    assert (reset.stream_id, reset.error_code) == (stream, ErrorCode.ENHANCE_YOUR_CALM)
    assert peer.status(well) == "0"


async def test_a_caller_that_leaves_harms_nobody_else(peer: Peer) -> None:
    """Before its body came, and when it is answered in the same breath."""
    peer.exchange()
    early = peer.http2.get_next_available_stream_id()
    peer.http2.send_headers(early, [HEADERS[0], (":path", ECHO), *HEADERS[1:]])
    peer.http2.reset_stream(early)
    late = peer.ask(b"late")
    peer.http2.reset_stream(late)
    well = peer.ask(b"well")
    peer.exchange()
    assert peer.status(well) == "0"
    assert not peer.wire.is_closed
    assert [message for message, _ in peer.asked] == [b"late", b"well"]


async def test_more_calls_than_are_allowed_are_to_be_sent_elsewhere(peer: Peer) -> None:
    peer.exchange()
    assert peer.http2.remote_settings.max_concurrent_streams == STREAMS_MAX
    peer.http2.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = STREAMS_MAX + 9
    peer.http2.remote_settings.acknowledge()
    for _ in range(STREAMS_MAX + 2):
        stream = peer.http2.get_next_available_stream_id()
        peer.http2.send_headers(stream, [HEADERS[0], (":path", ECHO), *HEADERS[1:]])
    peer.exchange()
    refused = peer.told(h2.events.StreamReset)
    assert [each.error_code for each in refused] == [ErrorCode.REFUSED_STREAM] * 2


async def test_long_headers_come_in_parts(peer: Peer) -> None:
    stream = peer.http2.get_next_available_stream_id()
    long = [(f"x-{n}", "a" * 1_000) for n in range(30)]
    peer.http2.send_headers(stream, [HEADERS[0], (":path", ECHO), *HEADERS[1:], *long])
    peer.http2.send_data(stream, framed(b"a"), end_stream=True)
    peer.exchange()
    (ended,) = peer.told(h2.events.ConnectionTerminated) or [None]
    assert ended is None or ended.error_code == ErrorCode.ENHANCE_YOUR_CALM


async def test_pings_are_answered_and_a_drained_connection_goes_on(peer: Peer) -> None:
    peer.http2.ping(b"12345678")
    peer.exchange()
    assert peer.told(h2.events.PingAckReceived)
    under_way = peer.ask(b"under way")
    peer.server.drain()
    peer.server.data_received(peer.http2.data_to_send())
    assert frames.goaway(frames.STREAM_MAX) in peer.wire.written
    answer = peer.wire.written.split(frames.goaway(frames.STREAM_MAX))[1]
    assert b"under way" in answer
    assert under_way
    was_closed: bool = peer.wire.is_closed
    assert not was_closed
    peer.server.close()
    assert peer.wire.is_closed
    peer.server.connection_lost(None)
    assert peer.server.closed.done()
    assert not peer.connections


async def test_who_does_not_read_is_not_read_from(peer: Peer) -> None:
    peer.server.pause_writing()
    assert peer.wire.is_paused
    peer.server.resume_writing()
    paused: bool = peer.wire.is_paused
    assert not paused


def a_frame(*args: Any) -> Callable[[Peer], bytes]:
    return lambda _: frames.frame(*args)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (a_frame(frames.HEADERS, frames.END_HEADERS, 2, b"\x84"), ErrorCode.PROTOCOL_ERROR),
        (a_frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff"), ErrorCode.COMPRESSION_ERROR),
        (a_frame(frames.HEADERS, frames.PADDED, 1, b"\x09a"), ErrorCode.PROTOCOL_ERROR),
        (a_frame(frames.HEADERS, frames.PADDED, 1), ErrorCode.FRAME_SIZE_ERROR),
        (a_frame(frames.CONTINUATION, 0, 1, b""), ErrorCode.PROTOCOL_ERROR),
        (a_frame(frames.PUSH_PROMISE, 0, 1, b""), ErrorCode.PROTOCOL_ERROR),
        (a_frame(frames.SETTINGS, 0, 0, b"12345"), ErrorCode.FRAME_SIZE_ERROR),
        (a_frame(frames.WINDOW_UPDATE, 0, 0, b"1"), ErrorCode.FRAME_SIZE_ERROR),
        (a_frame(frames.DATA, 0, 1, bytes(16_385)), ErrorCode.FRAME_SIZE_ERROR),
        (
            lambda _: (
                frames.frame(frames.HEADERS, 0, 1) + frames.frame(frames.PING, 0, 0, bytes(8))
            ),
            ErrorCode.PROTOCOL_ERROR,
        ),
        (
            lambda _: (
                frames.frame(frames.HEADERS, 0, 1)
                + frames.frame(frames.CONTINUATION, 0, 1, bytes(16_000)) * 2
            ),
            ErrorCode.ENHANCE_YOUR_CALM,
        ),
    ],
)
async def test_who_breaks_the_protocol_is_told_and_left(
    sent: Callable[[Peer], bytes], code: ErrorCode
) -> None:
    peer = Peer()
    peer.exchange()
    peer.server.data_received(sent(peer))
    assert peer.wire.is_closed
    assert int.from_bytes(peer.wire.written[-4:]) == code
    peer.server.data_received(b"more")
    assert not peer.asked


async def test_what_is_no_http2_is_left() -> None:
    peer = Peer()
    peer.server.data_received(b"GET / HTTP/1.1\r\n\r\n")
    assert peer.wire.is_closed
