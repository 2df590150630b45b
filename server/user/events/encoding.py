"""Events of accounts, and mails, as the contract's messages, in the outbox's envelope."""

from emporium.user.v1 import events_pb2 as pb
from emporium.user.v1 import mail_pb2
from server.kit.outbox import Event
from server.user.accounts.rules import EventType, User, UserEvent
from server.user.accounts.wire import to_user
from server.user.mail.rules import MailKind, MailRequest
from server.user.sessions.rules import SessionEnd

AGGREGATE_TYPE = "user"
MAIL = "mail"
SESSION = "session"
ERASED = pb.UserErased.DESCRIPTOR.full_name


def to_outbox(event: UserEvent | MailRequest | SessionEnd) -> Event:
    """The event, or the mail, as the outbox stores it."""
    if isinstance(event, MailRequest):
        return _mail(event)
    if isinstance(event, SessionEnd):
        return _session_end(event)
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
) -> pb.UserCreated | pb.UserUpdated | pb.PasswordChanged | pb.SecondFactorChanged | pb.UserErased:
    if event.type is EventType.CREATED:
        return pb.UserCreated(user=to_user(event.user))
    if event.type is EventType.UPDATED:
        return pb.UserUpdated(user=to_user(event.user))
    if event.type is EventType.PASSWORD_CHANGED:
        return pb.PasswordChanged(user_id=event.user.id, session_id=event.user.spared_session or "")
    if event.type is EventType.SECOND_FACTOR_CHANGED:
        return pb.SecondFactorChanged(
            user_id=event.user.id,
            enabled=event.user.totp_enabled,
            session_id=event.user.spared_session or "",
        )
    return pb.UserErased(user_id=event.user.id)


def _session_end(end: SessionEnd) -> Event:
    """The one event of its session."""
    message = pb.SessionEnded(session_id=end.session_id, user_id=end.user_id)
    return Event(
        id=end.id,
        aggregate_type=SESSION,
        aggregate_id=end.session_id,
        aggregate_version=1,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=end.occurred_at,
        traceparent=end.traceparent,
    )


def _mail(mail: MailRequest) -> Event:
    """An aggregate of its own, so that it holds back no other."""
    message = mail_pb2.MailRequested(
        kind=mail_pb2.MailRequested.Kind.Value(mail.kind.value),
        user_id=mail.user_id,
        email=mail.email,
        account_version=mail.account_version,
        api_key_name=mail.api_key_name,
        recovery_codes_left=mail.recovery_codes_left,
    )
    return Event(
        id=mail.id,
        aggregate_type=MAIL,
        aggregate_id=mail.id,
        aggregate_version=1,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=mail.occurred_at,
        traceparent=mail.traceparent,
    )


def mail_from_outbox(event: Event) -> MailRequest | None:
    """The mail that `to_outbox` stored; None for any other event."""
    if event.aggregate_type != MAIL:
        return None
    message = mail_pb2.MailRequested.FromString(event.payload)
    return MailRequest(
        id=event.id,
        kind=MailKind(mail_pb2.MailRequested.Kind.Name(message.kind)),
        user_id=message.user_id,
        email=message.email,
        occurred_at=event.occurred_at,
        traceparent=event.traceparent,
        account_version=message.account_version,
        api_key_name=message.api_key_name,
        recovery_codes_left=message.recovery_codes_left,
    )


def is_about(event: Event, user: User) -> bool:
    """Whether what `to_outbox` stored is about that account, or goes to its address."""
    mail = mail_from_outbox(event)
    if mail is None:
        return event.aggregate_type == AGGREGATE_TYPE and event.aggregate_id == user.id
    return mail.user_id == user.id or mail.email.lower() == user.email.lower()
