"""What body_fields.lua reports of any body and any query, against what Python's readers find."""

import json
import re
from typing import Any
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from tests.envoy.lua.scripts import Ended, Script

REPORTS = Script("body_fields.lua")
BYTES_MAX, NAME = 4096, r"[+~!*]?[A-Za-z0-9_.?]*"

names = st.text("abcXYZ_09", min_size=1, max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=15,
)
objects = st.dictionaries(names, values, max_size=5)


def reported(body: bytes | None = None, path: bytes = b"/api/v1/users") -> Ended:
    ended = REPORTS.request({"x-emporium-door": "rest", ":path": path}, body)
    assert not ended.errors
    assert ended.responded is None
    return ended


def paths(value: Any, here: str = "") -> set[str]:
    """The paths of all that `value` names."""
    if isinstance(value, list):
        return {path for each in value for path in paths(each, here)}
    if not isinstance(value, dict):
        return set()
    found = set()
    for name, inner in value.items():
        path = f"{here}.{name}" if here else name
        found |= {path} | paths(inner, path)
    return found


@given(objects)
@example({"a": '"b":'})
@example({"a": [{"b": 1}, {"c": {}}]})
def test_every_name_of_a_body_is_reported(body: dict[str, Any]) -> None:
    report = reported(json.dumps(body).encode()).headers["x-body-fields"].decode()
    # One name in two spellings is told apart by the service.
    assert {name for name in report.split(",") if name[:1] not in ("~", "*", "")} == paths(body)


@given(objects, st.data())
def test_a_name_that_is_there_twice_is_reported_so(body: dict[str, Any], data: Any) -> None:
    name = data.draw(names)
    members = [*json.dumps(body)[1:-1].split("\0"), f'"{name}":1', f'"{name}":2']
    report = reported(("{" + ",".join(filter(None, members)) + "}").encode())
    assert f"+{name}" in report.headers["x-body-fields"].decode().split(",")


@given(st.binary())
@example(b'{"a":"')
@example(b"]]]}}}")
@example(b"[" * 100)
@example(b'{"a":' * 100)
def test_any_body_has_a_report_that_a_header_can_hold(body: bytes) -> None:
    headers = reported(body).headers
    report = headers["x-body-fields"].decode()
    assert len(report) <= BYTES_MAX + 2
    assert re.fullmatch(rf"({NAME})(,{NAME})*", report)
    assert headers["x-body-bytes"] == str(len(body)).encode()


@given(st.lists(st.tuples(names, st.text()), max_size=5))
def test_every_name_of_a_query_is_reported(pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in pairs)
    report = reported(path=f"/api/v1/users?{query}".encode()).headers["x-query-fields"].decode()
    assert [name.lstrip("+") for name in report.split(",") if name] == [name for name, _ in pairs]


@given(st.binary())
def test_any_query_has_a_report_that_a_header_can_hold(query: bytes) -> None:
    report = reported(path=b"/api/v1/users?" + query).headers["x-query-fields"].decode()
    assert len(report) <= BYTES_MAX + 2
    assert re.fullmatch(rf"({NAME})(,{NAME})*", report)


def test_no_other_door_is_reported_about() -> None:
    ended = REPORTS.request({":path": "/emporium.user.v1.UserService/GetUser"}, b'{"a":1}')
    assert "x-body-fields" not in ended.headers
