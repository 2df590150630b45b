"""Every call has an id, the caller's own when it is well-formed."""

import uuid
from typing import Any

import pytest

from emporium.deadline import request_id
from server.kit.context import Context
from tests.server.kit.conftest import Lines, Running
from tests.server.kit.ping import Ping, request, response
from tests.server.refusals import refused


async def tell_ids(message: Any, context: Context) -> Any:
    return response(text=context.request_id, request_id=request_id.get() or "")


async def test_a_well_formed_id_is_kept_and_handed_on_to_calls_that_the_call_makes(
    running: Running, lines: Lines
) -> None:
    async with running(tell_ids) as ping:
        answer = await ping.call("Ping", headers={"x-request-id": "ann-1.2_3"})
    assert (answer.text, answer.request_id) == ("ann-1.2_3", "ann-1.2_3")
    assert [line["request_id"] for line in lines] == ["ann-1.2_3"]


@pytest.mark.parametrize("malformed", ["", "a b", "x" * 129, '"quoted"', "semi;colon"])
async def test_an_malformed_id_is_replaced(running: Running, malformed: str) -> None:
    async with running(tell_ids) as ping:
        answer = await ping.call("Ping", headers={"x-request-id": malformed})
    assert uuid.UUID(answer.text).version == 7


async def test_each_call_has_its_own(running: Running) -> None:
    async with running(tell_ids) as ping:
        first, second = await ping.call("Ping"), await ping.call("Ping")
    assert first.request_id != second.request_id


async def test_streams_have_one_too(running: Running) -> None:
    async with running(tell_ids) as ping:
        headers = {"x-request-id": "stream-1"}
        ids = {answer.request_id async for answer in ping.call("Count", headers=headers)}
    assert ids == {"stream-1"}


async def test_a_refusal_tells_it(ping: Ping) -> None:
    invalid = request(text="x" * 21)
    answer = await refused(ping.call("Ping", invalid, headers={"x-request-id": "mine"}))
    assert answer.request_id == "mine"
