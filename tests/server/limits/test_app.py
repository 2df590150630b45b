"""A process of the limiter, asked by the client of `grpc` instead of by Envoy."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
import pytest_asyncio

from server.kit.check import is_serving
from server.limits.app import SHOULD_RATE_LIMIT, main
from server.limits.header_blocks import ASKED_AS
from server.limits.rls_pb2 import Descriptor, Entry, RateLimitRequest, RateLimitResponse
from server.local.engines.limiter import HOST, Limiter
from server.local.home.ports import free_ports

CLASSES = Path(__file__).parents[3] / "envoy" / "generated" / "limits.yaml"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def port(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    folder = tmp_path_factory.mktemp("limits")
    (port,) = free_ports(1)
    limiter = Limiter(
        "limits",
        port=port,
        classes=CLASSES,
        store=folder / "counts",
        log_file=folder / "limits.log",
    )
    await limiter.start()
    yield port
    await limiter.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def channel(port: int) -> AsyncIterator[grpc.aio.Channel]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"{HOST}:{port}", options=options) as opened:
        yield opened


async def ask(
    channel: grpc.aio.Channel, *names: tuple[str, str], asked_as: str = "", domain: str = "emporium"
) -> RateLimitResponse:
    entries = [Entry(key=key, value=value) for key, value in names]
    request = RateLimitRequest(domain=domain, descriptors=[Descriptor(entries=entries)])
    call = channel.unary_unary(
        SHOULD_RATE_LIMIT,
        request_serializer=RateLimitRequest.SerializeToString,
        response_deserializer=RateLimitResponse.FromString,
    )
    metadata = [(ASKED_AS.decode(), asked_as)] if asked_as else []
    response: RateLimitResponse = await call(request, metadata=metadata, timeout=5)
    return response


async def test_it_says_that_it_is_serving(port: int) -> None:
    assert await asyncio.to_thread(is_serving, "limits", port)


async def test_it_counts_and_says_what_is_left(channel: grpc.aio.Channel) -> None:
    subject = str(uuid.uuid4())
    for left in range(99, -1, -1):
        response = await ask(channel, ("role", "CUSTOMER"), ("subject", subject))
        assert response.overall_code == RateLimitResponse.OK
        told = {each.key: each.value for each in response.response_headers_to_add}
        assert told["x-ratelimit-remaining"] == str(left)
    response = await ask(channel, ("role", "CUSTOMER"), ("subject", subject))
    assert response.overall_code == RateLimitResponse.OVER_LIMIT
    assert {each.key for each in response.response_headers_to_add} >= {"retry-after"}


async def test_who_asks_again_as_the_same_counts_once(channel: grpc.aio.Channel) -> None:
    subject, asked_as = str(uuid.uuid4()), str(uuid.uuid4())
    for _ in range(3):
        response = await ask(channel, ("role", "CUSTOMER"), ("subject", subject), asked_as=asked_as)
        told = {each.key: each.value for each in response.response_headers_to_add}
        assert told["x-ratelimit-remaining"] == "99"


async def test_what_it_has_no_limit_for_is_refused(channel: grpc.aio.Channel) -> None:
    for names, domain in (
        ([("tea", "green")], "emporium"),
        ([("role", "CUSTOMER"), ("tea", "green")], "emporium"),
        ([("limit", "tea"), ("masked_remote_address", "127.0.0.1/32")], "emporium"),
        ([("role", "CUSTOMER"), ("subject", "a")], "elsewhere"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(channel, *names, domain=domain)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("classes", "missing"),
    [
        ("domain: emporium\n", "descriptors"),
        ("domain: a\ndescriptors: [{key: b, rate_limit: {name: c, unit: minute}}]", "requests_per"),
        (
            """domain: a
descriptors: [{key: b, rate_limit: {name: c, unit: minute, requests_per_unit: 0}}]""",
            "at least 1",
        ),
    ],
)
def test_it_says_why_it_does_not_start(
    classes: str, missing: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "limits.yaml").write_text(classes)
    arguments = [f"--classes={tmp_path}/limits.yaml", f"--store={tmp_path}", "--port=1"]
    assert main(arguments) == 1
    assert missing in caplog.text
