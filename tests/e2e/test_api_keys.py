"""API keys through the edge, as RFC 6749 has them; and an OAuth client that others wrote."""

import asyncio
import warnings
from typing import Any

import httpx
import pytest
from authlib.deprecate import AuthlibDeprecationWarning

from emporium import Emporium, PermissionDenied, Unauthenticated
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target
from tests.waiting import until

with warnings.catch_warnings():
    # Of httpx, which it would rather have under another name. Its own filter shows it always.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

TOKEN = "/api/v1/auth/token"
GRANT = {"grant_type": "client_credentials"}
UNKNOWN = "01900000-0000-7000-8000-000000000000"

Key = dict[str, Any]


@pytest.fixture
async def key(staff: Rest) -> Key:
    """A key of the demo staff's, which may read orders."""
    body = {"name": "ERP", "scopes": ["orders.read"]}
    answer = await staff("POST", "/auth/api-keys", body)
    assert answer.status_code == 201
    made: Key = answer.json()["data"]
    assert answer.headers["location"] == f"/api/v1/auth/api-keys/{made['id']}"
    return made


def bare_error(answer: httpx.Response, status: int, error: str) -> None:
    """The answer is a refusal of RFC 6749, section 5.2, and nothing else."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "error_description"}
    assert body["error"] == error
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers.get("www-authenticate", "").startswith("Basic ") == (status == 401)


async def test_a_key_is_shown_once_listed_and_ended(
    staff: Rest, key: Key, http: httpx.AsyncClient
) -> None:
    assert set(key) == {"id", "name", "scopes", "created_at", "expires_at", "secret"}
    listed = (await staff.data("GET", "/auth/api-keys?per_page=100"))["api_keys"]
    (shown,) = [each for each in listed if each["id"] == key["id"]]
    assert shown == key | {"secret": ""}
    assert (await staff("DELETE", f"/auth/api-keys/{key['id']}")).status_code == 204
    form = GRANT | {"client_id": key["id"], "client_secret": key["secret"]}
    bare_error(await http.post(TOKEN, data=form), 401, "invalid_client")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_an_oauth_client_that_others_wrote_gets_a_token_and_goes_on(
    method: str, key: Key, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the test's edge has no TLS
    async with AsyncOAuth2Client(
        key["id"],
        key["secret"],
        token_endpoint_auth_method=method,
        token_endpoint=cluster.edge_url + TOKEN,
        grant_type="client_credentials",
        scope="orders.read",
        base_url=cluster.edge_url,
    ) as client:
        token = await client.fetch_token()
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 300)
        assert token["scope"] == "orders.read"
        assert (await client.get("/api/v1/orders")).status_code == 200
        client.token = token | {"expires_at": 1}  # it asks for another one by itself
        assert (await client.get("/api/v1/orders")).status_code == 200
        assert client.token["access_token"] != token["access_token"]
        with pytest.raises(OAuthError) as raised:
            await client.fetch_token(scope="users.write")
        assert raised.value.error == "invalid_scope"


async def test_the_answer_is_bare_and_nobody_stores_it(key: Key, http: httpx.AsyncClient) -> None:
    answer = await http.post(TOKEN, data=GRANT, auth=(key["id"], key["secret"]))
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert answer.headers["content-type"] == "application/json"


async def test_each_refusal_has_the_rfcs_word(key: Key, http: httpx.AsyncClient) -> None:
    pair = (key["id"], key["secret"])
    for headers in ({}, {"authorization": "Basic"}, {"authorization": "Basic ???"}):
        nobody = await http.post(TOKEN, data=GRANT, headers=headers)
        bare_error(nobody, 401, "invalid_client")
        assert "Basic <base64 of id:secret>" in nobody.json()["error_description"]
    nothing = await http.post(TOKEN)
    bare_error(nothing, 400, "invalid_request")
    assert "grant_type=client_credentials" in nothing.json()["error_description"]
    wrong = await http.post(TOKEN, data=GRANT, auth=(UNKNOWN, "guessed"))
    bare_error(wrong, 401, "invalid_client")
    password = {"grant_type": "password", "username": "a", "password": "b"}
    bare_error(await http.post(TOKEN, data=password, auth=pair), 400, "unsupported_grant_type")
    further = GRANT | {"scope": "orders.write"}
    bare_error(await http.post(TOKEN, data=further, auth=pair), 400, "invalid_scope")
    flawed: tuple[dict[str, Any], ...] = (
        {"data": {}},
        {"json": GRANT},
        {"data": GRANT | {"client_secret": key["secret"]}},
        {"data": GRANT, "params": {"client_id": key["id"]}},
        {"content": "grant_type=client_credentials&grant_type=client_credentials"},
    )
    for request in flawed:
        answer = await http.post(TOKEN, auth=pair, **request)
        bare_error(answer, 400, "invalid_request")


async def test_basic_is_taken_nowhere_else(key: Key, http: httpx.AsyncClient) -> None:
    pair = (key["id"], key["secret"])
    for path in ("/api/v1/orders", "/api/v1/products", "/api/v1/auth/api-keys"):
        error_of(await http.get(path, auth=pair), 401)


async def test_a_key_reaches_as_far_as_its_scopes_by_every_door(
    key: Key, cluster: Cluster, http: httpx.AsyncClient
) -> None:
    given = (await http.post(TOKEN, data=GRANT, auth=(key["id"], key["secret"]))).json()
    program = Rest(http, given["access_token"])
    await program.data("GET", "/orders")
    for verb, path, body in (
        ("POST", "/orders", {"items": []}),
        ("GET", "/products", None),
        ("GET", "/reports/sales", None),
        ("POST", "/auth/api-keys", {"name": "another", "scopes": ["orders.write"]}),
        ("GET", "/auth/sessions", None),
        ("POST", "/auth/password", {"current_password": "x", "password": "correct horse"}),
    ):
        error = error_of(await program(verb, path, body), 403)
        assert error["code"] == "INSUFFICIENT_SCOPE"

    for door in ("edge", "service"):
        async with Emporium(target(cluster, door), token=given["access_token"]) as shop:
            await shop.orders.list().first_page()
            with pytest.raises(PermissionDenied) as raised:
                await shop.products.create("85123A", "Heart", "2.55")
            assert raised.value.reason == "INSUFFICIENT_SCOPE"


async def test_the_tokens_of_a_key_that_is_deleted_end_with_it(
    key: Key, staff: Rest, cluster: Cluster, http: httpx.AsyncClient
) -> None:
    given = (await http.post(TOKEN, data=GRANT, auth=(key["id"], key["secret"]))).json()
    program = Rest(http, given["access_token"])
    await program.data("GET", "/orders")
    assert (await staff("DELETE", f"/auth/api-keys/{key['id']}")).status_code == 204

    async def is_refused() -> bool:
        answer = await program("GET", "/orders")
        return answer.status_code == 401 and error_of(answer, 401)["code"] == "API_KEY_DELETED"

    await until(is_refused, timeout_seconds=5)
    error = error_of(await program("GET", "/orders"), 401)
    assert error["message"] == "the API key was deleted; sign in by another one"
    async with Emporium(target(cluster, "service"), token=given["access_token"]) as shop:
        with pytest.raises(Unauthenticated) as raised:
            await shop.orders.list().first_page()
        assert raised.value.reason == "API_KEY_DELETED"


async def test_the_client_needs_nothing_but_the_key(key: Key, cluster: Cluster) -> None:
    async with Emporium(target(cluster, "edge"), api_key=key["secret"]) as shop:
        pages = await asyncio.gather(*(shop.orders.list().first_page() for _ in range(20)))
        assert all(len(page) for page in pages)
        assert isinstance(shop.token, str)
