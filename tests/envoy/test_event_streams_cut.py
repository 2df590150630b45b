"""A stream that ends before its end can be gone on with, and the reader knows."""

from pathlib import Path

import httpx
import pytest
from google.api.httpbody_pb2 import HttpBody

from server.kit import auth
from tests.bench.http2 import framed
from tests.envoy.conftest import KEY, edge_before
from tests.envoy.cutting import Cutting
from tests.envoy.more_rpcs import source_with
from tests.envoy.test_upstreams import ready
from tests.envoy.ticking import PROTO, ticking, watching
from tests.server.kit.changing import Changing


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source_with(PROTO, tmp_path_factory.mktemp("ticks"))


@pytest.mark.parametrize("http2", [False, True], ids=["http/1.1", "http/2"])
async def test_a_service_that_dies_cuts_the_stream(
    source: Path, tmp_path: Path, http2: bool
) -> None:
    """So a reader knows that it is not the end, and goes on at another one."""
    event = HttpBody(content_type="text/event-stream", data=b"id: 1\ndata: {}\n\n")
    async with (
        Cutting(framed(event.SerializeToString())) as dying,
        edge_before(dying, tmp_path, source=source) as edge,
        edge.rest(http2=http2) as client,
    ):
        await ready(client, 200)
        async with watching(client, headers={"x-request-id": "cut"}) as (answer, sent):
            assert answer.status_code == 200
            assert (await anext(sent)).id == "1"
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(sent)
        assert (await edge.logged("cut"))["reason"] == "UNAVAILABLE"


async def test_a_service_that_stops_ends_the_stream_to_be_gone_on_with(
    source: Path, tmp_path: Path
) -> None:
    async with (
        ticking(Changing(auth.Verifier(auth.jwks([KEY])))) as service,
        edge_before(service, tmp_path, source=source) as edge,
        edge.rest() as client,
    ):
        await service.ticks.become(last=1)
        async with watching(client) as (_, sent):
            assert (await anext(sent)).id == "1"
            service.streams.close()
            assert [event async for event in sent] == []
