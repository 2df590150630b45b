"""Accounts between dataclasses and PostgreSQL's rows."""

from typing import Any

from server.kit.context import Role
from server.user.accounts.rules import Status, User, UserNotFound

COLUMNS = "id, email, full_name, age, role, status, created_at, updated_at, version"

# A member looked up costs a tenth of a member made from its value.
_ROLES = {role.value: role for role in Role}
_STATUSES = {status.value: status for status in Status}


def to_user(row: Any, wanted: object) -> User:
    """The account in `row`, which has `COLUMNS`. Raises `UserNotFound` when there is none."""
    if row is None:
        raise UserNotFound(f"user {wanted} does not exist")
    return User(
        row["id"],
        row["email"],
        row["full_name"],
        row["age"],
        _ROLES[row["role"]],
        _STATUSES[row["status"]],
        row["created_at"],
        row["updated_at"],
        row["version"],
    )
