"""Entries of the feed as messages. No logic."""

from collections.abc import Sequence
from datetime import timedelta

from emporium.type.v1 import role_pb2
from emporium.type.v1.revocation_pb2 import Revocation as Message
from emporium.user.v1 import revocation_service_pb2 as pb
from server.user.revocations.rules import Revocation

__all__ = ["Message", "Part", "to_message", "to_part"]

Part = pb.WatchRevocationsResponse


def to_message(revocation: Revocation) -> Message:
    """An entry on the wire."""
    if revocation.session_id:
        return Message(session_id=revocation.session_id)
    role = revocation.role
    account = Message.Account(
        user_id=revocation.user_id,
        version=revocation.account_version or 0,
        role=role_pb2.Role.Value(role.value) if role else role_pb2.ROLE_UNSPECIFIED,
        ends_sessions=revocation.ends_sessions,
        spared_session_id=revocation.spared_session or "",
    )
    return Message(account=account)


def to_part(
    entries: Sequence[Message],
    position: int,
    read_after_seconds: float,
    keep_seconds: float,
    *,
    complete: bool,
) -> Part:
    """A part of the feed on the wire."""
    part = Part(revocations=entries, position=position, complete=complete)
    part.read_after.FromTimedelta(timedelta(seconds=read_after_seconds))
    part.keep_for.FromTimedelta(timedelta(seconds=keep_seconds))
    return part
