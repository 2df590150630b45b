"""A stream of an rpc as a stream of Server-Sent Events, for whoever asks for it by REST.

To the edge such an rpc answers `google.api.HttpBody` (`server/contract/event_streams.py`), of which
it passes on the bytes as they come. Its own way of writing a stream has neither ids nor heartbeats,
and no word for a failure after the 200.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import structlog
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format
from google.protobuf.message import Message

from server.kit.call.event_ids import EventIds
from server.kit.call.status import Refusal, refusal_of
from server.kit.context import Context

MEDIA_TYPE = "text/event-stream"

# Until something is sent a failure has the status of any other call; but headers leave the edge
# with the first bytes only, and an EventSource is not open before.
_SILENCE_SECONDS_MAX = 1.0
# What stands between has patience: the edge for 5 minutes, others for 30 s or a minute.
_HEARTBEAT_SECONDS = 15.0
# A stream ends before its connection to the edge does (`kit/lifecycle.py`), and those who have
# connected again share the processes that there are then.
_HEARTBEATS_MAX = 16

_OPENING = b"retry: 2000\n\n"  # milliseconds until an EventSource connects again
_HEARTBEAT = b":\n\n"  # a comment
_END = b"event: end\ndata: {}\n\n"

# Of the details of an error, which the envelope has as its `code` and its `request_id`.
_ELSEWHERE = ("google.rpc.ErrorInfo", "google.rpc.RequestInfo")

_log = structlog.get_logger()

Pause = Callable[[float], Awaitable[object]]
_Part = bytes | Refusal | None  # None: nothing more comes


class EventStreams:
    """The streams of events that a process has open."""

    def __init__(self, pause: Pause = asyncio.sleep) -> None:
        self._pause = pause
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Ends them; who has read one goes on with it at another process."""
        self._closing.set()

    async def of(
        self, ids: EventIds, responses: AsyncGenerator[Message, None], context: Context
    ) -> AsyncGenerator[HttpBody, None]:
        """The events that `responses` are, in a format of its own.

        Raises the `Refusal` that `responses` do, as long as nothing was sent. Later it is an event,
        `error`, with what the envelope would hold, and the last one. When `responses` are at their
        end the last event is `end`; without one of these the stream can be gone on with.

        A response is asked for when the one before was taken: for a slow reader nothing is
        gathered.
        """
        parts: asyncio.Queue[_Part] = asyncio.Queue(1)
        work = [
            asyncio.create_task(each)
            for each in (
                _written(ids, responses, context, parts),
                self._beat(parts),
                self._end(parts),
            )
        ]
        unsent = _OPENING
        try:
            while (part := await parts.get()) is not None:
                if isinstance(part, Refusal):
                    if unsent:
                        raise part
                    part = _error(part, context.request_id)
                yield HttpBody(content_type=MEDIA_TYPE, data=unsent + part)
                unsent = b""
            if unsent:
                yield HttpBody(content_type=MEDIA_TYPE, data=unsent)
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)

    async def _beat(self, parts: "asyncio.Queue[_Part]") -> None:
        await self._pause(_SILENCE_SECONDS_MAX)
        for _ in range(_HEARTBEATS_MAX):
            await parts.put(_HEARTBEAT)
            await self._pause(_HEARTBEAT_SECONDS)
        await parts.put(None)

    async def _end(self, parts: "asyncio.Queue[_Part]") -> None:
        await self._closing.wait()
        await parts.put(None)


async def _written(
    ids: EventIds,
    responses: AsyncGenerator[Message, None],
    context: Context,
    parts: "asyncio.Queue[_Part]",
) -> None:
    last: _Part = _END
    try:
        async with aclosing(responses):
            async for response in responses:
                await parts.put(_event(ids.text_of(response), response))
    except Refusal as refusal:
        last = refusal
    except Exception as error:  # noqa: BLE001 - the caller waits, and is told of it
        _log.exception("event_stream.unwritten", request_id=context.request_id)
        last = refusal_of(error, context)
    await parts.put(last)
    await parts.put(None)


def _event(event_id: str, message: Message) -> bytes:
    """The message as the edge prints it in every other answer (`envoy/transcoder.yaml`)."""
    content = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}data: {_json(content)}\n\n".encode()


def _error(refusal: Refusal, request_id: str) -> bytes:
    """The envelope of the failure, as `envoy/errors.lua` makes it."""
    details = [
        json_format.MessageToDict(each, preserving_proto_field_name=True)
        for each in refusal.status.details
        if each.TypeName() not in _ELSEWHERE
    ]
    error = {"code": refusal.reason, "message": refusal.status.message, "details": details}
    envelope = {"status": "error", "error": error, "request_id": request_id}
    return f"event: error\ndata: {_json(envelope)}\n\n".encode()


def _json(content: dict[str, Any]) -> str:
    """In one line: a line's end would end the event's data."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
