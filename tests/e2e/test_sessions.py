"""Sessions by REST, through the edge: their bodies, statuses, addresses, and what no log holds."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from emporium import Emporium
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, new_email, target

PASSWORD = "correct horse"
WRITTEN = "203.0.113.9"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
GIVEN = {"access_token", "token_type", "expires_in", "refresh_token", "session_id", "user"}
GIVEN |= {"totp_enrolment_required"}

SignIn = Callable[[], Awaitable[dict[str, Any]]]


@pytest.fixture
async def sign_in(anyone: Rest) -> SignIn:
    """`await sign_in()`: one more login of one new account."""
    email = new_email()
    account = {"email": email, "full_name": "Ann Example", "password": PASSWORD}
    await anyone.data("POST", "/users", account)

    async def login() -> dict[str, Any]:
        body = {"email": email, "password": PASSWORD}
        headers = {"user-agent": FIREFOX, "x-forwarded-for": WRITTEN}
        given: dict[str, Any] = await anyone.data("POST", "/auth/login", body, headers=headers)
        return given

    return login


async def test_a_session_is_begun_seen_gone_on_with_and_left(
    anyone: Rest, http: httpx.AsyncClient, sign_in: SignIn
) -> None:
    login = await sign_in()
    assert set(login) == GIVEN | {"device_token"}
    owner = Rest(http, login["access_token"])
    (session,) = (await owner.data("GET", "/auth/sessions"))["sessions"]
    assert set(session) == {
        "id", "device", "address", "created_at", "last_seen_at", "current",
    }  # fmt: skip
    assert (session["id"], session["device"]) == (login["session_id"], FIREFOX)
    assert session["current"]
    # Of the loopback Envoy makes an address of this machine. What a caller writes is nowhere.
    assert str(ip_address(session["address"])) != WRITTEN

    answer = await anyone("POST", "/auth/refresh", {"refresh_token": login["refresh_token"]})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    given = answer.json()["data"]
    assert set(given) == GIVEN
    assert (given["session_id"], given["user"]) == (login["session_id"], login["user"])
    assert given["refresh_token"] != login["refresh_token"]

    left = await Rest(http, given["access_token"])("POST", "/auth/logout")
    assert (left.status_code, left.content) == (204, b"")
    ended = await anyone("POST", "/auth/refresh", {"refresh_token": given["refresh_token"]})
    assert error_of(ended, 401)["code"] == "SESSION_ENDED"


async def test_a_spent_token_is_told_so(anyone: Rest, sign_in: SignIn) -> None:
    login = await sign_in()
    tokens = [login["refresh_token"]]
    for _ in range(2):
        body = {"refresh_token": tokens[-1]}
        tokens.append((await anyone.data("POST", "/auth/refresh", body))["refresh_token"])
    reused = await anyone("POST", "/auth/refresh", {"refresh_token": tokens[0]})
    assert error_of(reused, 401)["code"] == "REFRESH_TOKEN_REUSED"
    ended = await anyone("POST", "/auth/refresh", {"refresh_token": tokens[-1]})
    assert error_of(ended, 401)["code"] == "SESSION_ENDED"


async def test_another_device_can_be_signed_out(
    anyone: Rest, http: httpx.AsyncClient, sign_in: SignIn
) -> None:
    lost, at_hand = await sign_in(), await sign_in()
    owner = Rest(http, at_hand["access_token"])
    ended = await owner("DELETE", f"/auth/sessions/{lost['session_id']}")
    assert (ended.status_code, ended.content) == (204, b"")
    again = await owner("DELETE", f"/auth/sessions/{lost['session_id']}")
    assert error_of(again, 404)["code"] == "SESSION_NOT_FOUND"
    sessions = (await owner.data("GET", "/auth/sessions"))["sessions"]
    assert [each["id"] for each in sessions] == [at_hand["session_id"]]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "VALIDATION_FAILED"),
        ({"refresh_token": ""}, 422, "VALIDATION_FAILED"),
        ({"refresh_token": "x" * 129}, 422, "VALIDATION_FAILED"),
        ({"refresh_token": 7}, 400, "MALFORMED_REQUEST"),
        ({"refreshtoken": "x"}, 400, "UNKNOWN_FIELD"),
        ({"refresh_token": "x"}, 401, "INVALID_TOKEN"),
    ],
)
async def test_a_refresh_without_a_token_of_ours(
    anyone: Rest, body: dict[str, Any], status: int, code: str
) -> None:
    assert error_of(await anyone("POST", "/auth/refresh", body), status)["code"] == code


async def test_an_access_token_refreshes_nothing(anyone: Rest, sign_in: SignIn) -> None:
    login = await sign_in()
    body = {"refresh_token": login["access_token"]}
    code = error_of(await anyone("POST", "/auth/refresh", body), 422)["code"]
    assert code == "VALIDATION_FAILED"  # it is too long to be one


async def test_refresh_tokens_are_in_no_log(
    anyone: Rest, sign_in: SignIn, cluster: Cluster
) -> None:
    login = await sign_in()
    body = {"refresh_token": login["refresh_token"]}
    given = await anyone.data("POST", "/auth/refresh", body)
    again = {"refresh_token": given["refresh_token"]}
    await anyone.data("POST", "/auth/refresh", again)
    error_of(await anyone("POST", "/auth/refresh", body), 401)
    written = b"".join(log.read_bytes() for log in cluster.home.logs.iterdir() if log.is_file())
    assert b"session.refresh_token_reused" in written
    for token in (login["refresh_token"], given["refresh_token"], given["access_token"]):
        assert token.encode() not in written


async def test_the_client_signs_in_goes_on_and_leaves(sign_in: SignIn, cluster: Cluster) -> None:
    login = await sign_in()
    async with Emporium(target(cluster, "edge")) as shop:
        given = await shop.auth.login(login["user"]["email"], PASSWORD)
        sessions = await shop.auth.sessions()
        assert [each.id for each in sessions] == [given.session_id, login["session_id"]]
        await shop.auth.refresh(given.refresh_token)
        await shop.auth.end_session(login["session_id"])
        assert (await shop.users.get(given.user.id)).email == login["user"]["email"]
        await shop.auth.logout()
