"""What the edge answers from files: the OpenAPI document, and the pages that show it."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.contract import assets
from tests.envoy.conftest import SOURCE, Edge, error_of, signed

PATH = "/api/openapi.json"
PAGES = ("/api/docs", "/api/redoc")
SERVED: list[dict[str, Any]] = yaml.safe_load((SOURCE / "routes.yaml").read_text())["documents"]
DOCUMENT = (SOURCE / "generated/openapi.json").read_bytes()


async def test_it_is_the_document_that_the_contract_gives(running: Edge) -> None:
    async with running.rest() as client:
        answer = await client.get(PATH)
    assert answer.status_code == 200
    assert answer.content == DOCUMENT
    assert len(DOCUMENT) > 100_000  # far beyond what Envoy allows by itself
    assert PATH in json.loads(answer.text)["paths"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["etag"].strip('"')
    for name in ("x-request-id", "x-rate-limit-remaining", "content-security-policy"):
        assert answer.headers[name], name
    assert not [name for name in answer.headers if name.startswith("x-emporium")]
    logged = await running.logged(answer.headers["x-request-id"])
    assert (logged["status"], logged["path"], logged["rpc"]) == (200, PATH, None)


@pytest.mark.parametrize("http2", [False, True])
async def test_head_has_all_but_the_body(running: Edge, http2: bool) -> None:
    async with running.rest(http2=http2) as client:
        answer = await client.head(PATH)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(DOCUMENT))
    assert answer.headers["etag"]


async def test_whoever_has_it_is_told_so(running: Edge) -> None:
    async with running.rest() as client:
        etag = (await client.get(PATH)).headers["etag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            answer = await client.get(PATH, headers={"if-none-match": known})
            assert (answer.status_code, answer.content) == (304, b""), known
            assert answer.headers["etag"] == etag
            assert answer.headers["cache-control"] == "public, max-age=300"
        for other in ('"other"', etag.strip('"'), etag.replace('"', "'")):
            answer = await client.get(PATH, headers={"if-none-match": other})
            assert (answer.status_code, answer.content) == (200, DOCUMENT), other


async def test_it_asks_for_no_token_and_looks_at_none(running: Edge) -> None:
    for token in (signed(), "nonsense"):
        async with running.rest(token) as client:
            assert (await client.get(PATH)).status_code == 200


async def test_any_page_may_read_it(running: Edge) -> None:
    async with running.rest() as client:
        for origin in ("http://localhost:3000", "https://elsewhere.example"):
            answer = await client.get(PATH, headers={"origin": origin})
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "etag" in answer.headers["access-control-expose-headers"]
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("document", [each for each in SERVED if each.get("packed")], ids=str)
async def test_a_large_file_is_kept_for_long_and_packed_for_who_takes_that(
    running: Edge, document: dict[str, Any]
) -> None:
    path = document["path"]
    etags = set()
    async with running.rest() as client:
        for accepted, coding in {
            "gzip, deflate, br": "gzip",
            "br;q=1.0, gzip;q=0.8, *;q=0.1": "gzip",
            "gzip": "gzip",
            "gzip;q=0": None,
            "gzip;q=0.0, br": None,
            "xgzip": None,
            "identity": None,
        }.items():
            answer = await client.get(path, headers={"accept-encoding": accepted})
            assert answer.status_code == 200
            assert answer.headers.get("content-encoding") == coding, accepted
            assert answer.headers["cache-control"] == "public, max-age=86400"
            assert answer.headers["vary"] == "Accept-Encoding"
            assert answer.headers["content-type"] == document["content_type"]
            assert hashed(answer.content) == hashed(installed(document).read_bytes())
            if coding:
                assert int(answer.headers["content-length"]) < len(answer.content) / 2
            etags.add((coding, answer.headers["etag"]))
            known = {"accept-encoding": accepted, "if-none-match": answer.headers["etag"]}
            again = await client.get(path, headers=known)
            assert (again.status_code, again.headers["etag"]) == (304, answer.headers["etag"])
    assert len(etags) == 2


def installed(document: dict[str, Any]) -> Path:
    name = Path(document["file"]).name
    return next(each for each in assets.installed() if each.name == name)


def hashed(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_it_has_no_other_verbs(running: Edge) -> None:
    async with running.rest() as client:
        error_of(await client.post(PATH, json={}), 405, "METHOD_NOT_ALLOWED")
        answer = await client.options(PATH)
        error_of(await client.get(f"{PATH}/"), 404, "ROUTE_NOT_FOUND")
    assert answer.status_code == 204
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_it_is_counted_like_any_call(running: Edge) -> None:
    async with running.rest() as client:
        first = await client.get(PATH)
        second = await client.get(PATH)
    left = [int(each.headers["x-rate-limit-remaining"]) for each in (first, second)]
    assert left[0] > left[1]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_nothing_that_is_not_served_here(running: Edge, path: str) -> None:
    async with running.rest() as client:
        page = await client.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        loaded = re.findall(r'(?:src|href)="(/[^"]*)"', page.text)
        assert loaded
        for each in loaded:
            answer = await client.get(each)
            assert answer.status_code == 200, each
            kind = "text/css" if each.endswith(".css") else "text/javascript"
            assert answer.headers["content-type"].startswith(kind)
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_no_script_of_its_own_and_calls_nobody_else(
    running: Edge, path: str
) -> None:
    async with running.rest() as client:
        page = await client.get(path)
    policy = dict(
        each.strip().split(" ", 1) for each in page.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert not re.search(r"https?:|\*", page.headers["content-security-policy"])
    assert not re.search(r"<script>|<style|javascript:|\bon\w+=|style=", page.text)


async def test_what_an_installed_package_has_is_served_as_it_is(running: Edge) -> None:
    named = {Path(each["file"]).name: each["path"] for each in SERVED}
    async with running.rest() as client:
        for file in assets.installed():
            answer = await client.get(named[file.name])
            assert answer.content == file.read_bytes()
            again = await client.get(
                named[file.name], headers={"if-none-match": answer.headers["etag"]}
            )
            assert again.status_code == 304


def test_a_container_is_given_every_file_that_its_edge_serves(tmp_path: Path) -> None:
    assets.copy(tmp_path / "docs")
    copied = {f"{assets.CONTAINER}{each.name}" for each in (tmp_path / "docs").iterdir()}
    routes = (SOURCE / "generated/answers.yaml").read_text()
    assert copied == set(re.findall(rf"filename: ({assets.CONTAINER}\S+)", routes))


async def test_nobody_keeps_the_refusal_of_a_call_too_many(running: Edge) -> None:
    async with running.rest() as client:
        answers = [await client.get(PATH) for _ in range(101)]
    assert [each.status_code for each in answers] == [200] * 100 + [429]
    assert answers[-1].headers["cache-control"] == "no-store"
    assert "etag" not in answers[-1].headers
    assert answers[-1].headers["retry-after"]
