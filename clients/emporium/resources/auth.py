"""Signing in, and the sessions that come of it."""

from collections.abc import Sequence

from emporium.connection import Connection
from emporium.user.v1.auth_service_pb2 import (
    ChangePasswordRequest,
    LoginRequest,
    LoginResponse,
)
from emporium.user.v1.auth_service_pb2_grpc import AuthServiceStub
from emporium.user.v1.email_link_service_pb2 import (
    ForgotPasswordRequest,
    ResetPasswordRequest,
    VerifyEmailRequest,
)
from emporium.user.v1.email_link_service_pb2_grpc import EmailLinkServiceStub
from emporium.user.v1.key_set_service_pb2 import GetKeySetRequest, Key
from emporium.user.v1.key_set_service_pb2_grpc import KeySetServiceStub
from emporium.user.v1.session_service_pb2 import (
    DeleteSessionRequest,
    ListSessionsRequest,
    LogoutRequest,
    RefreshRequest,
    Session,
)
from emporium.user.v1.session_service_pb2_grpc import SessionServiceStub


class Auth:
    """`shop.auth`: signing in with e-mail and password, and the sessions that come of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._logins = AuthServiceStub(connection.channel)
        self._sessions = SessionServiceStub(connection.channel)
        self._keys = KeySetServiceStub(connection.channel)
        self._links = EmailLinkServiceStub(connection.channel)

    async def login(
        self, email: str, password: str, *, timeout_seconds: float | None = None
    ) -> LoginResponse:
        """Signs in. From now on the client sends the token, which is also `shop.token`.

        It gets itself the next token before one has run out, for as long as the session lasts. A
        client with a supplier of tokens goes on using that.

        Raises `Unauthenticated` (BAD_CREDENTIALS), `RateLimited`, `Unavailable`.
        """
        # Sent without a token: an old one would be refused, and the login with it.
        response = await self._connection.call(
            self._logins.Login,
            LoginRequest(email=email, password=password),
            timeout_seconds,
            is_signed=False,
        )
        self._connection.keep_login(response, self._exchange)
        return response

    async def refresh(
        self, refresh_token: str, *, timeout_seconds: float | None = None
    ) -> LoginResponse:
        """Goes on with a session whose refresh token was kept, as `login` does with a new one.

        Each refresh token is good once, so a caller that keeps them must keep the new one; a client
        that goes on by itself uses up the one of this answer.

        Raises `Unauthenticated` (REFRESH_TOKEN_REUSED, SESSION_ENDED, ACCOUNT_INACTIVE,
        INVALID_TOKEN), `Unavailable`.
        """
        response = await self._exchange(refresh_token, timeout_seconds)
        self._connection.keep_login(response, self._exchange)
        return response

    async def logout(self, *, timeout_seconds: float | None = None) -> None:
        """Ends the session that the client is signed in with, and forgets its tokens.

        Raises `Unauthenticated`, `Unavailable`; the tokens are kept then.
        """
        await self._connection.call(self._sessions.Logout, LogoutRequest(), timeout_seconds)
        self._connection.forget_login()

    async def sessions(self, *, timeout_seconds: float | None = None) -> Sequence[Session]:
        """Lists one's own sessions, the one that was used last first."""
        response = await self._connection.call(
            self._sessions.ListSessions, ListSessionsRequest(), timeout_seconds
        )
        return response.sessions

    async def end_session(self, session_id: str, *, timeout_seconds: float | None = None) -> None:
        """Ends one of one's own sessions. Raises `NotFound` (SESSION_NOT_FOUND)."""
        request = DeleteSessionRequest(session_id=session_id)
        await self._connection.call(self._sessions.DeleteSession, request, timeout_seconds)

    async def public_keys(self, *, timeout_seconds: float | None = None) -> Sequence[Key]:
        """The keys that access tokens are verified with, for those who verify them themselves."""
        response = await self._connection.call(
            self._keys.GetKeySet, GetKeySetRequest(), timeout_seconds, is_signed=False
        )
        return response.keys

    async def _exchange(
        self, refresh_token: str, timeout_seconds: float | None = None
    ) -> LoginResponse:
        return await self._connection.call(
            self._sessions.Refresh,
            RefreshRequest(refresh_token=refresh_token),
            timeout_seconds,
            is_signed=False,
        )

    async def change_password(
        self, current_password: str, password: str, *, timeout_seconds: float | None = None
    ) -> None:
        """Changes the caller's own password. Not retried, because it is not idempotent.

        Raises `PermissionDenied` (WRONG_PASSWORD), `InvalidRequest` (PASSWORD_TOO_COMMON,
        VALIDATION_FAILED), `Conflict`, `RateLimited`.
        """
        request = ChangePasswordRequest(current_password=current_password, password=password)
        await self._connection.call(self._logins.ChangePassword, request, timeout_seconds)

    async def forgot_password(self, email: str, *, timeout_seconds: float | None = None) -> None:
        """Asks for a mail with a link to set a new password.

        Returns alike whether or not an account has the e-mail. Raises `RateLimited`.
        """
        request = ForgotPasswordRequest(email=email)
        await self._connection.call(
            self._links.ForgotPassword, request, timeout_seconds, is_signed=False
        )

    async def reset_password(
        self, token: str, password: str, *, timeout_seconds: float | None = None
    ) -> None:
        """Sets a new password by the token of such a link, which works once.

        Raises `InvalidRequest` (ONE_TIME_TOKEN_INVALID), `RateLimited`.
        """
        request = ResetPasswordRequest(token=token, password=password)
        await self._connection.call(
            self._links.ResetPassword, request, timeout_seconds, is_signed=False
        )

    async def verify_email(self, token: str, *, timeout_seconds: float | None = None) -> None:
        """Verifies an account's e-mail by the token of the link that was mailed there.

        Raises `InvalidRequest` (ONE_TIME_TOKEN_INVALID), `RateLimited`.
        """
        request = VerifyEmailRequest(token=token)
        await self._connection.call(
            self._links.VerifyEmail, request, timeout_seconds, is_signed=False
        )
