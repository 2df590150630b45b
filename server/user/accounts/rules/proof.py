"""What a mailed link shows of whose an account is. Pure, as all rules."""

from dataclasses import replace
from datetime import datetime

from server.user.accounts.rules import Changed, EmailNotVerified, User, told_before, updated


def verified(
    user: User,
    email: str,
    event_id: str,
    mail_id: str,
    now: datetime,
    traceparent: str | None = None,
) -> Changed:
    """`user` once it is known that `email` is theirs; the address before is told if it differs.

    Where staff have vouched for the address they may know the password, which stays: then this
    link shows nothing of who signs in, and only `proved` does.
    """
    is_owners = user.owner_proven or not user.email_verified
    after = replace(user, email=email, email_verified=True, owner_proven=is_owners)
    changed = updated(user, after, event_id, now, traceparent)
    return told_before(user, changed, mail_id, now, traceparent)


def proved(user: User, event_id: str, now: datetime, traceparent: str | None) -> Changed:
    """`user` once a link to set a password has shown that its address is its holder's.

    What was there before anybody had shown that is not the holder's: the second factor goes.
    """
    keeps_factor = user.totp_enabled and user.owner_proven
    after = replace(
        user,
        email_verified=True,
        owner_proven=True,
        password_proven=True,
        totp_enabled=keeps_factor,
    )
    return updated(user, after, event_id, now, traceparent)


def check_proven(user: User) -> None:
    """Raises `EmailNotVerified`: until then nobody knows whose the password is.

    Whoever signs up with somebody else's address, or chose the password for them, would keep what
    outlives the password that its owner sets.
    """
    if not user.owner_proven:
        raise EmailNotVerified("no mailed link has shown that the account is yours")
