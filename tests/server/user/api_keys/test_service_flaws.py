"""Forms that ask for no token, through the gRPC door: each is told what it lacks."""

import pytest
from google.api.httpbody_pb2 import HttpBody

from tests.server.refusals import refused
from tests.server.user.api_keys.test_exchange import FORM, basic, form, no
from tests.server.user.doors import Door


@pytest.mark.parametrize(
    ("content_type", "data", "reason"),
    [
        ("application/json", b'{"grant_type":"client_credentials"}', "MALFORMED_REQUEST"),
        ("", b"grant_type=client_credentials", "MALFORMED_REQUEST"),
        (FORM, b"", "MALFORMED_REQUEST"),
        (FORM, b"grant_type=", "MALFORMED_REQUEST"),
        (FORM, b"grant_type=client_credentials&grant_type=x", "MALFORMED_REQUEST"),
        (FORM, b"grant_type=client_credentials&odd=1&odd=2", "MALFORMED_REQUEST"),
        (FORM, b"grant_type=client_credentials&scope=%ff", "MALFORMED_REQUEST"),
        (FORM, b"\xff=1", "MALFORMED_REQUEST"),
        (FORM, b"grant_type=client_credentials&" + b"x" * 8_192, "MALFORMED_REQUEST"),
        (FORM, b"&".join(b"x%d=1" % n for n in range(40)), "MALFORMED_REQUEST"),
        (FORM, b"grant_type=password&username=a&password=b", "UNSUPPORTED_GRANT_TYPE"),
        (FORM, b"grant_type=client_credentials", "INVALID_CLIENT"),
    ],
)
async def test_each_flaw_of_a_form_has_its_word(
    anyone: Door, content_type: str, data: bytes, reason: str
) -> None:
    flawed = HttpBody(content_type=content_type, data=data)
    assert await no(anyone("ExchangeApiKey", flawed)) == reason


@pytest.mark.parametrize(
    ("fields", "header"),
    [
        ({}, None),
        ({"client_id": "01900000-0000-7000-8000-000000000000"}, None),
        ({"client_secret": "guessed"}, None),
        ({}, ("authorization", "Basic")),
        ({}, ("authorization", "basic  ")),
        ({}, ("authorization", "Basic ???")),
        ({}, basic("", "")),
        ({}, basic("an-id", "")),
    ],
    ids=str,
)
async def test_who_names_no_client_is_told_what_to_send(
    anyone: Door, fields: dict[str, str], header: tuple[str, str] | None
) -> None:
    answer = await refused(anyone("ExchangeApiKey", form(**fields), *([header] if header else [])))
    assert answer.reason == "INVALID_CLIENT"
    assert "'Authorization: Basic <base64 of id:secret>'" in answer.message
    assert "client_id and client_secret in the form" in answer.message


async def test_who_sends_nothing_is_told_what_to_send(anyone: Door) -> None:
    answer = await refused(anyone("ExchangeApiKey", HttpBody()))
    assert answer.message == f"send a form, {FORM}, with grant_type=client_credentials"
