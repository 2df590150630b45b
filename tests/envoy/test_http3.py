"""HTTP/3: the same edge once more, by QUIC, found by those who come over TLS."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.certificates import Authority
from tests.envoy.conftest import SOURCE, error_of, signed
from tests.envoy.http3 import Lost, http3
from tests.envoy.test_tls import USER, Secured, secured  # noqa: F401  # a fixture, by its name

GET_USER = "emporium.user.v1.UserService/GetUser"
PATH = f"/api/v1/users/{USER}"


def token() -> tuple[str, str]:
    return "authorization", f"Bearer {signed()}"


async def test_a_call_is_answered_as_by_every_other_protocol(
    secured: Secured,  # noqa: F811  # the fixture that is imported above
) -> None:
    async with http3(secured.port, secured.authority.file) as client:
        read, created = await asyncio.gather(
            client.call("GET", PATH, [token()]),
            client.call("POST", "/api/v1/users", body=b"{}"),
        )
        error_of(await client.call("GET", PATH), 401, "UNAUTHENTICATED")
        error_of(await client.call("GET", "/nowhere"), 404, "ROUTE_NOT_FOUND")
        large = ("x-large", "a" * 10_000)
        error_of(await client.call("GET", PATH, [token(), large]), 431, "HEADERS_TOO_LARGE")
    assert read.json()["data"]["id"] == USER
    assert (read.status_code, created.status_code) == (200, 200)
    assert read.headers["strict-transport-security"].startswith("max-age=")
    assert int(read.headers["x-rate-limit-remaining"]) > 0
    line = await secured.edge.logged(read.headers["x-request-id"])
    assert (line["method"], line["rpc"], line["client"]) == ("GET", GET_USER, "127.0.0.1")


async def test_a_body_of_a_megabyte_arrives_and_a_larger_one_is_told_so(
    secured: Secured,  # noqa: F811  # the fixture that is imported above
) -> None:
    bodies = [b'{"full_name": "%s"}' % (b"a" * size) for size in (900_000, 1_100_000)]
    async with http3(secured.port, secured.authority.file) as client:
        answers = [
            await client.call("PATCH", PATH, [token(), ("content-type", "application/json")], body)
            for body in bodies
        ]
    assert answers[0].status_code == 200, answers[0].text
    error_of(answers[1], 413, "BODY_TOO_LARGE")


async def test_only_over_tls_callers_are_told_of_it(
    secured: Secured,  # noqa: F811  # the fixture that is imported above
) -> None:
    for http2 in (False, True):
        async with secured.client(http2=http2) as client:
            told = (await client.get(PATH)).headers["alt-svc"]
        assert told == f'h3=":{secured.port}"; ma=3600'
    async with secured.edge.rest(signed()) as client:
        assert "alt-svc" not in (await client.get(PATH)).headers


async def test_nobody_else_s_certificate_is_shown(
    secured: Secured,  # noqa: F811  # the fixture that is imported above
    tmp_path: Path,
) -> None:
    stranger = Authority(tmp_path, "stranger")
    with pytest.raises(ConnectionError):
        async with http3(secured.port, stranger.file) as client:
            await client.call("GET", "/health")


async def test_nothing_is_taken_before_the_handshake_is_done(
    secured: Secured,  # noqa: F811  # the fixture that is imported above
) -> None:
    tickets: list[Any] = []
    async with http3(secured.port, secured.authority.file, tickets) as client:
        await client.call("GET", "/health")
    assert not [ticket for ticket in tickets if ticket.max_early_data_size]


async def test_calls_that_are_taken_back_end_the_connection(
    secured: Secured,  # noqa: F811  # the fixture that is imported above
) -> None:
    async def take_back() -> None:
        for _ in range(400):
            client.take_back("GET", PATH)
            await client.call("GET", "/health")

    async with http3(secured.port, secured.authority.file) as client:
        with pytest.raises(Lost, match="too_many_premature_resets"):
            await take_back()


def test_what_is_done_with_http_is_the_same_by_every_listener() -> None:
    config = yaml.safe_load((SOURCE / "envoy.yaml").read_text())
    managers = {
        each["name"]: each["filter_chains"][0]["filters"][-1]["typed_config"]
        for each in config["static_resources"]["listeners"]
        if "address" in each
    }
    assert managers["edge_tls"] == managers["edge"]
    assert managers["edge_quic"] == managers["edge"] | {"codec_type": "HTTP3"}
