"""There is always an admin who may act. Pure."""

from server.kit import errors
from server.kit.context import Role
from server.user.accounts.rules import ADMIN_ONLY, User


class LastAdmin(errors.Conflict):
    """Nobody would be left who may do what admins do."""

    reason = "LAST_ADMIN"


def needs_another_admin(before: User, after: User | None) -> bool:
    """Whether a change may only be made while there is another admin; `after` None: deleted."""
    return before.acting_role is Role.ADMIN and not (after and after.acting_role is Role.ADMIN)


def check_another_admin(is_there: bool, before: User, after: User | None) -> None:
    """Raises `LastAdmin` unless there is one, and names the fields that must stay as they are."""
    if is_there:
        return
    problem = "this is the last admin; make another one first"
    changing = [
        errors.Violation(name, problem)
        for name in sorted(ADMIN_ONLY)
        if after and getattr(after, name) != getattr(before, name)
    ]
    raise LastAdmin(problem, violations=changing)
