"""What rest.lua makes of any reply: whatever is in it, the envelope around it is whole."""

import json
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.envoy.lua.scripts import Ended, Script

REST = Script("rest.lua")
HEADERS = {":status": "200", "content-type": "application/json", "x-request-id": "an-id"}
CAUSES = (
    None,
    "via_upstream",
    "direct_response",
    "lua_response_not",
    "grpc_json_transcode_failure{x}",
    "jwt_authn_access_denied{Jwt_is_missing}",
    "request_payload_too_large",
)
# As the transcoder writes it: what it escapes and what not is its own choice, within JSON.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
messages = st.dictionaries(st.text(), json_values, max_size=6)


def printed(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def body_of(ended: Ended) -> Any:
    assert ended.headers.get("content-length") == str(len(ended.body)).encode()
    return json.loads(ended.body)


@given(messages)
@example({"meta": {"total": 1}})
@example({"a": ',"meta":{', "meta": {"x": "}}"}})
@example({"a": {"b": [], "meta": {}}})
def test_a_message_is_the_data(message: dict[str, Any]) -> None:
    assume(list(message)[-1:] != ["meta"] or not isinstance(message["meta"], dict))
    body = body_of(REST.reply(HEADERS, printed(message)))
    assert body == {"status": "success", "data": message, "request_id": "an-id"}


pages = st.fixed_dictionaries(
    {
        "page": st.integers(),
        "total": st.integers(),
        "next_page_token": st.text("abcXYZ019-_=", max_size=1536),
        "total_is_estimate": st.booleans(),
    }
)


@given(messages, pages)
def test_meta_stands_beside_the_data(message: dict[str, Any], meta: dict[str, Any]) -> None:
    message.pop("meta", None)
    assume(message)  # a list has its items
    body = body_of(REST.reply(HEADERS, printed(message | {"meta": meta})))
    assert body == {"status": "success", "data": message, "meta": meta, "request_id": "an-id"}


@given(messages, st.text("abcXYZ019-_", min_size=1, max_size=64), st.integers(0))
def test_the_last_member_is_the_etag(message: dict[str, Any], etag: str, number: int) -> None:
    message.pop("etag", None)
    assume(message)
    ended = REST.reply(HEADERS, printed(message | {"etag": etag, "version": number}))
    assert ended.headers["etag"] == f'"{etag}"'.encode()


@given(messages)
def test_what_a_caller_has_written_is_no_etag(message: dict[str, Any]) -> None:
    assume(list(message)[-1:] and "etag" not in str(message.keys()))
    wrapped = {"id": "1", "written": message, "text": json.dumps({"a": 1, "etag": "forged"})}
    assert "etag" not in REST.reply(HEADERS, printed(wrapped)).headers


@given(
    st.binary(),
    st.sampled_from(CAUSES),
    st.sampled_from(["200", "201", "204", "400", "401", "404", "413", "429", "500", "503", "504"]),
    st.sampled_from(["GET", "HEAD", "POST", ""]),
)
@example(b'{"code":3,"message":"', None, "400", "GET")
@example(b'{"code":3,"message":"\\', None, "400", "GET")
def test_no_reply_makes_a_script_fail_or_an_error_a_success(
    text: bytes, cause: str | None, status: str, verb: str
) -> None:
    told = {":status": status, "x-emporium-verb": verb, "grpc-status": "0"}
    told |= {"x-emporium-edge": cause} if cause else {}
    ended = REST.reply(HEADERS | told, text)
    after = int(ended.headers[":status"])
    assert (after < 400) == (int(status) < 400)
    assert "grpc-status" not in ended.headers or not text
    if after >= 400 and verb != "HEAD" and (text or cause):
        body = body_of(ended)
        assert list(body) == ["status", "error", "request_id"]
        assert list(body["error"]) == ["code", "message", "details"]
    if verb == "HEAD" and cause:
        assert not ended.body


@given(st.binary(), st.text(), st.lists(messages, max_size=3))
def test_an_error_keeps_its_details(text: bytes, message: str, more: list[Any]) -> None:
    prefix = "type.googleapis.com/google.rpc."
    details = [
        {"@type": f"{prefix}ErrorInfo", "reason": "OUT_OF_STOCK", "domain": "emporium"},
        {"@type": f"{prefix}RequestInfo", "request_id": text.decode("latin-1")},
        *({"@type": f"{prefix}BadRequest", "field_violations": each} for each in more),
    ]
    status = {"code": 9, "message": message, "details": details}
    ended = REST.reply(HEADERS | {":status": "400", "x-http-status": "409"}, printed(status))
    assert ended.headers[":status"] == b"409"
    expected = {"code": "OUT_OF_STOCK", "message": message, "details": details[2:]}
    assert body_of(ended)["error"] == expected


@given(st.binary(max_size=100))
def test_a_request_id_is_fit_for_logs_and_json(sent: bytes) -> None:
    headers: dict[str, str | bytes] = {":path": "/api/v1/users", ":method": "GET"}
    ended = REST.request(headers | {"x-request-id": sent})
    kept = ended.headers["x-request-id"].decode()
    assert set(kept) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert len(kept) == min(64, len(sent))
    assert not ended.errors


@given(st.binary(), st.binary(), st.binary())
def test_no_header_makes_a_request_fail(path: bytes, kind: bytes, token: bytes) -> None:
    headers: dict[str, str | bytes] = {":path": path, ":method": "POST"}
    sent = headers | {"content-type": kind, "authorization": token}
    ended = REST.request(sent)
    assert not ended.errors
    if all(value.isascii() for value in (path, kind, token)):
        assert ended.responded is None
    else:
        assert ended.responded == {":status": b"400"}
        assert ended.noted["emporium.odd_header"].isascii()
    is_grpc = path.startswith(b"/emporium.") and kind.startswith(b"application/grpc")
    assert (ended.headers.get("x-emporium-door") == b"rest") is not is_grpc


def test_what_is_worded_already_passes_as_it_is() -> None:
    """As `local_reply_config` of envoy.yaml has it for a call too many."""
    headers = HEADERS | {":status": "503", "x-emporium-edge": "worded", "retry-after": "1"}
    ended = REST.reply(headers, b'{"error":{}}')
    assert ended.body == b'{"error":{}}'
    assert ended.headers[":status"] == b"503"
    assert ended.headers["retry-after"] == b"1"
