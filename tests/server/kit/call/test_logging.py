"""One line a call, that says all and tells the caller nothing."""

import io
from typing import Any

import pytest
import structlog

from server.kit import errors
from server.kit.context import Context
from tests.server.conftest import Token
from tests.server.kit.conftest import Lines, Running
from tests.server.kit.ping import Ping, request, response
from tests.server.refusals import refused


async def fail(message: Any, context: Context) -> Any:
    raise RuntimeError("a secret")


async def test_a_success_says_who_called_what_and_for_how_long(
    ping: Ping, token: Token, lines: Lines
) -> None:
    await ping.call("SignedIn", token=token("CUSTOMER", "ann"), headers={"x-request-id": "one"})
    (line,) = lines
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "call",
        "log_level": "info",
        "method": "ping.v1.PingService/SignedIn",
        "request_id": "one",
        "caller": "ann",
        "code": "OK",
    }


async def test_a_refusal_says_why(ping: Ping, lines: Lines) -> None:
    await refused(ping.call("SignedIn"))
    (line,) = lines
    assert (line["log_level"], line["code"], line["reason"], line["caller"]) == (
        "info",
        "UNAUTHENTICATED",
        "UNAUTHENTICATED",
        None,
    )
    assert line["message"].startswith("sign in")


@pytest.mark.parametrize("name", ["Ping", "Count", "Collect", "Echo"])
async def test_a_defect_is_logged_with_its_traceback_and_hidden_from_the_caller(
    running: Running, lines: Lines, name: str
) -> None:
    async with running(fail) as ping:
        message = [request()] if name in ("Collect", "Echo") else request()
        answer = await refused(ping.call(name, message, headers={"x-request-id": "broken"}))

    assert answer.reason == "INTERNAL"
    assert "secret" not in str(answer.status) + str(answer.headers) + answer.message
    (line,) = lines
    assert (line["log_level"], line["code"], line["request_id"]) == ("error", "INTERNAL", "broken")
    assert "a secret" in traceback_of(line)
    assert "in fail" in traceback_of(line)


async def test_a_call_inside_a_call_is_not_confused_with_it(running: Running, lines: Lines) -> None:
    async with running() as inner:

        async def ask(message: Any, context: Context) -> Any:
            await inner.call("Ping", headers={"x-request-id": "inner"})
            return response()

        async with running(ask) as outer:
            await outer.call("Ping", headers={"x-request-id": "outer"})
    assert [line["request_id"] for line in lines] == ["inner", "outer"]


async def test_an_error_that_is_expected_is_no_defect(running: Running, lines: Lines) -> None:
    async def conflict(message: Any, context: Context) -> Any:
        raise errors.Conflict("another change was faster")

    async with running(conflict) as ping:
        await refused(ping.call("Ping"))
    assert [line["log_level"] for line in lines] == ["info"]


def traceback_of(line: dict[str, Any]) -> str:
    """What `format_exc_info`, which the service's log runs through, makes of the line."""
    formatted = structlog.processors.format_exc_info(
        structlog.PrintLogger(io.StringIO()), "error", dict(line)
    )
    return str(formatted["exception"])
