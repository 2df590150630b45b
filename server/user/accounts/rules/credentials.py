"""Changes of what an account signs in by. Pure, as all rules."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from server.kit.context import Caller
from server.user.accounts.rules import Changed, EventType, User, UserEvent, check_session
from server.user.mail.rules import MailKind, MailRequest


def credentials_changed(user: User, by: Caller | None, now: datetime, **fields: Any) -> User:
    """`user` after a change of what it signs in by, which ends what was given out before.

    It spares the session of `by`, who does so and is signed in. Raises `SessionEnded` as
    `check_session`.
    """
    if by:
        check_session(user, by)
    version = user.version + 1
    return replace(
        user,
        updated_at=now,
        version=version,
        links_since=version,
        sessions_since=version,
        spared_session=(by and by.session_id) or None,
        **fields,
    )


def password_changed(
    user: User,
    by: Caller | None,
    event_id: str,
    mail_id: str,
    now: datetime,
    traceparent: str | None = None,
) -> Changed:
    """`user` after a change of its password, which is not among what is known of it here.

    Its holder is told. `by` and errors as of `credentials_changed`.
    """
    after = credentials_changed(user, by, now)
    kind = EventType.PASSWORD_CHANGED
    event = UserEvent(event_id, kind, after, after.version, now, traceparent)
    kind_of_mail = MailKind.PASSWORD_CHANGED
    told = MailRequest(mail_id, kind_of_mail, user.id, user.email, now, traceparent)
    return Changed(after, event, (told,))
