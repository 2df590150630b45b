"""Makes a request's idempotency key known to the servicer, as `context.key`.

A servicer keeps the first answer with the change that it tells of. It may refuse the repeat before
it comes that far: a product has been withdrawn meanwhile, or a newer version of the service knows a
stricter rule. The change was made all the same, and `answering_repeats` says so.
"""

import hashlib
from collections.abc import Awaitable, Callable
from functools import wraps
from types import SimpleNamespace
from typing import Any, ClassVar

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from server.kit import errors
from server.kit.call.authentication import Authentication
from server.kit.call.edge_headers import EdgeHeaders
from server.kit.call.layers import Gate
from server.kit.call.method import Method, methods
from server.kit.call.validation import Validation
from server.kit.context import Context, Key

Find = Callable[[Key], Awaitable[bytes | None]]
Handler = Callable[[Any, Context], Awaitable[Any]]

_KEY = "request_id"  # the field
_HASH_BYTES = 32

# What may be refused by now that was accepted before. What the caller may no longer do is not
# among it, nor what another try may bring.
_REFUSALS = (
    errors.Invalid,
    errors.NotFound,
    errors.AlreadyExists,
    errors.Conflict,
    errors.Outdated,
)


class NoHashSecret(Exception):
    """An rpc takes a secret field and a key, and its service has nothing to hash them with."""


class IdempotencyKeys:
    """Reads `request_id` of the rpcs that have one.

    What tells one body from another is a hash of it. A plain hash of a password would be a gift to
    whoever steals the table, so requests with a `debug_redact` field are hashed with `secret`, 16
    to 64 bytes that are always the same.
    """

    # A key is the caller's own; a header may fill it in, and only a sound request is hashed.
    inside_of: ClassVar[tuple[type, ...]] = (Authentication, EdgeHeaders, Validation)

    def __init__(self, secret: bytes = b"") -> None:
        self._secret = secret

    def gate(self, method: Method) -> Gate | None:
        """None for an rpc whose request has no `request_id`. Raises `NoHashSecret`."""
        message: Any = method.request.DESCRIPTOR  # its type has two names, which mypy tells apart
        if _KEY not in message.fields_by_name:
            return None
        is_secret = any(field.GetOptions().debug_redact for field in message.fields)
        if is_secret and not self._secret:
            raise NoHashSecret(f"{method.service}/{method.name}")
        secret = self._secret if is_secret else b""
        path = f"{method.service}/{method.name}"
        anonymous_field = method.access.anonymous_field

        def read(request: Any, context: Context) -> None:
            if not request.request_id:
                return
            if context.caller:
                caller = context.caller.id
            else:
                # Callers without a token would share their keys; the contract says what tells
                # them apart.
                caller = getattr(request, anonymous_field).lower() if anonymous_field else ""
            body = request.SerializeToString(deterministic=True)
            body_hash = hashlib.blake2b(body, digest_size=_HASH_BYTES, key=secret).digest()
            key = context.key_as_sent or request.request_id
            context.key = Key(caller, path, key, body_hash)

        return Gate(on_message=read)


def answering_repeats(service: ServiceDescriptor, servicer: object, find: Find) -> object:
    """`servicer`, which answers a repeat that it would refuse by now with the first answer.

    `find` gives the serialised first answer to a key, None when there is none; it may raise
    `IdempotencyKeyReused`, which is then the refusal.
    """
    handlers = {method.name: getattr(servicer, method.name) for method in methods(service)}
    for method in methods(service):
        if _KEY in method.request.DESCRIPTOR.fields_by_name:
            handlers[method.name] = _or_first(handlers[method.name], find, method.response)
    return SimpleNamespace(**handlers)


def _or_first(handler: Handler, find: Find, response: type[Message]) -> Handler:
    @wraps(handler)
    async def answered(request: Any, context: Context) -> Any:
        try:
            return await handler(request, context)
        except _REFUSALS:
            first = await find(context.key) if context.key else None
            if first is None:
                raise
            return response.FromString(first)

    return answered
