"""Bodies are JSON, and so are answers: whoever sends or wants something else is told."""

from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from server.kit.call.media_types import accepts, is_json
from server.kit.context import Context
from tests.server.kit.conftest import Running
from tests.server.kit.ping import Ping, request, response
from tests.server.refusals import refused

REST = {
    "x-emporium-door": "rest",
    "x-body-fields": "text",
    "x-query-fields": "",
    "x-body-bytes": "2",
}
JSON = "application/json"


@pytest.mark.parametrize(
    "sent",
    [
        "",
        " ",
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;CHARSET="UTF-8"',
        "application/json; charset=US-ASCII",
        "application/json; profile=x",
        "application/merge-patch+json",
        "application/vnd.api+JSON ; charset=utf-8",
    ],
)
async def test_json_by_any_name_is_taken(ping: Ping, sent: str) -> None:
    assert await ping.call("Create", request(text="a"), headers=REST | {"x-body-type": sent})


@pytest.mark.parametrize(
    "sent",
    [
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/json, text/xml",
        "application/jsonp",
        "application/+jsonp",
        "json",
        ";charset=utf-8",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json; charset=",
    ],
)
async def test_no_other_body_is(ping: Ping, sent: str) -> None:
    told = await refused(ping.call("Create", request(), headers=REST | {"x-body-type": sent}))
    assert (told.code, told.reason) == (StatusCode.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE")
    assert "'Content-Type: application/json'" in told.message
    assert ("--json" in told.message) is ("urlencoded" in sent)


@pytest.mark.parametrize("sent", ["application/x-www-form-urlencoded", "text/plain"])
async def test_what_comes_byte_for_byte_is_of_any_type(running: Running, sent: str) -> None:
    async def tell(message: Any, context: Context) -> Any:
        return response(text=message.data.decode())

    async with running(tell) as ping:
        headers = REST | {"x-body-type": sent}
        assert (await ping.call("Form", HttpBody(data=b"a"), headers=headers)).text == "a"


async def test_what_takes_no_body_says_that(ping: Ping) -> None:
    told = await refused(ping.call("Read", headers=REST | {"x-body-type": "text/plain"}))
    assert told.message == "'text': this call takes no body"


@pytest.mark.parametrize(("name", "body"), [("Create", request()), ("Form", HttpBody(data=b"a"))])
async def test_no_body_is_decoded(ping: Ping, name: str, body: Any) -> None:
    for coding in ("gzip", "br", "identity, gzip", "?"):
        told = await refused(ping.call(name, body, headers=REST | {"x-body-coding": coding}))
        assert (told.reason, "Content-Encoding" in told.message) == ("UNSUPPORTED_MEDIA_TYPE", True)
    for coding in ("identity", "Identity", ""):
        assert await ping.call("Create", request(), headers=REST | {"x-body-coding": coding})


ACCEPTED = {
    "": True,
    " , ": True,
    "*/*": True,
    "application/*": True,
    "Application/JSON": True,
    "application/json; version=2": True,
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": True,
    "application/json, text/plain, */*": True,
    "application/json;q=0.001": True,
    "application/json, */*;q=0": True,
    "application/*, */*;q=0": True,
    "text/html": False,
    "text/*": False,
    "application/problem+json": False,
    "application/json;q=0": False,
    "application/json; q=0.000, */*": False,
    "application/*;q=0,*/*": False,
    "*/*;q=0": False,
    "json": False,
}


@pytest.mark.parametrize("accept", ACCEPTED)
async def test_who_takes_no_json_is_told(ping: Ping, accept: str) -> None:
    asked = ping.call("Create", request(), headers=REST | {"x-accept": accept})
    if ACCEPTED[accept]:
        assert await asked
    else:
        told = await refused(asked)
        assert (told.code, told.reason) == (StatusCode.INVALID_ARGUMENT, "NOT_ACCEPTABLE")


@given(st.text())
def test_anything_may_be_said_of_types(text: str) -> None:
    assert isinstance(is_json(text), bool)
    assert isinstance(accepts(text, JSON), bool)


@given(st.text("abc/*;q=01., "))
def test_who_takes_everything_takes_json(text: str) -> None:
    assert accepts(f"{text},{JSON}", JSON) or "application/json" in text
