"""Holds what a REST caller names against the contract: each field has one place to be said in."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from server.kit import errors
from server.kit.call.access import AccessRules
from server.kit.call.layers import Gate
from server.kit.call.media_types import MediaTypes
from server.kit.call.method import Method
from server.kit.context import Context


class RestNames:
    """Refuses what the transcoder would take from the wrong place, or drop without a word.

    The transcoder lets the query override the path, takes bodies of rpcs that declare none, keeps
    the last of two members with one name, and drops names that it does not know, and nulls in
    arrays. So the edge reports what it saw (`envoy/body_fields.lua` says how), and the decision is
    made here:

    - what the path says, neither query nor body may name;
    - a body comes only where the contract declares one, and a query where the body is not all;
    - a secret never stands in a query, which is written into histories and logs;
    - nothing is named twice, and nothing that the request does not have;
    - JSON is strict, a list is an array, and there is no null in it.
    """

    # Its refusals name fields of the request, which only callers with access may learn about; and
    # in what is no JSON, names mean nothing.
    inside_of: ClassVar[tuple[type, ...]] = (AccessRules, MediaTypes)

    def gate(self, method: Method) -> Gate | None:
        """None for an rpc that REST cannot call."""
        if method.rest is None:
            return None
        rest = method.rest
        request: Any = method.request.DESCRIPTOR  # its type has two names, which mypy tells apart
        names = _Names(request, is_raw=rest.takes_body and not rest.takes_json)
        path_fields = tuple(rest.path_fields)

        # Before the owner is looked at, who would be the owner of what the query names.
        def check_path(context: Context) -> None:
            metadata = context.metadata
            if metadata.get("x-emporium-door") != "rest":
                return
            body, query = metadata.get("x-body-fields"), metadata.get("x-query-fields")
            if body is None or query is None:
                raise errors.Malformed("the request could not be read; send plainer JSON")
            if path_fields and (body or query):
                names.refuse_overlap(path_fields, _listed(body), _listed(query))

        def check_names(message: Any, context: Context) -> None:
            metadata = context.metadata
            if metadata.get("x-emporium-door") != "rest":
                return
            body, query = _listed(metadata["x-body-fields"]), _listed(metadata["x-query-fields"])
            if not rest.takes_body and metadata.get("x-body-bytes", "0") != "0":
                _refuse_body(body)
            if query and not rest.takes_query:
                raise errors.UnknownField(
                    "'{name}' belongs into the body, not into the query", _bare(query[0])
                )
            names.check_body(body)
            names.check_query(query)

        return Gate(check_path, check_names)


def _listed(report: str) -> list[str]:
    return report.split(",") if report else []


def _bare(name: str) -> str:
    return name.lstrip("+~!*")


def _refuse_body(names: list[str]) -> None:
    if names and _bare(names[0]):
        raise errors.UnknownField("'{name}': this call takes no body", _bare(names[0]))
    raise errors.Malformed("this call takes no body")


class _Names:
    """The names below one message, which JSON may write in two ways."""

    def __init__(self, message: Descriptor, *, is_raw: bool) -> None:
        self._message = message
        self._is_raw = is_raw  # the body comes as it is, may be no JSON, and has no names of ours
        # Names that exist. Unknown ones are not remembered: there is no end of them.
        self._known: set[str] = set()

    def refuse_overlap(
        self, path_fields: Iterable[str], body: Sequence[str], query: Sequence[str]
    ) -> None:
        """Raises when a name of theirs is, holds or belongs to a field that the path says."""
        for name in query if self._is_raw else (*body, *query):
            fields, _ = self._resolved(_bare(name))
            said = "".join(f"{field.name}." for field in fields)
            if said and any(_overlap(f"{field}.", said) for field in path_fields):
                raise _refused("'{}' is said by the path", _bare(name), fields)

    def check_body(self, names: Iterable[str]) -> None:
        """Raises for what the request does not have, and for what one object names twice."""
        if self._is_raw:
            return
        for name in names:
            if name in self._known:
                continue
            if name == "!":
                raise errors.Malformed(_NOT_STRICT)
            path = _bare(name)
            fields, is_open = self._resolved(path)
            if not fields:
                raise errors.UnknownField("the request has no field '{name}'", path)
            if name.startswith("!"):
                raise _refused("{}: must be an array", path, fields)
            if name.startswith("*") and not is_open:
                raise _refused("{}: must not hold null", path, fields)
            # Keys that are no fields are two when they are spelled in two ways.
            if name.startswith("+") or (name.startswith("~") and not is_open):
                raise _refused("'{}' is named twice", path, fields)
            self._known.add(name)

    def check_query(self, names: Iterable[str]) -> None:
        """Raises as `check_body` does, and for a secret. A repeated field is said repeatedly."""
        for name in names:
            path = _bare(name)
            fields, _ = self._resolved(path)
            if not fields:
                raise errors.UnknownField("the request has no field '{name}'", path)
            if any(field.GetOptions().debug_redact for field in fields):
                raise _refused("'{}' may not stand in a query", path, fields)
            if name != path and not fields[-1].is_repeated:
                raise _refused("'{}' is named twice", path, fields)

    def _resolved(self, path: str) -> tuple[tuple[FieldDescriptor, ...], bool]:
        """The fields along `path`, and whether it ends in keys that are no fields."""
        message: Descriptor | None = self._message
        fields: list[FieldDescriptor] = []
        for name in path.split("."):
            if message is None:
                return _NONE, False
            if message.full_name in _OPAQUE or message.GetOptions().map_entry:
                return tuple(fields), True
            field = message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)
            if field is None:
                return _NONE, False
            fields.append(field)
            message = field.message_type
        return tuple(fields), False


def _refused(message: str, path: str, fields: tuple[FieldDescriptor, ...]) -> errors.Malformed:
    """The refusal of `path`, of which the log has the `fields` alone: keys are the caller's own."""
    known = ".".join(field.name for field in fields)
    return errors.Malformed(message.format(path), field=path, logged=message.format(known))


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


_NOT_STRICT = (
    "the body is not strict JSON: names and texts have double quotes, and no comma ends a list"
)

_NONE: tuple[FieldDescriptor, ...] = ()  # no such field

# Written in JSON as something other than their fields, so that nothing below them is a name.
_OPAQUE = frozenset(f"google.protobuf.{name}" for name in ("Any", "ListValue", "Struct", "Value"))
