"""Tokens of which something becomes when a test says so."""

from collections.abc import Callable
from dataclasses import replace

from server.kit import auth
from server.kit.context import Caller, Role

Becomes = Callable[[Caller], Caller]


class Changing:
    """`Tokens`: those of a verifier, until `becomes` says another thing of them."""

    def __init__(self, verifier: auth.Verifier) -> None:
        self._verify = verifier.verify
        self.follow = verifier.follow
        self.becomes: Becomes = unchanged

    def verify(self, token: str) -> Caller:
        """See `Tokens`."""
        return self.becomes(self._verify(token))


def unchanged(caller: Caller) -> Caller:
    return caller


def demoted(caller: Caller) -> Caller:
    return replace(caller, role=Role.CUSTOMER)


def refused_with(error: Exception) -> Becomes:
    """Every token is refused so."""

    def refuse(caller: Caller) -> Caller:
        raise error

    return refuse
