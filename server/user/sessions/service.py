"""Sessions: each method converts the request, and asks who grants tokens, or the store."""

from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty

from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import session_service_pb2 as pb
from server.kit.context import Context
from server.user.sessions import wire
from server.user.sessions.granting import Granting
from server.user.sessions.rules import SessionNotFound
from server.user.sessions.store import SessionStore


class SessionService:
    """`emporium.user.v1.SessionService`."""

    def __init__(self, store: SessionStore, granting: Granting) -> None:
        self._store = store
        self._granting = granting

    async def Refresh(
        self, request: pb.RefreshRequest, context: Context
    ) -> auth_service_pb2.LoginResponse:
        context.subject = self._granting.holder_of(request.refresh_token)
        grant = await self._granting.refresh(request.refresh_token, context.device)
        return wire.to_login(grant)

    async def Logout(self, request: pb.LogoutRequest, context: Context) -> Empty:
        caller = context.signed_in
        await self._store.end(caller.id, caller.session_id)
        return Empty()

    async def ListSessions(
        self, request: pb.ListSessionsRequest, context: Context
    ) -> pb.ListSessionsResponse:
        caller = context.signed_in
        found = await self._store.list(caller.id, datetime.now(UTC))
        return wire.to_list(found, caller.session_id)

    async def DeleteSession(self, request: pb.DeleteSessionRequest, context: Context) -> Empty:
        if not await self._store.end(context.signed_in.id, request.session_id):
            raise SessionNotFound
        return Empty()
