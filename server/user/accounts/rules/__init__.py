"""Accounts, and what may be done with them. Pure: time and ids are arguments."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from server.kit import errors
from server.kit.context import Caller, Role, lesser
from server.user.mail.rules import MailKind, MailRequest

CLEARABLE = frozenset({"age"})
ADMIN_ONLY = frozenset({"role", "status"})


class Status(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True)
class User:
    """An account, without its password."""

    id: str
    email: str
    email_verified: bool  # by a mailed link, or staff have vouched for it
    owner_proven: bool  # by a mailed link alone: nobody else made what it signs in by
    # A link that was mailed to the address has set the password, or there is none yet: whoever
    # opened the account cannot sign in to it.
    password_proven: bool
    full_name: str
    age: int | None
    role: Role
    status: Status
    created_at: datetime
    updated_at: datetime
    version: int
    totp_enabled: bool = False
    # What was given out by earlier versions of the account is good no more: mailed links,
    links_since: int = 0
    # and sessions, but for the one in which that was done.
    sessions_since: int = 0
    spared_session: str | None = None

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.version)

    @property
    def acting_role(self) -> Role | None:
        """The role that its owner may act in; None while it is disabled."""
        return self.role if self.status is Status.ACTIVE else None


class EventType(StrEnum):
    """What happened to an account."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - a word
    SECOND_FACTOR_CHANGED = "SECOND_FACTOR_CHANGED"
    ERASED = "ERASED"


@dataclass(frozen=True, slots=True)
class UserEvent:
    """One change of an account; every change has exactly one event.

    `version` numbers the changes of one account from 1, without a gap. It is the version of `user`,
    the account as the change left it; after an erasure, one more than that of the last account.
    """

    id: str
    type: EventType
    user: User
    version: int
    occurred_at: datetime
    traceparent: str | None  # of the call that made the change, as W3C Trace Context has it


class Opened(NamedTuple):
    """A new account, the event of it, and the mail that its holder gets."""

    user: User
    event: UserEvent
    mail: MailRequest | None = None


