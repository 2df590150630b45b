"""Every rpc takes JSON and answers in it, and tells whoever wants it otherwise."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio

from tests import asking
from tests.asking import RPCS
from tests.campaign.http2 import Request
from tests.e2e.extreme_requests import INTERNAL
from tests.envoy.conftest import SOURCE, Edge, error_of, signed
from tests.envoy.guarded_edge import Doors, opened

TOKEN = ("authorization", f"Bearer {signed(role='ADMIN')}")
REPORTED = ("x-body-type", "x-body-coding", "x-accept")
FORM = "application/x-www-form-urlencoded"
RAW = {"ExchangeApiKey", "ReceivePaymentNotice"}  # take bytes, which they check themselves
NO_BODY = {"204"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    async with opened(tmp_path_factory.mktemp("edge")) as made:
        yield made


def ways(**headers: str) -> list[tuple[str, Request]]:
    """Every rpc by each of its paths, with other headers beside its token."""
    found = []
    for rpc in RPCS:
        for way in asking.by_rest(rpc, asking.good(rpc)) if rpc.name not in INTERNAL else ():
            kept = [each for each in way.headers if each[0] not in headers]
            found.append((rpc.name, replace(way, headers=(*kept, TOKEN, *headers.items()))))
    return found


async def outcomes(doors: Doors, asked: list[tuple[str, Request]]) -> dict[str, set[str]]:
    """By rpc, what each of its paths was answered; nothing entered a handler since before."""
    doors.inside.entered.clear()
    answered = await doors.outcomes("REST", [way for _, way in asked])
    found: dict[str, set[str]] = {}
    for (name, _), outcome in zip(asked, answered, strict=True):
        found.setdefault(name, set()).add(outcome)
    return found


@pytest.mark.parametrize("kind", [FORM, "text/plain", "application/json; charset=utf-16"])
async def test_no_rpc_takes_a_body_of_another_type(kind: str, doors: Doors) -> None:
    asked = [
        (name, way) for name, way in ways(**{"content-type": kind}) if way.body and name not in RAW
    ]
    assert len(asked) > 10
    assert {name: {"415"} for name, _ in asked} == await outcomes(doors, asked)
    assert not doors.inside.entered


@pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", "application/x+json"])
async def test_every_rpc_takes_json_by_another_name(kind: str, doors: Doors) -> None:
    asked = [(name, way) for name, way in ways(**{"content-type": kind}) if way.body]
    for answered in (await outcomes(doors, asked)).values():
        assert all(outcome.startswith("2") for outcome in answered)


async def test_no_rpc_answers_who_takes_no_json(doors: Doors) -> None:
    asked = ways(accept="text/html")
    usual = await outcomes(doors, ways())
    with_body = {name for name, answered in usual.items() if answered != NO_BODY}
    found = await outcomes(doors, asked)
    bare = found.pop("ExchangeApiKey")
    assert bare == {"400"}  # as RFC 6749 has every refusal of a request
    # Only the key set, a document of another standard, is of a type of its own.
    assert {name for name, answered in found.items() if answered != {"406"}} == (
        set(found) - with_body
    )
    entered = {name.rpartition(".")[2] for name in doors.inside.entered}
    assert entered == set(found) - with_body


async def test_what_callers_take_by_default_is_enough(doors: Doors) -> None:
    for accept in ("*/*", "application/json, text/plain, */*", "text/html,*/*;q=0.8"):
        assert await outcomes(doors, ways(accept=accept)) == await outcomes(doors, ways())


async def test_a_form_is_told_how_to_be_json(doors: Doors) -> None:
    """By the service where it could be read as JSON, which curl's -d sends as a form; else here."""
    async with doors.edge.rest() as client:
        login = "/api/v1/auth/login"
        for body, words in ((b'{"email":"a@b.de"}', "--json"), (b"email=a", "application/json")):
            answer = await client.post(login, content=body, headers={"content-type": FORM})
            error = error_of(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
            assert words in error["message"]


@pytest.mark.parametrize("body", [gzip.compress(b'{"email":"a@b.de"}'), b'{"email":"a@b.de"}'])
async def test_a_body_with_a_coding_is_told_so(body: bytes, doors: Doors) -> None:
    """By the service where it could be read all the same; else here."""
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    async with doors.edge.rest() as client:
        answer = await client.post("/api/v1/auth/login", content=body, headers=headers)
    error = error_of(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert error["message"] == "send the body as it is, without 'Content-Encoding'"


def test_what_the_readme_sends_is_said_to_be_json() -> None:
    """But for the one form."""
    text = (SOURCE.parent / "README.md").read_text().replace("\\\n", " ")
    sending = [line for line in text.splitlines() if "curl" in line and " -d " in line]
    assert len(sending) > 3
    for line in sending:
        assert '-H "$JSON"' in line or "/auth/token" in line, line
    assert 'JSON="Content-Type: application/json"' in text


@pytest.mark.parametrize(
    ("sent", "reported"),
    [
        ({"content-type": "application/json", "accept": "*/*"}, {}),
        ({"content-type": "Text/Plain"}, {"x-body-type": "Text/Plain"}),
        ({"accept": "text/html, */*;q=0.1"}, {"x-accept": "text/html, */*;q=0.1"}),
        ({"accept": "a" * 2000}, {"x-accept": "a" * 1024}),
        ({"content-encoding": "gzip"}, {"x-body-coding": "gzip"}),
        ({"x-body-type": "text/plain", "x-accept": "text/plain", "x-body-coding": "br"}, {}),
    ],
)
async def test_the_service_hears_of_types_that_are_not_plainly_json(
    sent: dict[str, str], reported: dict[str, str], running: Edge, anonymous: httpx.AsyncClient
) -> None:
    headers = [(name.encode(), value.encode()) for name, value in sent.items()]
    await anonymous.post("/api/v1/auth/login", content=b"{}", headers=headers)
    metadata = running.upstream.last().metadata
    found = {name: metadata[name] for name in REPORTED if name in metadata}
    assert found == reported
