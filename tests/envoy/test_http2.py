"""REST over HTTP/2, frame by frame: what httpx does not show."""

import asyncio

import h2.config
import h2.connection
import h2.events
import pytest
from google.protobuf.empty_pb2 import Empty

from emporium.user.v1.user_service_pb2 import User
from tests.campaign.http2 import Request, connected
from tests.envoy.conftest import Edge, signed
from tests.envoy.upstream import always


async def events_of(port: int, verb: str, path: str, **headers: str) -> list[h2.events.Event]:
    """Everything that the edge answers to one call without a body, up to the end of the stream."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    pseudo = [(":method", verb), (":path", path), (":scheme", "http"), (":authority", "edge")]
    connection.send_headers(1, pseudo + named, end_stream=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found: list[h2.events.Event] = []
    ends = (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)
    async with asyncio.timeout(5):
        while not any(isinstance(event, ends) for event in found):
            writer.write(connection.data_to_send())
            found += connection.receive_data(await reader.read(65536))
    writer.close()
    return found


@pytest.mark.parametrize(
    ("verb", "if_none_match", "status"),
    [("GET", "other", b"200"), ("GET", '"v1"', b"304"), ("DELETE", "other", b"204")],
)
async def test_no_answer_shows_grpc_s_trailers(
    verb: str, if_none_match: str, status: bytes, running: Edge
) -> None:
    user = User(id="1", full_name="a" * 2000, etag="v1")
    running.upstream.answers["GetUser"] = always(user)
    running.upstream.answers["DeleteUser"] = always(Empty(), x_http_status="204")
    events = await events_of(
        running.port,
        verb,
        "/api/v1/users/1",
        authorization=f"Bearer {signed()}",
        accept_encoding="gzip, br",
        if_none_match=if_none_match,
    )
    kinds = [type(event) for event in events]
    assert h2.events.StreamEnded in kinds
    assert h2.events.TrailersReceived not in kinds
    assert h2.events.StreamReset not in kinds
    answer = next(event for event in events if isinstance(event, h2.events.ResponseReceived))
    assert answer.headers is not None
    assert dict(answer.headers)[b":status"] == status
    content = b"".join(event.data for event in events if isinstance(event, h2.events.DataReceived))
    assert bool(content) is (status == b"200")


async def test_bodies_that_arrive_together_are_not_taken_for_headers(running: Edge) -> None:
    """Also where a call has to wait for its turn, while its body arrives."""
    headers = [("authorization", f"Bearer {signed()}"), ("content-type", "application/json")]
    body = b'{"full_name": "%s"}' % (b"a" * 12_000)
    connection = await connected(running.port)
    calls = [connection.call(Request("PATCH", "/api/v1/users/1", headers, body)) for _ in range(20)]
    assert {answer.outcome for answer in await asyncio.gather(*calls)} == {"200"}
    connection.close()
