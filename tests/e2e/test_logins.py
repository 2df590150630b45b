"""How logins are held against guessing, through the edge."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pyotp
import pytest
import pytest_asyncio

from emporium import Emporium, RateLimited, Unauthenticated
from server.local.cluster import Cluster
from tests.e2e.conftest import (
    Rest,
    error_of,
    new_email,
    prove,
    target,
    throwaway_cluster,
    violated_fields,
)

PASSWORD = "correct horse"
FAILURES_MAX = 10  # the default


@pytest_asyncio.fixture
async def limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Cluster, Rest]]:
    """A cluster of its own with the usual limit of failures, and a caller without a token."""
    cluster = throwaway_cluster(tmp_path, seed="none")
    monkeypatch.delenv("LOGIN_FAILURES_MAX")
    async with cluster, httpx.AsyncClient(base_url=cluster.edge_url, timeout=20) as http:
        yield cluster, Rest(http)


async def test_whoever_guesses_is_slowed_down_and_the_owner_is_not(
    limited: tuple[Cluster, Rest],
) -> None:
    cluster, anyone = limited
    email = new_email()
    account = {"email": email, "full_name": "Ann", "password": PASSWORD}
    await anyone.data("POST", "/users", account)
    async with Emporium(target(cluster, "edge")) as owner:
        await owner.auth.login(email, PASSWORD)
        wrong = {"email": email, "password": "wrong"}
        for _ in range(FAILURES_MAX):
            answer = await anyone("POST", "/auth/login", wrong)
            assert error_of(answer, 401)["code"] == "BAD_CREDENTIALS"
        answer = await anyone("POST", "/auth/login", {"email": email, "password": PASSWORD})
        assert error_of(answer, 429)["code"] == "RATE_LIMITED"
        assert 0 < int(answer.headers["retry-after"]) <= 900

        await owner.auth.login(email, PASSWORD)
        async with Emporium(target(cluster, "edge")) as stranger:
            with pytest.raises(RateLimited) as refused:
                await stranger.auth.login(email, PASSWORD)
            assert refused.value.reason == "RATE_LIMITED"
            with pytest.raises(Unauthenticated):
                await stranger.auth.login(new_email(), PASSWORD)
            await stranger.auth.login(email, PASSWORD, device_token=owner.auth.device_token)


async def test_a_second_factor_from_the_first_call_to_the_last(
    cluster: Cluster, anyone: Rest, http: httpx.AsyncClient
) -> None:
    email = new_email()
    account = {"email": email, "full_name": "Ann", "password": PASSWORD}
    await prove(cluster.home, (await anyone.data("POST", "/users", account))["id"])
    login = {"email": email, "password": PASSWORD}
    owner = Rest(http, (await anyone.data("POST", "/auth/login", login))["access_token"])
    begun = await owner.data("POST", "/auth/totp", {"current_password": PASSWORD})
    app = pyotp.parse_uri(begun["otpauth_uri"])
    assert isinstance(app, pyotp.TOTP)
    code = app.now()
    answer = await owner("POST", "/auth/totp:confirm", {"totp_code": code})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    [first, second, third, *_] = answer.json()["data"]["recovery_codes"]

    answer = await anyone("POST", "/auth/login", login)
    assert error_of(answer, 401)["code"] == "TOTP_REQUIRED"
    answer = await anyone("POST", "/auth/login", login | {"totp_code": code})
    assert error_of(answer, 401)["code"] == "BAD_SECOND_FACTOR"  # it has confirmed
    both = login | {"totp_code": code, "recovery_code": first}
    assert (await anyone("POST", "/auth/login", both)).status_code in (400, 422)
    given = await anyone.data("POST", "/auth/login", login | {"recovery_code": first})
    assert given["user"]["totp_enabled"]
    async with Emporium(target(cluster, "edge")) as shop:
        await shop.auth.login(email, PASSWORD, recovery_code=second)

    answer = await owner("DELETE", "/auth/totp", {"recovery_code": first})
    assert error_of(answer, 403)["code"] == "WRONG_CODE"
    assert violated_fields(error_of(answer, 403)) == {"recovery_code"}
    assert error_of(await owner("DELETE", "/auth/totp"), 422)["code"] == "VALIDATION_FAILED"
    answer = await owner("DELETE", "/auth/totp", {"recovery_code": third})
    assert (answer.status_code, answer.content) == (204, b"")
    await anyone.data("POST", "/auth/login", login)
