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
    """`user` once it is known that `email` is theirs; the address before is told if it differs."""
    after = replace(user, email=email, email_verified=True)
    changed = updated(user, after, event_id, now, traceparent)
    return told_before(user, changed, mail_id, now, traceparent)


def proved(user: User, event_id: str, now: datetime, traceparent: str | None) -> Changed:
    """`user` once a link to set a password has shown that its address is its holder's.

    What was there before anybody had shown that is not the holder's: the second factor goes.
    """
    was = user if user.email_verified else replace(user, totp_enabled=False)
    return verified(was, was.email, event_id, "", now, traceparent)


def check_verified(user: User) -> None:
    """Raises `EmailNotVerified`: until then nobody knows whose the address is.

    Whoever signs up with somebody else's would keep what outlives the password that its owner sets.
    """
    if not user.email_verified:
        raise EmailNotVerified("verify the account's e-mail first")
