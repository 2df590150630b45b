"""Lets in whom the contract lets in: the access rule declared on each rpc."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from server.kit import errors
from server.kit.call.authentication import Authentication
from server.kit.call.layers import Gate
from server.kit.call.method import Access, Audience, Fresh, Method
from server.kit.context import OPERATOR, Context, Role
from server.kit.standing import Accounts


class Hidden(errors.NotFound):
    """What a caller asks for belongs to somebody else, and is therefore not there.

    The reason is the rpc's own: the same as of what is really not there.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class InsufficientScope(errors.Forbidden):
    """The caller has signed in by an API key whose scopes do not reach the rpc."""

    reason = "INSUFFICIENT_SCOPE"

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"needs the scope {scope}, which the API key has not"
            if scope
            else "no API key may call this; sign in as a person"
        )


class NoAccounts(Exception):
    """An rpc is `fresh`, and its service knows nobody to ask about accounts."""


class AccessRules:
    """Raises `Forbidden` for the wrong role, and `Hidden` for the wrong owner.

    Before all else it raises `InsufficientScope` for an API key that has not the rpc's scope.

    An owner rule without a field is left to the store, which gets `context.owner_scope`. A service
    is no person and owns nothing: where it is not declared by its name it is refused, whatever it
    asks for.

    All of it is decided by the token first. Where the rpc is `fresh`, `accounts` are asked before
    the servicer begins, and the caller is judged again if the account's role is another; it raises
    `AccountInactive` for an account that is gone or disabled. The operator has none, and is let in
    as staff where it is not about the caller's own.
    """

    inside_of: ClassVar[tuple[type, ...]] = (Authentication,)  # it finds out who calls

    def __init__(self, accounts: Accounts | None = None) -> None:
        self._accounts = accounts

    def gate(self, method: Method) -> Gate:
        """The check that the rpc's access rule asks for. Raises `NoAccounts`."""
        by_token = _within_scope(method, self._by_token(method) or Gate())
        if method.access.fresh not in (Fresh.BY_ROLE, Fresh.ALWAYS):
            return by_token
        if self._accounts is None:
            raise NoAccounts(f"{method.service}/{method.name}")
        return by_token._replace(before_handler=_by_account(method, by_token, self._accounts))

    def _by_token(self, method: Method) -> Gate | None:
        if method.access.audience == Audience.ROLES:
            return Gate(on_call=_needs_role(method))
        if method.access.audience == Audience.PERSON:
            return Gate(on_call=_refuse_services)
        if method.access.audience == Audience.OWNER:
            is_named = bool(method.access.owner_field)
            return Gate(_sets_scope(method), _needs_owner(method) if is_named else None)
        return None


def _within_scope(method: Method, by_token: Gate) -> Gate:
    """`by_token`, behind a check of the scopes of API keys. Callers without one pass."""
    scope, check_role = method.access.scope, by_token.on_call

    def check(context: Context) -> None:
        caller = context.caller
        if caller is not None and caller.scopes is not None and scope not in caller.scopes:
            raise InsufficientScope(scope)
        if check_role:
            check_role(context)

    return by_token._replace(on_call=check)


def _by_account(
    method: Method, by_token: Gate, accounts: Accounts
) -> Callable[[Any, Context], Awaitable[None]]:
    exact, roles = method.access.fresh == Fresh.ALWAYS, method.access.roles
    for_operator = method.access.audience != Audience.PERSON

    async def check(request: Any, context: Context) -> None:
        caller = context.caller
        if caller is None or caller.role is Role.SERVICE:
            return  # no account stands behind it
        if not exact and caller.role not in roles:
            return  # it reaches only what is its own
        if for_operator and caller.id == OPERATOR and caller.is_staff:
            return  # nor behind this one, whom the user service's key alone can vouch for
        context.caller = await accounts.current(caller, exact=exact)
        if context.caller.role is caller.role:
            return
        if by_token.on_call:
            by_token.on_call(context)
        if by_token.on_message:  # which no rpc has that takes a stream
            by_token.on_message(request, context)

    return check


def _needs_role(method: Method) -> Callable[[Context], None]:
    access, message = method.access, _lacked(method.access)

    def check(context: Context) -> None:
        if not access.lets_in(context.signed_in):
            raise errors.Forbidden(message)

    return check


def _lacked(access: Access) -> str:
    needed = f"needs the role {' or '.join(sorted(access.roles))}"
    if access.services:
        needed += f", as the service {' or '.join(sorted(access.services))}"
    return needed


def _refuse_services(context: Context) -> None:
    if context.signed_in.role is Role.SERVICE:
        raise errors.Forbidden("for people, not for services")


def _sets_scope(method: Method) -> Callable[[Context], None]:
    roles = method.access.roles

    def check(context: Context) -> None:
        _refuse_services(context)
        caller = context.signed_in
        context.owner_scope = None if caller.role in roles else caller.id

    return check


def _needs_owner(method: Method) -> Callable[[Any, Context], None]:
    field, reason = method.access.owner_field, method.access.not_found_reason
    message = f"no such {field.removesuffix('_id')}"  # such as `no such user`, for `user_id`

    def check(request: Any, context: Context) -> None:
        if context.owner_scope not in (None, getattr(request, field).lower()):
            raise Hidden(message, reason)

    return check
