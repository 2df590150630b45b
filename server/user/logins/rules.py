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


class TotpRequired(errors.Unauthenticated):
    """E-mail and password are right, and the second factor was not sent."""

    reason = "TOTP_REQUIRED"

    def __init__(self) -> None:
        super().__init__("send 'totp_code' or 'recovery_code' as well")


class BadSecondFactor(errors.Unauthenticated):
    """E-mail and password are right; the code is wrong, or was used before."""

    reason = "BAD_SECOND_FACTOR"

    def __init__(self) -> None:
        super().__init__("the code is wrong, or was used before")


@dataclass(frozen=True, slots=True)
class Code:
    """What is sent as a second factor: a code of an app, or a recovery code."""

    totp: str = ""
    recovery: str = ""

    def __bool__(self) -> bool:
        return bool(self.totp or self.recovery)


class WrongPassword(errors.Forbidden):
    """The current password, which a change of it takes, is another."""

    reason = "WRONG_PASSWORD"

    def __init__(self) -> None:
        super().__init__("this is not the current password", field="current_password")
