"""What acts make of access tokens that were signed before. Pure."""

from dataclasses import dataclass

from server.kit.context import Role


@dataclass(frozen=True, slots=True)
class Revocation:
    """A session that has ended, or what an account is since one of its versions."""

    user_id: str
    session_id: str | None = None  # that has ended; None: the account has changed
    account_version: int | None = None  # since
    role: Role | None = None  # that it may act in; None: it may not
    ends_sessions: bool = False
    spared_session: str | None = None  # that goes on all the same


def session_ended(user_id: str, session_id: str) -> Revocation:
    """Of the account's one session."""
    return Revocation(user_id, session_id=session_id)


def account_changed(
    user_id: str, version: int, before: Role | None, after: Role | None
) -> Revocation | None:
    """After a change of the role that the account may act in, if it is one; None: in none.

    Who may act no more has no sessions either; who has another role keeps them.
    """
    if before is after:
        return None
    return Revocation(user_id, account_version=version, role=after, ends_sessions=after is None)


def sessions_ended(
    user_id: str, version: int, role: Role | None, spared: str | None = None
) -> Revocation:
    """All sessions of the account end but that which is spared, if one is."""
    return Revocation(
        user_id, account_version=version, role=role, ends_sessions=True, spared_session=spared
    )
