"""Logins between Protobuf and dataclasses. No logic."""

from emporium.user.v1 import auth_service_pb2 as pb
from server.user.accounts.rules import User
from server.user.accounts.wire import to_user


def to_login(access_token: str, expires_in_seconds: int, user: User) -> pb.LoginResponse:
    """The answer to a login."""
    return pb.LoginResponse(
        access_token=access_token,
        token_type="Bearer",  # noqa: S106 - a scheme
        expires_in=expires_in_seconds,
        user=to_user(user),
    )
