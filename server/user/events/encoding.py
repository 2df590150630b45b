"""Events of accounts as the contract's messages, in the outbox's envelope."""

from emporium.user.v1 import events_pb2 as pb
from server.kit.outbox import Event
from server.user.accounts.rules import EventType, UserEvent
from server.user.accounts.wire import to_user

AGGREGATE_TYPE = "user"


def to_outbox(event: UserEvent) -> Event:
    """The event as the outbox stores it."""
    message = _message(event)
    return Event(
        id=event.id,
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=event.user.id,
        aggregate_version=event.version,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=event.occurred_at,
        traceparent=event.traceparent,
    )


def _message(
    event: UserEvent,
) -> pb.UserCreated | pb.UserUpdated | pb.PasswordChanged | pb.UserErased:
    if event.type is EventType.CREATED:
        return pb.UserCreated(user=to_user(event.user))
    if event.type is EventType.UPDATED:
        return pb.UserUpdated(user=to_user(event.user))
    if event.type is EventType.PASSWORD_CHANGED:
        return pb.PasswordChanged(user_id=event.user.id, session_id=event.session_id)
    return pb.UserErased(user_id=event.user.id)
