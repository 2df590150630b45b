"""Who gets in, by which token."""

import base64
import json
import time
from typing import Any

import grpc
import jwt
import pytest
from google.api.httpbody_pb2 import HttpBody

from server.kit import auth
from server.kit.context import Context, Role
from server.kit.shares import sharer
from tests.server.conftest import Token
from tests.server.kit.conftest import Lines, Running
from tests.server.kit.ping import Ping, response
from tests.server.refusals import refused

NOW = int(time.time())
CLAIMS = {
    "iss": "emporium",
    "aud": "emporium",
    "sub": "0190b0a0-0000-7000-8000-000000000001",
    "sid": "0190b0a0-0000-7000-8000-000000000002",
    "role": "CUSTOMER",
    "iat": NOW,
    "exp": NOW + 80_000,  # whenever its test comes
    "jti": "one",
}


def forge(
    signer: auth.Signer,
    *,
    header: dict[str, Any] | None = None,
    without: str = "",
    **claims: Any,
) -> str:
    """A token that `signer` has really signed, with claims and header of the forger's choice."""
    kept = {name: value for name, value in {**CLAIMS, **claims}.items() if name != without}
    headers = {"kid": signer.kid, "typ": "at+jwt", **(header or {})}
    return jwt.encode(kept, signer._key, algorithm="EdDSA", headers=headers)


def unsigned(header: object, claims: object = None) -> str:
    parts = (json.dumps(part).encode() for part in (header, claims or CLAIMS))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


async def reason_for(ping: Ping, token: str, name: str = "SignedIn") -> str:
    answer = await refused(ping.call(name, token=token))
    assert answer.code is grpc.StatusCode.UNAUTHENTICATED
    reason: str = answer.reason
    return reason


async def test_a_good_token_names_the_caller(ping: Ping, signer: auth.Signer) -> None:
    answer = await ping.call("SignedIn", token=forge(signer))
    assert answer.caller == CLAIMS["sub"]


async def test_no_token_is_told_to_sign_in(ping: Ping) -> None:
    assert (await refused(ping.call("SignedIn"))).reason == "UNAUTHENTICATED"


async def test_a_public_rpc_needs_none_but_refuses_a_bad_one(
    ping: Ping, signer: auth.Signer
) -> None:
    assert (await ping.call("Ping")).caller == ""
    assert (await ping.call("Ping", token=forge(signer))).caller == CLAIMS["sub"]
    assert await reason_for(ping, forge(signer, exp=NOW - 60), "Ping") == "TOKEN_EXPIRED"
    assert await reason_for(ping, "nonsense", "Ping") == "INVALID_TOKEN"


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"iss": "somebody"},
        {"role": "KING"},
        {"role": ["ADMIN"]},
        {"role": None},
        {"sub": 7},
        {"exp": "soon"},
        {"iat": NOW + 3600},
        {"nbf": NOW + 3600},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": "refresh+jwt"}},
        {"header": {"kid": "user-2"}},
        {"header": {"crit": ["b64"], "b64": False}},
        *({"without": name} for name in CLAIMS),
    ],
    ids=str,
)
async def test_what_is_signed_and_wrong_is_refused(
    ping: Ping, signer: auth.Signer, change: dict[str, Any]
) -> None:
    assert await reason_for(ping, forge(signer, **change)) == "INVALID_TOKEN"


async def test_an_expired_token_is_told_apart(ping: Ping, signer: auth.Signer) -> None:
    assert await reason_for(ping, forge(signer, exp=NOW - 60)) == "TOKEN_EXPIRED"


async def test_a_clock_may_differ_a_little(ping: Ping, signer: auth.Signer) -> None:
    assert await ping.call("SignedIn", token=forge(signer, exp=int(time.time()) - 1))


async def test_another_key_under_a_known_id_is_refused(ping: Ping, signer: auth.Signer) -> None:
    thief = auth.Signer(auth.new_key(signer.kid), lifetime_seconds=600)
    assert await reason_for(ping, forge(thief)) == "INVALID_TOKEN"


async def test_a_changed_token_is_refused(ping: Ping, signer: auth.Signer) -> None:
    head, _, signature = forge(signer).split(".")
    _, claims, _ = forge(signer, role="ADMIN").split(".")
    assert await reason_for(ping, f"{head}.{claims}.{signature}") == "INVALID_TOKEN"


async def test_unsigned_tokens_are_refused(ping: Ping, signer: auth.Signer) -> None:
    for algorithm in ("none", "None", "NONE", "EdDSA"):
        header = {"alg": algorithm, "kid": signer.kid, "typ": "at+jwt"}
        assert await reason_for(ping, unsigned(header)) == "INVALID_TOKEN"


async def test_the_public_key_is_no_secret_to_sign_with(ping: Ping, signer: auth.Signer) -> None:
    public = base64.urlsafe_b64decode(signer.public_key["x"] + "=")
    headers = {"kid": signer.kid, "typ": "at+jwt"}
    token = jwt.encode(CLAIMS, public, algorithm="HS256", headers=headers)
    assert await reason_for(ping, token) == "INVALID_TOKEN"


