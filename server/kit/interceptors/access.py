"""Lets in whom the contract lets in: the access rule declared on each rpc."""

from typing import Any

from server.kit import errors
from server.kit.context import Context
from server.kit.interceptors.layers import Gate
from server.kit.method import Audience, Method


class ForeignUser(errors.NotFound):
    """What a caller asks for belongs to somebody else, and is therefore not there."""

    reason = "USER_NOT_FOUND"


class AccessRules:
    """Raises `Forbidden` for the wrong role, and `ForeignUser` for the wrong owner.

    An owner rule without a field is left to the store, which gets `context.owner_scope`.
    """

    def gate(self, method: Method) -> Gate | None:
        """The check that the rpc's access rule asks for."""
        if method.access.audience == Audience.ROLES:
            return Gate(on_call=_needs_role(method))
        if method.access.audience == Audience.OWNER and method.access.owner_field:
            return Gate(on_message=_needs_owner(method))
        return None


def _needs_role(method: Method) -> Any:
    roles = method.access.roles
    message = f"needs the role {' or '.join(sorted(roles))}"

    def check(context: Context) -> None:
        if context.signed_in.role not in roles:
            raise errors.Forbidden(message)

    return check


def _needs_owner(method: Method) -> Any:
    roles, field = method.access.roles, method.access.owner_field

    def check(request: Any, context: Context) -> None:
        caller = context.signed_in
        owner = getattr(request, field)
        if caller.id != owner.lower() and caller.role not in roles:
            raise ForeignUser(f"user {owner} does not exist")

    return check
