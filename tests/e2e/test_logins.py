"""How logins are held against guessing, through the edge."""

import pytest

from emporium import Emporium, RateLimited, Unauthenticated
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, new_email, target

PASSWORD = "correct horse"
FAILURES_MAX = 10  # the default


async def test_whoever_guesses_is_slowed_down_and_the_owner_is_not(
    cluster: Cluster, anyone: Rest
) -> None:
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
