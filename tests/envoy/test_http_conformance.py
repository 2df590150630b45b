"""Replies keep to HTTP (RFC 9110) and to its rules for caches (RFC 9111), of every rpc."""

import re
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from grpc import StatusCode

from emporium.options.v1 import options_pb2
from emporium.user.v1.user_service_pb2 import ListUsersResponse, User
from tests import asking
from tests.asking import RPCS
from tests.e2e.extreme_requests import INTERNAL
from tests.envoy.conftest import Edge, edge_before, error_of, signed
from tests.envoy.upstream import Upstream, always, refusing

USER, MISSING, LIST = "/api/v1/users/1", "/api/v1/orders/1", "/api/v1/users"
NO_CONTENT = {204, 304}
# What a reply of an rpc without a token may be kept by: everybody.
PUBLIC = {"GetKeySet"}
# What is kept where the contract says so.
_CACHE: Any = options_pb2.cache
KEPT = {
    rpc.name: rpc.GetOptions().Extensions[_CACHE]
    for rpc in RPCS
    if rpc.GetOptions().HasExtension(_CACHE)
}
IMF_DATE = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
# What differs from one call to the next, or that HEAD may leave out (9.3.2).
OF_ONE_CALL = {"date", "x-request-id", "cache-control", "vary", "transfer-encoding"}
OF_LIMITS = re.compile(r"(x-)?rate-?limit(-.*)?")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    async with Upstream() as upstream:
        upstream.answers |= {
            "GetUser": always(User(id="1", etag="v1", full_name="Ann" * 300)),
            "ListUsers": always(ListUsersResponse(users=[User(full_name="Ann" * 300)])),
            "GetOrder": refusing(StatusCode.NOT_FOUND, "ORDER_NOT_FOUND", 404),
        }
        await upstream.serving(True)
        async with edge_before(upstream, folder, per_minute=10**6, login_per_minute=10**6) as edge:
            yield edge


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def http(running: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with running.rest(signed(role="ADMIN")) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def anonymous(running: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with running.rest() as client:
        yield client


async def replies(http: httpx.AsyncClient) -> list[tuple[str, httpx.Response]]:
    """One of every rpc by each of its paths, and of what the edge answers by itself."""
    found = []
    for rpc in RPCS:
        for way in asking.by_rest(rpc, asking.good(rpc)) if rpc.name not in INTERNAL else ():
            sent = http.build_request(
                way.verb, way.path, headers=list(way.headers), content=way.body or None
            )
            found.append((rpc.name, await http.send(sent)))
    own = (("GET", "/nowhere"), ("PUT", LIST), ("OPTIONS", LIST), ("GET", "/health"), ("GET", "//"))
    found += [(f"{verb} {path}", await http.request(verb, path)) for verb, path in own]
    unchanged = await http.get(USER, headers={"if-none-match": '"v1"'})
    return [*found, ("unchanged", unchanged), ("HEAD", await http.head(USER))]


async def test_every_reply_is_a_whole_message(http: httpx.AsyncClient) -> None:
    for name, reply in await replies(http):
        assert re.fullmatch(IMF_DATE, reply.headers["date"]), name  # 5.6.7, 6.6.1
        assert parsedate_to_datetime(reply.headers["date"]).tzinfo
        length = reply.headers.get("content-length")
        if reply.status_code in NO_CONTENT:  # 8.6, 15.3.5, 15.4.5
            assert (reply.content, length) == (b"", None), name
            assert "content-type" not in reply.headers
        elif "x-accel-buffering" in reply.headers:  # a stream of events
            assert length is None, name  # 6.3: it ends when it ends
        elif reply.request.method != "HEAD" and "content-encoding" not in reply.headers:
            assert length == str(len(reply.content)), name
        if reply.content:
            assert reply.headers["content-type"].endswith("json")
        assert ("allow" in reply.headers) is (
            reply.status_code == 405 or "OPTIONS" in name
        )  # 15.5.6
        assert "location" not in reply.headers or reply.status_code == 201
        assert "accept-ranges" not in reply.headers


async def test_no_cache_keeps_what_is_not_everybodys(http: httpx.AsyncClient) -> None:
    for name, reply in await replies(http):
        words = {word.strip() for word in reply.headers["cache-control"].split(",")}
        if name in PUBLIC:
            assert words == {"public", "max-age=60"}
        elif name in KEPT and reply.is_success:
            # What was said to somebody in particular nobody else may keep.
            assert words == {"private", f"max-age={KEPT[name].max_age_seconds}"}, name
            assert "Authorization" in reply.headers["vary"], name
        elif "etag" in reply.headers:
            assert {"private", "no-cache"} <= words, name
            assert re.fullmatch(r'"[!#-~]+"', reply.headers["etag"])  # 8.8.3, a strong one
        else:
            assert "no-store" in words, name
        if "no-store" not in words:  # 12.5.5: pages of other origins get other headers
            assert "Origin" in reply.headers["vary"], name


async def test_what_is_said_to_nobody_in_particular_is_kept_by_whoever_it_passes(
    anonymous: httpx.AsyncClient,
) -> None:
    found = [each for each in await replies(anonymous) if each[0] in KEPT]
    assert {name for name, reply in found if reply.is_success} == {*KEPT}
    for name, reply in found:
        words = {word.strip() for word in reply.headers["cache-control"].split(",")}
        assert words == {"public", f"max-age={KEPT[name].max_age_seconds}"}, name
        assert "Authorization" in reply.headers["vary"], name


@pytest.mark.parametrize("path", [USER, LIST, MISSING, "/nowhere", "/health"])
async def test_head_is_get_without_the_content(path: str, http: httpx.AsyncClient) -> None:
    plain = {"accept-encoding": "identity"}
    full, head = await http.get(path, headers=plain), await http.head(path, headers=plain)
    assert (head.status_code, head.content) == (full.status_code, b"")
    for name in full.headers.keys() | head.headers.keys():
        if name not in OF_ONE_CALL and not OF_LIMITS.fullmatch(name):
            assert head.headers.get(name) == full.headers.get(name), name


async def test_a_304_has_the_headers_that_a_cache_needs(http: httpx.AsyncClient) -> None:
    full = await http.get(USER)
    same = await http.get(USER, headers={"if-none-match": '"v1"'})
    assert same.status_code == 304
    for name in ("cache-control", "etag", "vary"):  # 15.4.5
        assert same.headers[name] == full.headers[name]


async def test_what_is_compressed_says_that_it_varies(http: httpx.AsyncClient) -> None:
    for coding in ("gzip", "br", "identity", "gzip;q=0"):
        reply = await http.get(LIST, headers={"accept-encoding": coding})
        assert "accept-encoding" in reply.headers["vary"].lower()  # 12.5.5
        assert reply.headers.get("content-encoding") == (coding if len(coding) < 5 else None)


YESTERDAY = "Thu, 01 Jan 2026 00:00:00 GMT"
CONDITIONS = {
    # 13.2.2: each in its turn; the date is never looked at, as nothing here has one.
    (("if-match", '"v1"'),): 200,
    (("if-match", '"v0", "v1"'),): 200,
    (("if-match", "*"),): 200,
    (("if-match", '"v0"'),): 412,
    (("if-match", 'W/"v1"'),): 412,  # 13.1.1: by strong comparison
    (("if-match", '"v0"'), ("if-none-match", '"v1"')): 412,
    (("if-match", '"v1"'), ("if-none-match", '"v1"')): 304,
    (("if-none-match", 'W/"v1"'),): 304,  # 13.1.2: by weak comparison
    (("if-none-match", '"v0"'),): 200,
    (("if-none-match", '"v0"'), ("if-modified-since", YESTERDAY)): 200,
    (("if-none-match", '"v1"'), ("if-modified-since", YESTERDAY)): 304,
    (("if-modified-since", YESTERDAY),): 200,
    (("if-unmodified-since", YESTERDAY),): 200,
    (("range", "bytes=0-3"),): 200,  # 14.2: may be ignored, and is
    (("range", "bytes=0-3"), ("if-range", '"v1"')): 200,
}


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
@pytest.mark.parametrize("sent", CONDITIONS, ids=str)
async def test_conditions_of_a_read(
    sent: tuple[tuple[str, str], ...], verb: str, http: httpx.AsyncClient
) -> None:
    reply = await http.request(verb, USER, headers=list(sent))
    assert reply.status_code == CONDITIONS[sent]
    if reply.status_code == 412 and verb == "GET":
        error_of(reply, 412, "ETAG_MISMATCH")
    if reply.status_code == 412:
        assert "etag" not in reply.headers
        assert reply.headers["cache-control"].startswith("no-store")


async def test_a_list_has_no_etag_that_could_match(http: httpx.AsyncClient) -> None:
    error_of(await http.get(LIST, headers={"if-match": '"v1"'}), 412, "ETAG_MISMATCH")
    assert (await http.get(LIST, headers={"if-match": "*"})).status_code == 200


@pytest.mark.parametrize("condition", ["if-match", "if-none-match"])
@pytest.mark.parametrize(("path", "status"), [(MISSING, 404), ("/nowhere", 404), (LIST + "/", 404)])
async def test_what_fails_anyway_fails_as_ever(
    path: str, status: int, condition: str, http: httpx.AsyncClient
) -> None:
    for sent in ('"v1"', "*", '"v0"'):  # 13.2.1
        assert (await http.get(path, headers={condition: sent})).status_code == status
