"""What arrives of a body while the limiters are asked is held, and afterwards the rest is read."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.envoy.conftest import Edge, edge_before, error_of, signed
from tests.envoy.upstream import Upstream

MEGABYTE = 2**20
CHUNK = 2**16
RECEIVED = "http.edge.downstream_cx_rx_bytes_total"


@asynccontextmanager
async def patient_edge(folder: Path, held_max: int | None = None) -> AsyncIterator[Edge]:
    """An edge that waits long for its limiters, and holds so much of a request meanwhile."""

    def patient(config: dict[str, Any]) -> None:
        listener = config["static_resources"]["listeners"][0]
        if held_max is not None:
            listener["per_connection_buffer_limit_bytes"] = held_max
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        limits = next(each for each in manager["http_filters"] if each["name"] == "limits")
        limits["typed_config"]["timeout"] = "60s"
        service = limits["typed_config"]["rate_limit_service"]["grpc_service"]
        service["retry_policy"]["retry_back_off"]["max_interval"] = "60s"

    async with Upstream() as upstream:
        await upstream.serving(True)
        async with edge_before(upstream, folder, changed=patient) as running:
            yield running


async def sent_while_asked(
    running: Edge, body: bytes, *, http2: bool = False, timeout: float = 30
) -> tuple[httpx.Response, int]:
    """The answer to a body of unknown length that is sent while no limiter answers.

    With it, how many bytes the edge had taken by then.
    """

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), CHUNK):
            yield body[start : start + CHUNK]

    for each in running.limiters:
        each.child.send(signal.SIGSTOP)
    async with running.rest(signed(), http2=http2) as client:
        call = client.post("/api/v1/users", content=chunks(), timeout=timeout)
        sending = asyncio.create_task(call)
        held = await settled(running)
        for each in running.limiters:
            each.child.send(signal.SIGCONT)
        return await sending, held


async def settled(running: Edge) -> int:
    """How many bytes the edge has received when it receives no more."""
    before, now = 0, await running.stat(RECEIVED)
    async with asyncio.timeout(30):
        while now < CHUNK or now != before:
            await asyncio.sleep(0.05)
            before, now = now, await running.stat(RECEIVED)
    return now


@pytest.mark.parametrize("http2", [False, True])
async def test_little_is_held_and_then_all_is_read(http2: bool, tmp_path: Path) -> None:
    frame = len(json.dumps({"full_name": ""}))
    fits = json.dumps({"full_name": "a" * (MEGABYTE - frame)}).encode()
    async with patient_edge(tmp_path) as running:
        answer, held = await sent_while_asked(running, fits, http2=http2)
        assert answer.status_code == 200, answer.text
        assert held < MEGABYTE / 2


async def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    """By HTTP/1.1: an HTTP/2 client is told while it sends, and httpx takes that for a fault."""
    async with patient_edge(tmp_path) as running:
        answer, _ = await sent_while_asked(running, b"a" * (MEGABYTE + CHUNK))
        error_of(answer, 413, "BODY_TOO_LARGE")
        assert not running.upstream.calls


async def test_an_edge_that_holds_more_than_a_body_may_have_never_answers(tmp_path: Path) -> None:
    """So the listener's small limit is what the tests above hold."""
    async with patient_edge(tmp_path, held_max=2 * MEGABYTE) as running:
        with pytest.raises(httpx.ReadTimeout):
            await sent_while_asked(running, b"a" * 4 * MEGABYTE, timeout=3)