class Changed(NamedTuple):
    """An account after a change, the event of it, and mails about it.

    There is no event when nothing has changed, and seldom are there mails.
    """

    user: User
    event: UserEvent | None
    mails: tuple[MailRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Filters:
    """Which accounts to list; None is no filter."""

    status: Status | None = None
    role: Role | None = None
    email: str | None = None  # in any case
    created_after: datetime | None = None  # included
    created_before: datetime | None = None  # excluded
    words: str | None = None  # each begins a word of e-mail or name, in any case; spaces between


class UserNotFound(errors.NotFound):
    """No such account, or not the caller's to see."""

    reason = "USER_NOT_FOUND"


class EmailTaken(errors.AlreadyExists):
    """Another account has that e-mail, in this or another case."""

    reason = "EMAIL_TAKEN"


class EmailNotVerified(errors.Conflict):
    """No role without a password set by a mailed link; no API key or factor without any proof."""

    reason = "EMAIL_NOT_VERIFIED"

    def __init__(self, problem: str, *, field: str | None = None) -> None:
        mend = "ForgotPassword mails its holder one that does"
        super().__init__(f"{problem}; {mend}", field=field)


class RoleNotAllowed(errors.Forbidden):
    """Only an admin may give a role or a status."""

    reason = "ROLE_NOT_ALLOWED"


@dataclass(frozen=True, slots=True)
class Change:
    """Fields to set, by name; None clears."""

    fields: dict[str, Any]
    etag: str  # empty: whatever the etag is


def check_change(change: Change) -> None:
    """Raises `NothingToUpdate`, and `RoleNotAllowed` for what only an admin may change.

    Before anything is read.
    """
    if not change.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    for name in sorted(ADMIN_ONLY & change.fields.keys()):
        raise RoleNotAllowed(f"only an admin may set {name}", field=name)


def changed(
    user: User,
    change: Change,
    event_id: str,
    now: datetime,
    traceparent: str | None = None,
    *,
    by: Caller | None = None,
    mail_ids: tuple[str, str] = ("", ""),
) -> Changed:
    """`user` after `change`. Raises `Outdated`, `RoleNotAllowed` and `EmailNotVerified`.

    A caller who changes their own role or status must still be an admin by the stored account:
    they may have been demoted since `by` was read. A new e-mail of one's own is left for
    `proof.verified`, with the mail that leads there; one that an admin gives another account
    counts, and both addresses are told. Raises `SessionEnded` as `check_session`.
    """
    own = by if by is not None and by.id == user.id else None
    if own:
        if ADMIN_ONLY & change.fields.keys() and user.acting_role is not Role.ADMIN:
            raise RoleNotAllowed("only an admin may set role or status")
        check_session(user, own)
    errors.Outdated.check(change.etag, user.etag, "account")
    fields = {name: value for name, value in change.fields.items() if getattr(user, name) != value}
    asked = None
    if "email" in fields and is_admin(by) and not own:
        fields["email_verified"] = True
    elif "email" in fields and by is not None:
        asked = fields.pop("email")
    after = replace(user, **fields)
    changed = updated(user, after, event_id, now, traceparent)
    check_rise(user, changed.user)
    if "email" in fields and by is not None:
        given = MailRequest(
            mail_ids[1], MailKind.EMAIL_GIVEN, user.id, after.email, now, traceparent
        )
        return told_before(user, changed, mail_ids[0], now, traceparent, given)
    if asked is None:
        return changed
    kind, version = MailKind.CHANGE_EMAIL, changed.user.version
    mail = MailRequest(mail_ids[0], kind, user.id, asked, now, traceparent, account_version=version)
    return changed._replace(mails=(mail,))


def check_rise(before: User, after: User) -> None:
    """Raises `EmailNotVerified` for a greater role, unless nobody else can know the password.

    Whoever opened the account would have that role too, by the password that they chose.
    """
    rises = lesser(before.role, after.role) is not after.role
    if rises and not after.password_proven:
        raise EmailNotVerified("no mailed link has set the account's password", field="role")


def told_before(
    before: User,
    changed: Changed,
    mail_id: str,
    now: datetime,
    traceparent: str | None,
    *others: MailRequest,
) -> Changed:
    """With a mail to the address before, and `others`; none when it is the same in another case."""
    if changed.user.email.lower() == before.email.lower():
        return changed
    kind = MailKind.EMAIL_CHANGED
    told = MailRequest(mail_id, kind, before.id, before.email, now, traceparent)
    return changed._replace(mails=(told, *others))


def updated(
    before: User, after: User, event_id: str, now: datetime, traceparent: str | None
) -> Changed:
    """The change from `before` to `after`, with its event, and with what it ends."""
    if after == before:
        return Changed(before, None)
    after = replace(after, updated_at=now, version=before.version + 1)
    if after.email.lower() != before.email.lower():  # whose the password is, its mails do not show
        after = replace(after, password_proven=False)
    if (after.email, after.role, after.status) != (before.email, before.role, before.status):
        after = replace(after, links_since=after.version)
    if before.acting_role and not after.acting_role:
        after = replace(after, sessions_since=after.version, spared_session=None)
    event = UserEvent(event_id, EventType.UPDATED, after, after.version, now, traceparent)
    return Changed(after, event)


def check_session(user: User, by: Caller) -> None:
    """Raises `SessionEnded` when a change of `user` has ended the session of `by`, its holder.

    That is since `by` was let in: else what is asked for in that session would be as new as the
    change, and outlive it.
    """
    if by.account_version < user.sessions_since and by.session_id != user.spared_session:
        raise errors.SessionEnded


def erased(
    user: User, etag: str, event_id: str, now: datetime, traceparent: str | None = None
) -> UserEvent:
    """The event of the deletion of `user`. Raises `Outdated`."""
    errors.Outdated.check(etag, user.etag, "account")
    return UserEvent(event_id, EventType.ERASED, user, user.version + 1, now, traceparent)


def is_admin(caller: Caller | None) -> bool:
    """Whether somebody calls who is an admin."""
    return caller is not None and caller.role is Role.ADMIN
