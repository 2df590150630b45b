"""The role that an account's tokens open, where roles need a second factor. Pure, as all rules."""

from collections.abc import Collection

from server.kit.context import Role
from server.user.accounts.rules import User


def lacks_totp(user: User, required_of: Collection[Role]) -> bool:
    """Whether the account's role needs a second factor that it has not."""
    return user.role in required_of and not user.totp_enabled


def role_of_tokens(user: User, required_of: Collection[Role]) -> Role:
    """The role that the account's tokens say."""
    return Role.CUSTOMER if lacks_totp(user, required_of) else user.role


def acting_role(user: User, required_of: Collection[Role]) -> Role | None:
    """The role that tokens of the account may open; None: it is disabled, and they open nothing."""
    return user.acting_role and role_of_tokens(user, required_of)
