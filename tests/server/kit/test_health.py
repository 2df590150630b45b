"""Readiness follows what the service stands on."""

import asyncio
import errno
from collections.abc import AsyncGenerator

import grpc
import pytest
from grpc_health.v1 import health_pb2

from server.kit import health
from server.kit.health import Health, Probe
from tests.server.kit.conftest import Lines

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NAMES = ("", "ping.v1.PingService")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PROBE_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(health, "_PROBE_TIMEOUT_SECONDS", 0.05)


class Database:
    """Something that can be away."""

    def __init__(self) -> None:
        self.away: BaseException | None = None
        self.hangs = False
        self.deaf = False

    async def probe(self) -> None:
        if self.hangs:
            await self._hang()
        if self.away:
            raise self.away

    async def _hang(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self.deaf:  # as asyncpg is, when its server has been stopped
                await asyncio.shield(asyncio.sleep(0.3))
            raise


async def statuses(asked: Health) -> dict[str, int]:
    """What the servicer answers for each name, over gRPC."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    asked.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answers = {
            name: (await check(health_pb2.HealthCheckRequest(service=name))).status
            for name in NAMES
        }
    await server.stop(0)
    return answers


def made(**probes: Probe) -> Health:
    return Health(NAMES[1:], probes)


async def test_everything_there_is_serving_for_each_name(lines: Lines) -> None:
    asked = made(postgres=Database().probe)
    async with asked.following():
        assert await statuses(asked) == dict.fromkeys(NAMES, SERVING)
    assert [line["status"] for line in lines] == ["SERVING"]


async def test_a_service_without_probes_is_ready() -> None:
    asked = made()
    async with asked.following():
        assert await statuses(asked) == dict.fromkeys(NAMES, SERVING)


async def watch(asked: Health, name: str = "") -> AsyncGenerator[int, None]:
    """The status of `name` as it changes."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    asked.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        watching = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )(health_pb2.HealthCheckRequest(service=name))
        async for answer in watching:
            yield answer.status
    await server.stop(0)


async def test_one_that_goes_away_and_comes_back_is_followed(lines: Lines) -> None:
    database, other = Database(), Database()
    asked = made(postgres=database.probe, mongo=other.probe)
    async with asyncio.timeout(10), asked.following():
        seen = watch(asked)
        assert await anext(seen) == SERVING
        database.away = ConnectionRefusedError(errno.ECONNREFUSED, "at 10.0.0.1")
        assert await anext(seen) == NOT_SERVING
        database.away = None
        assert await anext(seen) == SERVING
        await seen.aclose()
    assert lines[1]["away"] == {"postgres": "Connection refused"}


async def test_one_that_watches_hears_of_it_after_another_has_left() -> None:
    database = Database()
    asked = made(postgres=database.probe)
    async with asyncio.timeout(10), asked.following():
        leaving, staying = watch(asked), watch(asked)
        assert [await anext(leaving), await anext(staying)] == [SERVING, SERVING]
        await leaving.aclose()
        database.away = OSError("connection refused")
        assert await anext(staying) == NOT_SERVING
        await staying.aclose()


async def test_a_watch_ends_when_the_servicer_is_closed() -> None:
    asked = made()
    async with asyncio.timeout(10), asked.following():
        seen = watch(asked)
        assert await anext(seen) == SERVING
        asked.servicer.close()
        assert [status async for status in seen] == []


async def test_a_name_that_is_not_served_is_unknown() -> None:
    asked = made()
    async with asyncio.timeout(10), asked.following():
        seen = watch(asked, "ping.v1.PongService")
        assert await anext(seen) == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        await seen.aclose()


async def test_before_the_first_probe_nothing_is_ready() -> None:
    assert await statuses(made()) == dict.fromkeys(NAMES, NOT_SERVING)


@pytest.mark.parametrize("deaf", [False, True])
async def test_one_that_hangs_counts_as_away_even_if_it_does_not_hear_of_it(deaf: bool) -> None:
    database = Database()
    asked = made(postgres=database.probe)
    async with asyncio.timeout(10), asked.following():
        seen = watch(asked)
        assert await anext(seen) == SERVING
        database.deaf = deaf
        database.hangs = True
        assert await anext(seen) == NOT_SERVING
        database.hangs = False
        assert await anext(seen) == SERVING
        await seen.aclose()


async def test_what_stays_away_is_told_once(lines: Lines) -> None:
    database = Database()
    asked = made(postgres=database.probe)
    for n in range(5):
        database.away = OSError(f"refused, attempt {n}")
        await asked.probe()
    assert [line["status"] for line in lines] == ["NOT_SERVING"]


async def test_a_probe_that_is_cancelled_from_within_is_away_and_does_not_end_the_watch() -> None:
    database = Database()
    database.away = asyncio.CancelledError()
    asked = made(postgres=database.probe)
    async with asked.following():
        assert await statuses(asked) == dict.fromkeys(NAMES, NOT_SERVING)


async def test_after_the_end_nothing_is_probed() -> None:
    probed = 0

    async def count() -> None:
        nonlocal probed
        probed += 1

    async with made(it=count).following():
        pass
    before = probed
    await asyncio.sleep(0)
    assert probed == before
