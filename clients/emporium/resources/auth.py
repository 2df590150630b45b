"""Signing in."""

from emporium.connection import Connection
from emporium.user.v1.auth_service_pb2 import (
    ChangePasswordRequest,
    LoginRequest,
    LoginResponse,
)
from emporium.user.v1.auth_service_pb2_grpc import AuthServiceStub


class Auth:
    """`shop.auth`: signing in with e-mail and password."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = AuthServiceStub(connection.channel)

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

    async def change_password(
        self, current_password: str, password: str, *, timeout_seconds: float | None = None
    ) -> None:
        """Changes the caller's own password. Not retried, because it is not idempotent.

        Raises `PermissionDenied` (WRONG_PASSWORD), `InvalidRequest` (PASSWORD_TOO_COMMON,
        VALIDATION_FAILED), `Conflict`, `RateLimited`.
        """
        request = ChangePasswordRequest(current_password=current_password, password=password)
        await self._connection.call(self._stub.ChangePassword, request, timeout_seconds)
