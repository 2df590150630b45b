"""There is always an admin who can act. Pure."""

from server.kit import errors
from server.kit.context import Role
from server.user.accounts.rules import ADMIN_ONLY, User


class LastAdmin(errors.Conflict):
    """Nobody would be left who may do what admins do."""

    reason = "LAST_ADMIN"


def needs_another_admin(before: User, after: User | None) -> bool:
    """Whether a change may only be made while another admin can act; `after` None: deleted.

    Whether this one can act makes no difference: where none can, each of them stays.
    """
    return before.acting_role is Role.ADMIN and not (after and after.acting_role is Role.ADMIN)


def check_another_admin(
    is_there: bool, before: User, after: User | None, *, takes_totp: bool
) -> None:
    """Raises `LastAdmin` unless there is one, and names the fields that must stay as they are.

    `takes_totp`: an admin needs a second factor to act, and a password in any case.
    """
    if is_there:
        return
    needs = "a password and a second factor" if takes_totp else "a password"
    problem = f"this is the last admin who can act; make another one first, with {needs}"
    changing = [
        errors.Violation(name, problem)
        for name in sorted(ADMIN_ONLY)
        if after and getattr(after, name) != getattr(before, name)
    ]
    raise LastAdmin(problem, violations=changing)
