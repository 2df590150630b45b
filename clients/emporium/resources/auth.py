"""Signing in, and the sessions that come of it."""

from collections.abc import Sequence

from emporium.connection import Connection
from emporium.exceptions import Unauthenticated
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
from emporium.user.v1.totp_service_pb2 import (
    BeginTotpRequest,
    BeginTotpResponse,
    ConfirmTotpRequest,
    DeleteTotpRequest,
)
from emporium.user.v1.totp_service_pb2_grpc import TotpServiceStub


class Auth:
    """`shop.auth`: signing in with e-mail and password, and the sessions that come of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._logins = AuthServiceStub(connection.channel)
        self._sessions = SessionServiceStub(connection.channel)
        self._totp = TotpServiceStub(connection.channel)
        self._keys = KeySetServiceStub(connection.channel)
        self._links = EmailLinkServiceStub(connection.channel)

    @property
    def device_token(self) -> str:
        """What shows that the account has signed in from here: others' failures hold up no login.

        The last login answered it, or the last new password by mail. It is sent with the next login
        of this client, and stays after a logout; keep it for the login of another client on the
        same device. Empty before the first login.
        """
        return self._connection.device_token

    async def login(
        self,
        email: str,
        password: str,
        *,
        totp_code: str | None = None,
        recovery_code: str | None = None,
        device_token: str = "",
        timeout_seconds: float | None = None,
    ) -> LoginResponse:
        """Signs in. From now on the client sends the token, which is also `shop.token`.

        It gets itself the next token before one has run out, for as long as the session lasts. A
        client with a supplier of tokens goes on using that. Where the account has a second factor,
        it takes the `totp_code` of an app, or a `recovery_code`. `device_token` is one that was
        kept; without it the client sends its own.

        Raises `Unauthenticated` (BAD_CREDENTIALS, TOTP_REQUIRED, BAD_SECOND_FACTOR), `RateLimited`,
        `Unavailable`, and `ValueError` for both codes.
        """
        # Sent without a token: an old one would be refused, and the login with it.
        response = await self._connection.call(
            self._logins.Login,
            LoginRequest(
                email=email,
                password=password,
                device_token=device_token or self._connection.device_token,
                **_second_factor(totp_code, recovery_code),
            ),
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

        Succeeds as well when it has ended before, as when the answer to a first call was lost.
        Raises `Unauthenticated`, `Unavailable`; the tokens are kept then.
        """
        try:
            await self._connection.call(self._sessions.Logout, LogoutRequest(), timeout_seconds)
        except Unauthenticated as error:
            if error.reason != "SESSION_ENDED":
                raise
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

    async def begin_totp(
        self, current_password: str, *, timeout_seconds: float | None = None
    ) -> BeginTotpResponse:
        """Begins to add a second factor: gives the secret for an app, also as an `otpauth:` URI.

        Raises `PermissionDenied` (WRONG_PASSWORD), `Conflict` (EMAIL_NOT_VERIFIED until a mailed
        link has shown whose the account is, TOTP_ALREADY_ENABLED), `RateLimited`.
        """
        request = BeginTotpRequest(current_password=current_password)
        return await self._connection.call(self._totp.BeginTotp, request, timeout_seconds)

    async def confirm_totp(
        self, totp_code: str, *, timeout_seconds: float | None = None
    ) -> Sequence[str]:
        """Adds the second factor, by a code of the app. Gives the recovery codes, this once.

        Raises `PermissionDenied` (WRONG_CODE), `Conflict` (TOTP_NOT_BEGUN, TOTP_ALREADY_ENABLED),
        `RateLimited`.
        """
        request = ConfirmTotpRequest(totp_code=totp_code)
        answer = await self._connection.call(self._totp.ConfirmTotp, request, timeout_seconds)
        return answer.recovery_codes

    async def delete_totp(
        self,
        *,
        totp_code: str | None = None,
        recovery_code: str | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        """Removes the second factor, by one of the two.

        Raises `PermissionDenied` (WRONG_CODE), `RateLimited`, and `ValueError` for both codes.
        """
        request = DeleteTotpRequest(**_second_factor(totp_code, recovery_code))
        await self._connection.call(self._totp.DeleteTotp, request, timeout_seconds)

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

        The next login of this client is then not held up by others' failures.

        Raises `InvalidRequest` (ONE_TIME_TOKEN_INVALID, PASSWORD_TOO_COMMON, VALIDATION_FAILED),
        `RateLimited`.
        """
        request = ResetPasswordRequest(token=token, password=password)
        answer = await self._connection.call(
            self._links.ResetPassword, request, timeout_seconds, is_signed=False
        )
        self._connection.keep_device(answer.device_token)

    async def verify_email(self, token: str, *, timeout_seconds: float | None = None) -> None:
        """Verifies an account's e-mail by the token of the link that was mailed there.

        Raises `InvalidRequest` (ONE_TIME_TOKEN_INVALID), `RateLimited`.
        """
        request = VerifyEmailRequest(token=token)
        await self._connection.call(
            self._links.VerifyEmail, request, timeout_seconds, is_signed=False
        )


def _second_factor(totp_code: str | None, recovery_code: str | None) -> dict[str, str]:
    """The one that was given, by its field. Raises `ValueError` for both."""
    if totp_code is not None and recovery_code is not None:
        raise ValueError("send totp_code or recovery_code, not both")
    sent = {"totp_code": totp_code, "recovery_code": recovery_code}
    return {name: code for name, code in sent.items() if code is not None}