@pytest.mark.parametrize(
    "header",
    [{}, [], "text", {"alg": "EdDSA", "kid": 7}, {"alg": "EdDSA", "kid": ["user-1"]}],
    ids=str,
)
async def test_odd_headers_are_refused(ping: Ping, header: object) -> None:
    assert await reason_for(ping, unsigned(header)) == "INVALID_TOKEN"


async def test_a_header_nested_beyond_reason_is_no_defect(ping: Ping, lines: Lines) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 5_000).decode().rstrip("=")
    assert await reason_for(ping, f"{deep}.e30.AA") == "INVALID_TOKEN"
    assert [line["log_level"] for line in lines] == ["info"]


async def test_a_services_key_vouches_for_its_service_only(
    ping: Ping, service_signer: auth.Signer
) -> None:
    good = forge(service_signer, sub="service:order", role="SERVICE")
    assert (await ping.call("Internal", token=good)).caller == "service:order"
    wrong: list[dict[str, Any]] = [
        {"sub": "service:order", "role": "ADMIN"},
        {"role": "ADMIN"},
        {"role": "SERVICE"},
        {"sub": "service:user", "role": "SERVICE"},
    ]
    for claims in wrong:
        assert await reason_for(ping, forge(service_signer, **claims)) == "INVALID_TOKEN"


async def test_the_users_key_vouches_for_no_service(ping: Ping, signer: auth.Signer) -> None:
    token = signer.sign("service:order", Role.SERVICE)
    assert await reason_for(ping, token, "Internal") == "INVALID_TOKEN"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {} {}"])
async def test_anything_but_bearer_and_a_token_is_refused(
    ping: Ping, token: Token, header: str
) -> None:
    good = token("CUSTOMER")
    headers = {"authorization": header.format(good, good)}
    assert (await refused(ping.call("SignedIn", headers=headers))).reason == "INVALID_TOKEN"


async def test_the_schemes_case_does_not_matter(ping: Ping, token: Token) -> None:
    headers = {"authorization": f"bearer {token('CUSTOMER', 'ann')}"}
    assert (await ping.call("SignedIn", headers=headers)).caller == "ann"


@pytest.mark.parametrize("name", ["Count", "Collect", "Echo"])
async def test_streams_ask_before_they_read(ping: Ping, name: str) -> None:
    message: list[Any] | None = None if name == "Count" else []
    answer = await refused(ping.call(name, message, token="nonsense"))
    assert answer.reason == "INVALID_TOKEN"


@pytest.mark.parametrize(
    ("caller", "headers", "whose"),
    [
        ({}, {}, CLAIMS["sub"]),
        ({}, {"x-forwarded-for": "10.0.0.1"}, CLAIMS["sub"]),
        (None, {"x-forwarded-for": "10.9.9.9, 10.0.0.1"}, "10.0.0.1"),  # the edge writes the last
        (None, {}, ""),
        ({"sub": "service:order", "role": "SERVICE"}, {}, ""),  # it asks on behalf of many
    ],
    ids=["person", "person through the edge", "stranger", "past the edge", "service"],
)
async def test_a_call_is_served_on_somebodys_account(
    caller: dict[str, Any] | None,
    headers: dict[str, str],
    whose: str,
    running: Running,
    signer: auth.Signer,
    service_signer: auth.Signer,
) -> None:
    async def tell(message: Any, context: Context) -> Any:
        return response(text=sharer.get())

    by = service_signer if caller and "role" in caller else signer
    token = "" if caller is None else forge(by, **caller)
    async with running(tell) as ping:
        assert (await ping.call("Ping", token=token, headers=headers)).text == whose


@pytest.mark.parametrize("scheme", ["Basic", "basic"])
async def test_basic_is_for_the_servicer_of_an_rpc_that_takes_it(
    running: Running, scheme: str
) -> None:
    async def heard(message: Any, context: Context) -> Any:
        assert context.caller is None
        return response(text=context.metadata["authorization"])

    sent = {"authorization": f"{scheme} bWU6c2VjcmV0"}
    async with running(heard) as ping:
        assert (await ping.call("Form", HttpBody(), headers=sent)).text == sent["authorization"]
        answer = await refused(ping.call("Ping", headers=sent))
        assert answer.reason == "INVALID_TOKEN"
        answer = await refused(ping.call("Form", HttpBody(), "nonsense"))
        assert answer.reason == "INVALID_TOKEN"


@pytest.mark.parametrize(
    ("name", "says"), [("Form", "'Basic <base64 of id:secret>'"), ("Ping", "'Bearer <token>'")]
)
async def test_a_header_of_neither_scheme_is_told_which_one_to_use(
    ping: Ping, name: str, says: str
) -> None:
    message = HttpBody() if name == "Form" else None
    answer = await refused(ping.call(name, message, headers={"authorization": "Digest x"}))
    assert answer.reason == "INVALID_TOKEN"
    assert answer.message == f"the Authorization header must be {says}"
