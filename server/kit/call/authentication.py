"""Finds out who calls. The edge has asked too; a service does not rely on it."""

from typing import ClassVar

from server.kit import errors
from server.kit.auth import Tokens
from server.kit.call.ascii_headers import AsciiHeaders
from server.kit.call.layers import Gate
from server.kit.call.method import Method
from server.kit.call.peers import Peers
from server.kit.context import Context, Role
from server.kit.shares import sharer


class Authentication:
    """Sets `context.caller` from the bearer token, and on whose account the call is served.

    A public rpc may be called without a token. A token that is sent must be valid, even there:
    a caller whose token has run out is told so, instead of being served as a stranger.
    """

    inside_of: ClassVar[tuple[type, ...]] = (Peers, AsciiHeaders)

    def __init__(self, verifier: Tokens) -> None:
        self._verify = verifier.verify

    def gate(self, method: Method) -> Gate:
        """Raises `Unauthenticated`, and what `Tokens` do."""
        verify = self._verify
        is_public, takes_basic = method.access.is_public, method.access.takes_basic

        def check(context: Context) -> None:
            authorization = context.metadata.get("authorization")
            if authorization is not None and not (takes_basic and _is_basic(authorization)):
                context.caller = caller = verify(bearer(authorization, takes_basic=takes_basic))
                if caller.role is not Role.SERVICE:  # which asks on behalf of many
                    sharer.set(caller.id)
            elif is_public:
                sharer.set(_address(context))
            else:
                raise errors.Unauthenticated("sign in and send 'Authorization: Bearer <token>'")

        return Gate(on_call=check)


def _is_basic(authorization: str) -> bool:
    return authorization.partition(" ")[0].lower() == "basic"


def bearer(authorization: str, *, takes_basic: bool = False) -> str:
    """The token in such a header. Raises `InvalidToken` where it has none."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        form = "Basic <base64 of id:secret>" if takes_basic else "Bearer <token>"
        raise errors.InvalidToken(f"the Authorization header must be '{form}'")
    return token


def _address(context: Context) -> str:
    """Where the edge says that a stranger calls from; who calls past the edge is nobody."""
    addresses: str = context.metadata.get("x-forwarded-for", "")
    return addresses.rpartition(",")[2].strip()
