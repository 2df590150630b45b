"""Who may sign in. Pure."""

from dataclasses import dataclass

from server.kit import errors
from server.user.accounts.rules import User


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account, and the hash of its password; None: it has none, and cannot sign in."""

    user: User
    password_hash: bytes | None


class BadCredentials(errors.Unauthenticated):
    """E-mail and password do not belong together, or the account is disabled."""

    reason = "BAD_CREDENTIALS"

    def __init__(self) -> None:
        super().__init__("e-mail or password is wrong")


class WrongPassword(errors.Forbidden):
    """The current password, which a change of it takes, is another."""

    reason = "WRONG_PASSWORD"

    def __init__(self) -> None:
        super().__init__("this is not the current password", field="current_password")
