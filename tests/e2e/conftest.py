"""One whole cluster for all end-to-end tests: real databases, services and edge, on a RAM disk."""

import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import asyncpg
import httpx
import pytest
import pytest_asyncio

from server.local.cluster import Cluster
from server.local.home import keys, record
from server.local.home.folder import Home
from server.local.options import ClusterOptions

UNLIMITED_PER_MINUTE = 1_000_000
CALL_TIMEOUT_SECONDS = 20.0


class Rest:
    """The REST door, as one caller uses it."""

    def __init__(self, http: httpx.AsyncClient, token: str | None = None) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    async def __call__(
        self,
        verb: str,
        path: str,
        json: Any = None,
        *,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """`await rest("GET", "/users/1")`: the answer, whatever it is."""
        if json is not None:
            options["json"] = json
        return await self._http.request(
            verb,
            path if path.startswith("/api/") else f"/api/v1{path}",
            headers={**self._headers, **(headers or {})},
            **options,
        )

    async def data(self, verb: str, path: str, json: Any = None, **options: Any) -> Any:
        """The `data` of an answer that must be a success."""
        answer = await self(verb, path, json, **options)
        assert answer.is_success, answer.text
        body = answer.json()
        assert body["status"] == "success", body
        return body["data"]


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The `error` of an answer that must have failed with `status`, in the contract's envelope."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["status"] == "error", body
    assert set(body) == {"status", "error", "request_id"}, body
    assert body["request_id"] == answer.headers["x-request-id"]
    error: dict[str, Any] = body["error"]
    assert error["code"], body
    assert error["message"], body
    return error


def violated_fields(error: dict[str, Any]) -> set[str]:
    """The fields that an error's details name."""
    return {
        violation["field"]
        for detail in error["details"]
        for violation in detail.get("field_violations", [])
    }


def new_email() -> str:
    """An e-mail that nobody has yet."""
    return f"{uuid.uuid4().hex}@example.com"


async def prove(home: Home, user_id: str) -> None:
    """Says that the account is its owner's, as a link does that `test_mail.py` follows.

    Its password too, so that it may be given a role.
    """
    running = record.read(home)
    assert running
    connection = await asyncpg.connect(running.postgres["user"])
    try:
        proven = "UPDATE users SET owner_proven = true, password_proven = true WHERE id = $1"
        await connection.execute(proven, user_id)
    finally:
        await connection.close()


async def employed(home: Home, admin: Rest, password: str, role: str) -> str:
    """The e-mail of a new account that signs in by `password` in that role."""
    email = new_email()
    account = {"email": email, "full_name": "Ann Example", "password": password}
    made = await admin.data("POST", "/users", account)
    await prove(home, made["id"])
    await admin.data("POST", f"/users/{made['id']}:setRole", {"role": role})
    return email


def throwaway_cluster(
    home: Path, seed: Literal["small", "none"] = "small", *, ephemeral: bool = True
) -> Cluster:
    """A cluster on free ports, with limits that tests do not meet; not yet begun.

    Where it is not `ephemeral`, what is committed outlives a database that is killed.
    """
    for name in ("LOGIN_FAILURES_MAX", "ADDRESS_FAILURES_MAX"):
        os.environ[name] = str(UNLIMITED_PER_MINUTE)
    os.environ |= {"WEBHOOK_NETWORKS": "127.0.0.0/8", "WEBHOOK_HTTP": "true"}
    return Cluster(
        ClusterOptions(
            home=home,
            edge_port=0,
            ephemeral=ephemeral,
            seed=seed,
            rate_limit_per_minute=UNLIMITED_PER_MINUTE,
            login_limit_per_minute=UNLIMITED_PER_MINUTE,
            token_limit_per_minute=UNLIMITED_PER_MINUTE,
        )
    )


def target(cluster: Cluster, door: str, service: str = "order") -> str:
    """Where gRPC finds a service: through the `edge`, or its own `service` port."""
    if door == "edge":
        return cluster.edge_url.removeprefix("http://")
    return cluster.record.grpc[service]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A cluster with its demo logins and sample data."""
    async with throwaway_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP/1.1 connections to the edge."""
    async with httpx.AsyncClient(base_url=cluster.edge_url, timeout=CALL_TIMEOUT_SECONDS) as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http2(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP/2 connections to the edge, without TLS and without asking first."""
    async with httpx.AsyncClient(
        base_url=cluster.edge_url, timeout=CALL_TIMEOUT_SECONDS, http1=False, http2=True
    ) as client:
        yield client


@pytest.fixture
def anyone(http: httpx.AsyncClient) -> Rest:
    """A caller without a token."""
    return Rest(http)


@pytest.fixture
def customer(http: httpx.AsyncClient, cluster: Cluster) -> Rest:
    """The demo customer."""
    return Rest(http, cluster.token("customer"))


@pytest_asyncio.fixture
async def strangers_token(admin: Rest, cluster: Cluster) -> str:
    """Of a customer who owns nothing but an account."""
    body = {"email": new_email(), "full_name": "Stranger"}
    account = await admin.data("POST", "/users", body)
    return keys.token(cluster.home, account["id"], "customer", 600)


@pytest.fixture
def stranger(http: httpx.AsyncClient, strangers_token: str) -> Rest:
    """A customer who owns nothing but an account."""
    return Rest(http, strangers_token)


@pytest.fixture
def staff(http: httpx.AsyncClient, cluster: Cluster) -> Rest:
    """The demo member of staff."""
    return Rest(http, cluster.token("staff"))


@pytest.fixture
def admin(http: httpx.AsyncClient, cluster: Cluster) -> Rest:
    """The demo admin."""
    return Rest(http, cluster.token("admin"))


@pytest_asyncio.fixture
async def products(anyone: Rest) -> list[dict[str, Any]]:
    """Two products of the sample data."""
    found: list[dict[str, Any]] = (await anyone.data("GET", "/products?per_page=2"))["products"]
    assert len(found) == 2
    return found
