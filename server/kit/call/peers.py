"""Lets in the peers whose certificates name them, where the listener asks for certificates."""

from typing import ClassVar

from server.kit import errors
from server.kit.call.layers import Gate
from server.kit.call.method import Method
from server.kit.context import Context


class Peers:
    """Raises `Forbidden` unless the peer's certificate has one of `names`; None lets all in.

    That the certificate is of an authority that we believe, the handshake has made sure of. Health
    and reflection, which the contract does not describe, are open to all who have come so far.
    """

    inside_of: ClassVar[tuple[type, ...]] = ()

    def __init__(self, names: frozenset[str] | None) -> None:
        self._names = names

    def gate(self, method: Method) -> Gate | None:
        """The same for each method; nothing where no certificates are asked for."""
        return Gate(on_call=self._check) if self._names is not None else None

    def _check(self, context: Context) -> None:
        if not self._names or self._names.isdisjoint(context.peer_names):
            raise errors.Forbidden("the certificate that was shown names nobody who may call here")
