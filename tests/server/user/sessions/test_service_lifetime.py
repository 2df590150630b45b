"""A session has an end of its own, however it is used."""

import jwt
import pytest

from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import session_service_pb2 as pb
from server.settings import Tokens
from tests.server.refusals import refused
from tests.server.user.conftest import Clock, Served
from tests.server.user.doors import PASSWORD, create

HOUR = 3_600
SHORT = Tokens(session_seconds=2 * HOUR, session_lifetime_seconds=4 * HOUR)
LONG = Tokens(session_seconds=2 * HOUR, session_lifetime_seconds=24 * HOUR)


@pytest.mark.parametrize("tokens", [SHORT, LONG])
async def test_a_session_that_is_always_used_ends_when_its_time_is_over(
    served: Served, clock: Clock, tokens: Tokens
) -> None:
    async with served(tokens) as anyone:
        user = await anyone("CreateUser", create())
        login = auth_pb.LoginRequest(email=user.email, password=PASSWORD)
        given = await anyone("Login", login)
        for _ in range(3):
            clock.forward(hours=1)
            given = await anyone("Refresh", pb.RefreshRequest(refresh_token=given.refresh_token))
        owner = anyone.with_token(given.access_token, user.id)
        assert len((await owner("ListSessions", pb.ListSessionsRequest())).sessions) == 1

        clock.forward(hours=1)
        late = pb.RefreshRequest(refresh_token=given.refresh_token)
        if tokens is LONG:  # in which it has ended for no other reason
            await anyone("Refresh", late)
            return
        assert (await owner("ListSessions", pb.ListSessionsRequest())).sessions == []
        for _ in range(2):  # it is nobody's reuse
            assert (await refused(anyone("Refresh", late))).reason == "SESSION_ENDED"
        await anyone("Login", login)


@pytest.mark.parametrize(
    ("tokens", "seconds"), [(SHORT, 60), (LONG, 600)], ids=["before its end", "long before"]
)
async def test_an_access_token_ends_with_its_session(
    served: Served, clock: Clock, tokens: Tokens, seconds: int
) -> None:
    """Also one that is given again, to whoever has lost the answer."""
    clock.at = clock.at.replace(microsecond=0)  # MongoDB keeps milliseconds
    async with served(tokens) as anyone:
        user = await anyone("CreateUser", create())
        login = auth_pb.LoginRequest(email=user.email, password=PASSWORD)
        given = await anyone("Login", login)
        assert (given.expires_in, good_for(given)) == (600, 600)
        for minutes in (119, 119, 1):
            clock.forward(minutes=minutes)
            spent = pb.RefreshRequest(refresh_token=given.refresh_token)
            given = await anyone("Refresh", spent)
        assert (given.expires_in, good_for(given)) == (seconds, seconds)
        again = await anyone("Refresh", spent)
        assert (again.expires_in, good_for(again)) == (seconds, seconds)


async def test_a_session_that_is_shorter_than_a_token_has_shorter_tokens(served: Served) -> None:
    async with served(Tokens(session_seconds=60, session_lifetime_seconds=60)) as anyone:
        user = await anyone("CreateUser", create())
        login = auth_pb.LoginRequest(email=user.email, password=PASSWORD)
        assert good_for(await anyone("Login", login)) == 60


def good_for(given: auth_pb.LoginResponse) -> int:
    """For how many seconds its access token is, by what that says."""
    claims = jwt.decode(given.access_token, options={"verify_signature": False})
    return int(claims["exp"] - claims["iat"])
