"""Signing in."""

from emporium.connection import Connection
from emporium.user.v1.auth_service_pb2 import LoginRequest, LoginResponse
from emporium.user.v1.auth_service_pb2_grpc import AuthServiceStub
from emporium.user.v1.email_link_service_pb2 import (
    ForgotPasswordRequest,
    ResetPasswordRequest,
    VerifyEmailRequest,
)
from emporium.user.v1.email_link_service_pb2_grpc import EmailLinkServiceStub


class Auth:
    """`shop.auth`: signing in with e-mail and password."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = AuthServiceStub(connection.channel)
        self._links = EmailLinkServiceStub(connection.channel)

    async def login(
        self, email: str, password: str, *, timeout_seconds: float | None = None
    ) -> LoginResponse:
        """Signs in. From now on the client sends the token, which is also `shop.token`.

        A client with a supplier of tokens goes on using that. The token is valid for `expires_in`
        seconds.

        Raises `Unauthenticated` (BAD_CREDENTIALS), `RateLimited`.
        """
        # Sent without a token: an old one would be refused, and the login with it.
        response = await self._connection.call(
            self._stub.Login,
            LoginRequest(email=email, password=password),
            timeout_seconds,
            is_signed=False,
        )
        self._connection.keep_token(response.access_token)
        return response

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
