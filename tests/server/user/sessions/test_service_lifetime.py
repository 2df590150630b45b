"""A session has an end of its own, however it is used."""

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
