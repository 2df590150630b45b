"""How accounts are opened. Pure, as all rules."""

from dataclasses import dataclass
from datetime import datetime

from server.kit import errors
from server.kit.context import OPERATOR, Caller, Role
from server.user.accounts.rules import (
    EventType,
    Opened,
    RoleNotAllowed,
    Status,
    User,
    UserEvent,
    is_admin,
)
from server.user.mail.rules import MailKind, MailRequest


class PasswordRequired(errors.Invalid):
    """An account that somebody opens for themselves needs a password."""

    reason = "PASSWORD_REQUIRED"


class PasswordOfAnother(errors.Invalid):
    """Who has a role signs in by a password that nobody else chose."""

    def __init__(self) -> None:
        super().__init__(
            "leave it out for a role other than CUSTOMER: a mailed link sets the holder's own",
            field="password",
        )


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account as it is asked for."""

    email: str
    full_name: str
    age: int | None
    role: Role
    has_password: bool
    by_owner: bool = False  # as the operator knows, on the host; no call says so


def open_account(
    new: NewUser,
    by: Caller | None,
    user_id: str,
    event_id: str,
    now: datetime,
    traceparent: str | None = None,
) -> Opened:
    """The account for `new`, opened by `by`.

    Raises `PasswordRequired`, `RoleNotAllowed` and `PasswordOfAnother`.
    """
    if not new.has_password and not (by and by.is_staff):
        raise PasswordRequired("send 8 characters to 72 bytes", field="password")
    if new.role is not Role.CUSTOMER and not is_admin(by):
        raise RoleNotAllowed("only an admin may give a role", field="role")
    if new.role is not Role.CUSTOMER and new.has_password and not new.by_owner:
        raise PasswordOfAnother
    user = User(
        id=user_id,
        email=new.email,
        email_verified=bool(by and by.is_staff),
        owner_proven=new.by_owner,
        password_proven=new.by_owner or not new.has_password,
        full_name=new.full_name,
        age=new.age,
        role=new.role,
        status=Status.ACTIVE,
        created_at=now,
        updated_at=now,
        version=1,
    )
    return Opened(user, UserEvent(event_id, EventType.CREATED, user, 1, now, traceparent))


def with_link(opened: Opened, by: Caller | None, mail_id: str) -> Opened:
    """With the mail that lets the holder of an account show that it is theirs.

    Whom staff opened it for needs a password that staff do not know. The operator imports thousands
    at once, and mails none of them.
    """
    if by and by.id == OPERATOR:
        return opened
    user, event = opened.user, opened.event
    kind = MailKind.ACCOUNT_OPENED if user.email_verified else MailKind.VERIFY_EMAIL
    mail = MailRequest(mail_id, kind, user.id, user.email, event.occurred_at, event.traceparent)
    return opened._replace(mail=mail)
