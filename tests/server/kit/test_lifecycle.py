"""How a service begins and ends, within a process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from prometheus_client import CollectorRegistry

from server.kit import auth, lifecycle
from server.kit.context import Context
from server.kit.lifecycle import Registration
from server.settings import Server, SettingsError
from tests.server.kit.conftest import Lines
from tests.server.kit.ping import Believing, PingServicer, echo, request, response, service
from tests.server.kit.raw_peer import RawCall, framed

SETTINGS = Server(grpc_port=0, metrics_port=0, drain_seconds=1, grace_seconds=5)
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Slow:
    """A behaviour that waits to be let on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, message: Any, context: Context) -> Any:
        if message.text == "slow":
            self.reached.set()
            await self.opened.wait()
        return await echo(message, context)


@asynccontextmanager
async def serving(
    verifier: auth.Verifier,
    behaviour: Any = echo,
    *,
    registry: CollectorRegistry | None = None,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    **changes: Any,
) -> AsyncIterator[int]:
    async with lifecycle.serving(
        replace(SETTINGS, **changes),
        verifier,
        [Registration(service(), PingServicer(behaviour))],
        probes={},
        accounts=Believing(),
        registry=registry or CollectorRegistry(),
        interceptors=interceptors,
    ) as port:
        yield port


def ping(channel: grpc.aio.Channel, text: str = "") -> Any:
    method = service().methods_by_name["Ping"]
    call: Any = channel.unary_unary(
        f"/{service().full_name}/Ping",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    return call(request(text=text))


def watch(channel: grpc.aio.Channel) -> Any:
    call: Any = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    return aiter(call(health_pb2.HealthCheckRequest()))


async def check(channel: grpc.aio.Channel, name: str = "") -> int:
    call: Any = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    status: int = (await call(health_pb2.HealthCheckRequest(service=name))).status
    return status


async def explore(channel: grpc.aio.Channel, version: str) -> list[Any]:
    call: Any = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    return [answer async for answer in call(iter([question]))]


async def test_readiness_goes_first_then_calls_drain_then_the_server_stops(
    verifier: auth.Verifier, lines: Lines
) -> None:
    slow = Slow()
    leave = asyncio.Event()
    port = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with serving(verifier, slow) as bound:
            port.set_result(bound)
            await leave.wait()

    served = asyncio.ensure_future(serve())
    async with asyncio.timeout(20):
        async with grpc.aio.insecure_channel(f"127.0.0.1:{await port}") as channel:
            health = watch(channel)
            assert (await anext(health)).status == SERVING
            under_way = asyncio.ensure_future(ping(channel, "slow"))
            await slow.reached.wait()

            leave.set()
            assert (await anext(health)).status == NOT_SERVING
            assert (await ping(channel, "late")).text == "late"  # not everybody has noticed yet
            assert not served.done()

            slow.opened.set()
            assert (await under_way).text == "slow"
        await served
    ends = [line for line in lines if line["event"] != "call" and line["event"] != "health"]
    assert [line["event"] for line in ends] == ["serving", "draining", "stopped"]
    # While it drains, the slow call and the one that watches.
    assert (ends[1]["in_flight"], ends[2]["in_flight"]) == (2, 0)


async def test_a_health_watch_does_not_hold_up_the_stop(
    verifier: auth.Verifier, lines: Lines
) -> None:
    async with asyncio.timeout(20):
        async with serving(verifier, drain_seconds=0, grace_seconds=3_600) as port:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
            health = watch(channel)
            assert (await anext(health)).status == SERVING
        assert [answer.status async for answer in health] == [NOT_SERVING]
        await channel.close()
    assert lines[-1]["in_flight"] == 0


async def test_a_stream_that_is_ended_does_not_hold_up_the_stop(
    verifier: auth.Verifier, lines: Lines
) -> None:
    slow = Slow()
    async with asyncio.timeout(20):
        async with lifecycle.serving(
            replace(SETTINGS, drain_seconds=0, grace_seconds=3_600),
            verifier,
            [Registration(service(), PingServicer(slow), close=slow.opened.set)],
            probes={},
            accounts=Believing(),
            registry=CollectorRegistry(),
        ) as port:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
            counting: Any = channel.unary_stream(
                f"/{service().full_name}/Count",
                request_serializer=lambda message: message.SerializeToString(),
            )
            under_way = counting(request(text="slow"))
            await slow.reached.wait()
        assert len([answer async for answer in under_way]) == 3
        await channel.close()
    assert lines[-1]["in_flight"] == 0


async def test_a_call_without_a_deadline_whose_answer_nobody_takes_ends_with_its_connection(
    verifier: auth.Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The engine waits for the caller's flow control, after our deadline too: nothing else ends it.
    monkeypatch.setattr(lifecycle, "_CONNECTION_AGE_MS_MAX", 100)
    monkeypatch.setattr(lifecycle, "_CONNECTION_AGE_GRACE_MS", 100)

    async def at_length(message: Any, context: Context) -> Any:
        return response(text="x" * 200_000)

    async with serving(verifier, at_length, drain_seconds=0, grace_seconds=0) as port:
        call = RawCall(port, "/ping.v1.PingService/Ping", framed(b""), window=0)
        async with call, asyncio.timeout(20):
            await call.closed()


async def test_health_and_reflection_are_logged_and_counted(
    verifier: auth.Verifier, lines: Lines
) -> None:
    registry = CollectorRegistry()
    async with (
        serving(verifier, drain_seconds=0, registry=registry) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        assert await check(channel) == SERVING
        with pytest.raises(grpc.aio.AioRpcError):
            await check(channel, "no.such.Service")
        for version in ("v1alpha", "v1"):
            assert await explore(channel, version)
    calls = {
        (line["method"], line["code"]): line["log_level"]
        for line in lines
        if line["event"] == "call"
    }
    assert calls == {
        # Asked every second, and then of no interest.
        ("grpc.health.v1.Health/Check", "OK"): "debug",
        ("grpc.health.v1.Health/Check", "NOT_FOUND"): "info",
        ("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "OK"): "info",
        ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "OK"): "info",
    }
    for method, code in calls:
        service_name, _, name = method.partition("/")
        labels = {"grpc_service": service_name, "grpc_method": name, "grpc_code": code}
        labels["grpc_type"] = "unary" if name == "Check" else "bidi_stream"
        assert registry.get_sample_value("grpc_server_handled_total", labels) == 1


class Seeing(grpc.aio.ServerInterceptor):
    """Remembers the methods that were called."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        self.methods.append(handler_call_details.method)
        return await continuation(handler_call_details)


async def test_an_interceptor_that_is_added_sees_every_call(verifier: auth.Verifier) -> None:
    seeing = Seeing()
    async with (
        serving(verifier, drain_seconds=0, interceptors=[seeing]) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        assert (await ping(channel, "hello")).text == "hello"
        assert await check(channel) == SERVING
        assert await explore(channel, "v1")
    assert seeing.methods == [
        "/ping.v1.PingService/Ping",
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ]


async def test_grace_ends_and_calls_that_hang_are_cut_off(
    verifier: auth.Verifier, lines: Lines
) -> None:
    slow = Slow()
    async with asyncio.timeout(20):
        async with serving(verifier, slow, drain_seconds=0, grace_seconds=0.1) as port:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
            under_way = asyncio.ensure_future(ping(channel, "slow").code())
            await slow.reached.wait()
        assert await under_way is not grpc.StatusCode.OK
        await channel.close()
    assert lines[-1]["event"] == "stopped"
    assert lines[-1]["in_flight"] == 0  # it heard of it, and ended, before pools would close


async def test_what_was_opened_before_a_failing_start_is_closed(verifier: auth.Verifier) -> None:
    closed = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        try:
            yield
        finally:
            closed.append("pool")

    async with serving(verifier) as taken:
        with pytest.raises(SettingsError, match="is the port in use"):
            async with opened(), serving(verifier, grpc_port=taken):
                raise AssertionError("unreachable")
    assert closed == ["pool"]
