"""Sessions between Protobuf and dataclasses. No logic."""

from collections.abc import Iterable

from emporium.user.v1 import auth_service_pb2, session_service_pb2
from server.kit.wire import timestamp
from server.user.accounts.wire import to_user
from server.user.sessions.rules import Grant, Session


def to_login(grant: Grant, device_token: str | None = None) -> auth_service_pb2.LoginResponse:
    """The answer to a login, or without a `device_token` to a refresh."""
    return auth_service_pb2.LoginResponse(
        access_token=grant.access_token,
        token_type="Bearer",  # noqa: S106 - a scheme
        expires_in=grant.expires_in_seconds,
        refresh_token=grant.refresh_token,
        session_id=grant.session_id,
        user=to_user(grant.user),
        device_token=device_token,
        totp_enrolment_required=grant.lacks_totp,
    )


def to_list(
    sessions: Iterable[Session], current_id: str
) -> session_service_pb2.ListSessionsResponse:
    """The answer to a list; `current_id` is the session that asks."""
    return session_service_pb2.ListSessionsResponse(
        sessions=[_to_session(session, current_id) for session in sessions]
    )


def _to_session(session: Session, current_id: str) -> session_service_pb2.Session:
    return session_service_pb2.Session(
        id=session.id,
        device=session.device,
        address=session.address,
        created_at=timestamp(session.created_at),
        last_seen_at=timestamp(session.last_seen_at),
        current=session.id == current_id,
    )
