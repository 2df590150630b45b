"""What REST gets of a stream: events, as the HTML standard has them, and how they end."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from server.kit import errors
from server.kit.call.event_ids import UnfitEventId
from server.kit.call.event_stream import EventStreams
from server.kit.call.method import methods
from server.kit.context import Context
from tests import server_sent
from tests.server.kit.beats import Beats
from tests.server.kit.conftest import Lines, Running
from tests.server.kit.ping import Behaviour, Ping, described, request, response
from tests.server.refusals import refused
from tests.server_sent import Event, events_of

OPENING = f"{server_sent.OPENING}\n\n"
HEARTBEAT = ":\n\n"
END = Event("end", "{}")


def counted(message: Any, **headers: str) -> dict[str, str]:
    names = ",".join(field.name for field, _ in message.ListFields())
    return {
        "x-emporium-door": "rest",
        "x-body-fields": "",
        "x-query-fields": names,
        "x-request-id": "mine",
    } | {name.replace("_", "-"): value for name, value in headers.items()}


def events(ping: Ping, message: Any = None, **headers: str) -> Any:
    """The stream that the edge asks for."""
    asked = message or request()
    stream: Any = ping.channel.unary_stream(
        "/ping.v1.PingService/Count",
        request_serializer=lambda given: given.SerializeToString(),
        response_deserializer=HttpBody.FromString,
    )
    return stream(asked, metadata=list(counted(asked, **headers).items()))


async def texts(stream: Any) -> AsyncIterator[str]:
    async for body in stream:
        assert body.content_type == "text/event-stream"
        yield body.data.decode()


async def whole(stream: Any) -> list[Event]:
    text = "".join([text async for text in texts(stream)])
    assert text.startswith(OPENING)
    assert text.count(OPENING) == 1
    assert text.endswith("\n\n")
    return list(events_of(text.split("\n")))


def counting() -> Behaviour:
    """Numbers from where the request says, of one stream."""
    given: list[int] = []

    async def count(message: Any, context: Context) -> Any:
        given.append((given[-1] if given else message.after) + 1)
        return response(text='a "b"\n', number=given[-1])

    return count


async def test_each_message_is_an_event_and_the_end_is_one(running: Running) -> None:
    async with running(counting()) as ping:
        *sent, end = await whole(events(ping))
    assert [(event.name, event.id) for event in sent] == [("message", n) for n in "123"]
    assert json.loads(sent[0].data) == {
        "text": 'a "b"\n',
        "request_id": "",
        "etag": "",
        "caller": "",
        "number": "1",
    }
    assert end == END._replace(id="3")


@pytest.mark.parametrize(
    ("message", "headers", "first"),
    [
        (request(after=4), {}, "5"),
        (request(), {"last_event_id": "7"}, "8"),
        (request(after=4), {"last_event_id": "7"}, "8"),
        (request(after=4), {"last_event_id": ""}, "5"),
    ],
)
async def test_it_is_gone_on_with_after_the_last_event_that_was_had(
    running: Running, message: Any, headers: dict[str, str], first: str
) -> None:
    async with running(counting()) as ping:
        assert (await whole(events(ping, message, **headers)))[0].id == first


@pytest.mark.parametrize("sent", ["x", "1_0", "-1", "9223372036854775808"])
async def test_what_is_no_id_is_refused(ping: Ping, sent: str) -> None:
    answer = await refused(events(ping, last_event_id=sent))
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (answer.reason, answer.fields) == ("VALIDATION_FAILED", ["after"])


async def test_a_message_without_an_id_has_none(running: Running) -> None:
    async def numberless(message: Any, context: Context) -> Any:
        return response()

    async with running(numberless) as ping:
        assert {event.id for event in await whole(events(ping))} == {""}


async def test_until_something_is_sent_a_refusal_is_one_as_ever(running: Running) -> None:
    async def missing(message: Any, context: Context) -> Any:
        raise errors.Outdated("another one by now")

    async with running(missing) as ping:
        answer = await refused(events(ping))
        assert (answer.reason, answer.headers["x-http-status"]) == ("ETAG_MISMATCH", "412")
        answer = await refused(events(ping, request(text="x" * 21)))
        assert (answer.reason, answer.headers["x-http-status"]) == ("VALIDATION_FAILED", "422")


def failing_at_the_second(error: Exception) -> Behaviour:
    count = counting()

    async def fail(message: Any, context: Context) -> Any:
        answer = await count(message, context)
        if answer.number == 2:
            raise error
        return answer

    return fail


async def test_a_later_refusal_is_the_last_event(running: Running, lines: Lines) -> None:
    away = errors.Unavailable("the store is away", retry_after_seconds=1.5)
    async with running(failing_at_the_second(away)) as ping:
        first, last = await whole(events(ping))
    assert (first.id, last.name) == ("1", "error")
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "1.500s"}
    assert json.loads(last.data) == {
        "status": "error",
        "error": {"code": "UNAVAILABLE", "message": "the store is away", "details": [retry]},
        "request_id": "mine",
    }
    assert lines[-1]["reason"] == "UNAVAILABLE"


async def test_a_defect_tells_nothing_of_itself(running: Running) -> None:
    async with running(failing_at_the_second(RuntimeError("a password"))) as ping:
        *_, last = await whole(events(ping))
    assert json.loads(last.data)["error"]["code"] == "INTERNAL"
    assert "password" not in last.data


async def waiting(message: Any, context: Context) -> Any:
    """Has nothing to tell."""
    await asyncio.Event().wait()


async def test_silence_is_filled_and_ends_in_time(running: Running) -> None:
    beats = Beats()
    async with running(waiting, event_streams=EventStreams(beats.pause)) as ping:
        sent = texts(events(ping))
        beats.beat()
        assert await anext(sent) == OPENING + HEARTBEAT
        for _ in range(15):
            beats.beat()
            assert await anext(sent) == HEARTBEAT
        beats.beat()
        assert [text async for text in sent] == []  # to be gone on with: it is not at its end
    assert beats.asked == [1.0, *[15.0] * 16]
    assert ping.in_flight.count == 0


async def test_a_process_that_stops_ends_its_streams(running: Running) -> None:
    streams = EventStreams(Beats().pause)
    async with running(waiting, event_streams=streams) as ping:
        stream = events(ping)
        streams.close()
        assert await whole(stream) == []
        assert await whole(events(ping)) == []
        assert ping.in_flight.count == 0


async def test_who_hangs_up_ends_the_work(running: Running) -> None:
    async with running(counting()) as ping:
        stream = events(ping, request(text="for ever"))
        assert await anext(texts(stream))
        stream.cancel()
        await ping.in_flight.ended(10)
        assert ping.in_flight.count == 0


async def test_by_grpc_it_is_the_messages_themselves(running: Running) -> None:
    async with running(counting()) as ping:
        call = ping.call("Count", headers={"last-event-id": "2"})
        assert [answer.number async for answer in call] == [3, 4, 5]


UNFIT = """
syntax = "proto3";
package unfit{n};
import "emporium/options/v1/options.proto";
service Unfit {{
  rpc Watch(Asked) returns (stream Told) {{
    option (emporium.options.v1.access) = {{audience: PUBLIC}};
  }}
}}
message Asked {{ {asked} }}
message Told {{ {told} }}
"""
LAST_ID = "[(emporium.options.v1.last_event_id) = true];"
ID = "[(emporium.options.v1.event_id) = true];"


@pytest.mark.parametrize(
    ("n", "asked", "told"),
    [
        (1, f"int64 after = 1 {LAST_ID}", ""),
        (2, f"int64 after = 1 {LAST_ID}", f"string id = 1 {ID}"),
        (3, "", f"double id = 1 {ID}"),
        (4, "", f"repeated string id = 1 {ID}"),
        (5, "", f"string id = 1 {ID} string name = 2 {ID}"),
    ],
)
def test_what_cannot_be_an_id_keeps_the_service_from_starting(
    n: int, asked: str, told: str
) -> None:
    service = described(UNFIT.format(n=n, asked=asked, told=told), f"unfit{n}.proto")
    with pytest.raises(UnfitEventId):
        list(methods(service))


async def test_an_id_of_two_lines_is_a_defect(lines: Lines) -> None:
    fit = UNFIT.format(n=6, asked="", told=f"string id = 1 {ID}")
    (method,) = methods(described(fit, "unfit6.proto"))

    async def told() -> Any:
        yield method.response(id="one")
        yield method.response(id="one\ndata: two")

    context = Context({}, None)
    stream = EventStreams(Beats().pause).of(method.event_ids, told(), context)
    sent = [body.data.decode() async for body in stream]
    assert len(sent) == 2
    assert sent[1].startswith('event: error\ndata: {"status":"error","error":{"code":"INTERNAL"')
    assert lines[-1]["event"] == "event_stream.unwritten"
