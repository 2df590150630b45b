"""Copies what REST sends in headers into the request, so that servicers read the request alone."""

from typing import Any, ClassVar

from google.protobuf.descriptor import Descriptor

from server.kit import errors
from server.kit.call.access import AccessRules
from server.kit.call.layers import Gate
from server.kit.call.method import Method
from server.kit.context import Context

_FIELDS_BY_HEADER = {"idempotency-key": "request_id", "if-match": "etag"}


class EdgeHeaders:
    """Fills an empty `request_id` from `idempotency-key`, and an empty `etag` from `if-match`.

    Also refuses body fields that the request does not have. The transcoder drops those silently;
    the edge therefore reports the names it saw in `x-body-fields`, and the decision is made here.
    """

    # Its refusals name fields of the request, which only callers with access may learn about.
    inside_of: ClassVar[tuple[type, ...]] = (AccessRules,)

    def gate(self, method: Method) -> Gate | None:
        """None for a request that has no such field and takes no body."""
        message: Any = method.request.DESCRIPTOR  # its type has two names, which mypy tells apart
        fields = message.fields_by_name
        fills = [(header, name) for header, name in _FIELDS_BY_HEADER.items() if name in fields]
        if not fills and not method.takes_body:
            return None
        known: dict[str, bool] = {}

        def check(request: Any, context: Context) -> None:
            metadata = context.metadata
            if method.takes_body and metadata.get("x-emporium-door") == "rest":
                _refuse_unknown(message, known, metadata.get("x-body-fields"))
            for header, name in fills:
                value = _unquoted(metadata.get(header, ""))
                if value and not getattr(request, name):
                    setattr(request, name, value)

        return Gate(on_message=check)


def _refuse_unknown(message: Descriptor, known: dict[str, bool], report: str | None) -> None:
    """`known` caches the paths that exist. Unknown ones are not cached: there is no end of them."""
    if report is None:
        raise errors.Malformed("the body could not be read field by field; send plainer JSON")
    for path in report.split(",") if report else ():
        if path in known:
            continue
        if not _exists(message, path.split(".")):
            raise errors.UnknownField(f"the request has no field '{path}'", field=path)
        known[path] = True


def _exists(message: Descriptor | None, path: list[str]) -> bool:
    for name in path:
        if message is None:
            return False
        if message.full_name in _OPAQUE or message.GetOptions().map_entry:
            return True
        field = message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)
        if field is None:
            return False
        message = field.message_type
    return True


# Written in JSON as something other than their fields, so that nothing below them is a name.
_OPAQUE = frozenset(f"google.protobuf.{name}" for name in ("Any", "ListValue", "Struct", "Value"))


def _unquoted(value: str) -> str:
    """An entity tag as HTTP writes it, or a plain value. `*`, which is any tag, demands nothing."""
    return "" if value == "*" else value.removeprefix("W/").strip('"')
