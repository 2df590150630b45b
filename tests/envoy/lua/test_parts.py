"""What the scripts share: JSON as text, and the wording of refusals."""

import json
import re
from typing import Any

import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import example, given
from hypothesis import strategies as st

from server.contract import edge
from tests.envoy.conftest import SOURCE
from tests.envoy.lua.scripts import Script, part

JSON_TEXT = part("json_text.lua")
UNREADABLE = part("unreadable.lua")
OAUTH = part("oauth.lua")
REST = Script("rest.lua")
STATUSES = (400, 401, 403, 404, 405, 408, 413, 429, 431, 500, 501, 503, 504)
# What a wait of that many seconds is told as.
SECONDS = {None: 1, "0": 1, "7": 7, "60": 60, "99999": 127}


@given(st.text())
@example('\\"')
@example("\\\\")
def test_a_string_ends_where_json_says(text: str) -> None:
    written = json.dumps(text, ensure_ascii=False).encode()
    assert JSON_TEXT[b"closing"](written + b',"more":"', 2) == len(written)


@given(st.text())
def test_a_string_without_an_end_has_none(text: str) -> None:
    written = json.dumps(text, ensure_ascii=False).encode()
    assert JSON_TEXT[b"closing"](written[:-1], 2) is None


@given(st.binary())
def test_any_bytes_are_a_string_of_json(text: bytes) -> None:
    written = JSON_TEXT[b"quoted"](text)
    assert written.isascii()
    assert json.loads(written) == text.decode("latin-1")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("wait", SECONDS)
def test_a_refusal_by_grpc_has_the_details_of_services(status: int, wait: str | None) -> None:
    headers = {
        ":status": str(status),
        "content-type": "application/grpc",
        "x-emporium-edge": "whatever",
        "x-emporium-status": str(status),
        "x-request-id": "i" * 64,
        **({"retry-after": wait} if wait else {}),
    }
    ended = REST.reply(headers)
    told = Status.FromString(ended.headers["grpc-status-details-bin"])
    info, request, retry = ErrorInfo(), RequestInfo(), RetryInfo()
    assert told.details[0].Unpack(info)
    assert told.details[1].Unpack(request)
    assert (info.domain, request.request_id) == ("emporium", "i" * 64)
    assert told.code == int(ended.headers["grpc-status"])
    assert told.message == ended.headers["grpc-message"].decode()
    if status == 429:
        assert told.details[2].Unpack(retry)
        assert retry.retry_delay.seconds == SECONDS[wait]


@given(st.binary())
def test_whatever_the_transcoder_says_is_told_without_it(text: bytes) -> None:
    route: Any = {b"get": lambda _, __: None}
    reason, message, fields, status = padded(UNREADABLE[b"told"](text, route))
    assert reason in (b"UNKNOWN_FIELD", b"MALFORMED_REQUEST", b"VALIDATION_FAILED")
    assert message
    assert list(fields.values()) == [] or len(message) <= len(text) + 100
    assert status in (None, b"422")


def padded(returned: Any) -> tuple[Any, ...]:
    return (*returned, *[None] * (4 - len(returned)))


@given(st.binary(), st.sampled_from(STATUSES))
def test_what_oauth_is_told_is_plain(text: bytes, status: int) -> None:
    errors = {b"INVALID_CLIENT": b"invalid_client", b"UNKNOWN": None}
    refused = {b"code": b"UNKNOWN", b"message": JSON_TEXT[b"quoted"](text)}
    body, ended, *_ = OAUTH[b"refusal"](errors, refused, str(status).encode(), None)
    said = json.loads(body)
    # RFC 6749, section 5.2.
    assert re.fullmatch(r"[ !#-\[\]-~]*", said["error_description"])
    assert ended.decode()[0] in "45"


def test_every_file_is_part_of_a_script() -> None:
    known = {name for names in edge.SCRIPTS.values() for name in names}
    assert known == {path.name for path in SOURCE.glob("*.lua")}
