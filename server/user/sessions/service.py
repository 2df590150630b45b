"""Sessions: each method converts the request, and asks who grants tokens, or the stores."""

from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import session_service_pb2 as pb
from server.kit.context import Context
from server.user.sessions import wire
from server.user.sessions.granting import Granting
from server.user.sessions.rules import SessionEnd, SessionNotFound
from server.user.sessions.store import SessionEnds, SessionStore


class SessionService:
    """`emporium.user.v1.SessionService`."""

    def __init__(self, store: SessionStore, ends: SessionEnds, granting: Granting) -> None:
        self._store = store
        self._ends = ends
        self._granting = granting

    async def Refresh(
        self, request: pb.RefreshRequest, context: Context
    ) -> auth_service_pb2.LoginResponse:
        context.subject = self._granting.holder_of(request.refresh_token)
        grant = await self._granting.refresh(request.refresh_token, context.device)
        return wire.to_login(grant)

    async def Logout(self, request: pb.LogoutRequest, context: Context) -> Empty:
        await self._end(context.signed_in.session_id, context)
        return Empty()

    async def ListSessions(
        self, request: pb.ListSessionsRequest, context: Context
    ) -> pb.ListSessionsResponse:
        caller = context.signed_in
        found = await self._store.list(caller.id, datetime.now(UTC), self._granting.begun_after())
        return wire.to_list(found, caller.session_id)

    async def DeleteSession(self, request: pb.DeleteSessionRequest, context: Context) -> Empty:
        session_id = request.session_id.lower()
        if session_id not in await self._store.ids(context.signed_in.id):
            raise SessionNotFound
        await self._end(session_id, context)
        return Empty()

    async def _end(self, session_id: str, context: Context) -> None:
        """From the first step on it has ended. The second is what the event does as well; it is
        done here so that nothing shows the session from the answer on.
        """
        user_id, now = context.signed_in.id, datetime.now(UTC)
        end = SessionEnd(str(uuid7()), session_id, user_id, now, context.traceparent)
        await self._ends.end(end)
        await self._store.end(user_id, session_id)
