"""The parameters of an OpenAPI document, down to each value within a body."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Any
Key = str | int
Path = tuple[Key, ...]

PATH, QUERY, HEADER, BODY = "path", "query", "header", "body"
_FORM = "application/x-www-form-urlencoded"
# A member that a schema has no name for.
_ANY_NAME = "k"
_LINES = {"items.0.product_id", "items.0.quantity"}
# An order may be sent as one line instead.
_FLAT = {"product_name", "quantity", "total_price"}
# What an operation always needs, by rules that are said in words.
_NEEDED = {
    "CreateOrder": _LINES,
    "QuoteOrder": _LINES,
    "ExchangeApiKey": {"client_id", "client_secret"},
    "ExportUser": {"part"},
    "UpdateOrder": {"status"},
    "UpdateUser": {"full_name"},
}


@dataclass(frozen=True)
class Parameter:
    """A value of a request."""

    path: Path  # where it goes, then its name; within a body, names and indices from the outside in
    schema: Mapping[str, Any]
    optional: tuple[Path, ...]  # what may be left out that holds it, itself included

    @property
    def place(self) -> str:
        """Where it goes."""
        return str(self.path[0])

    @property
    def name(self) -> str:
        """The last name on the way to it."""
        return next(key for key in reversed(self.path) if isinstance(key, str))

    @property
    def within(self) -> str:
        """The names on the way to it, from where it goes."""
        return ".".join(map(str, self.path[1:]))

    def __str__(self) -> str:
        return f"{self.place} {self.within}"

    def goes_with(self, other: "Parameter") -> bool:
        """Whether a request that has the other must have this one."""
        return all(other.path[: len(part)] == part for part in self.optional)


@dataclass(frozen=True)
class Operation:
    """What can be called."""

    name: str
    verb: str
    template: str  # of its path
    media_type: str  # of its body; empty where it has none
    takes_token: bool
    parameters: Sequence[Parameter]

    @property
    def is_form(self) -> bool:
        """Whether the body is a form, and else it is JSON."""
        return self.media_type == _FORM

    def with_(self, wanted: Parameter) -> list[Parameter]:
        """The least that a request needs which has the wanted one."""
        needed = _NEEDED.get(self.name, set())
        if needed is _LINES and wanted.within in _FLAT:
            needed = _FLAT
        return [each for each in self.parameters if each.goes_with(wanted) or each.within in needed]


def operations(document: Json) -> list[Operation]:
    """All of the document."""
    return [
        _operation(document, verb, template, said)
        for template, verbs in document["paths"].items()
        for verb, said in verbs.items()
    ]


def _operation(document: Json, verb: str, template: str, said: Json) -> Operation:
    found: list[Parameter] = []
    for reference in said.get("parameters", ()):
        each = _resolved(document, reference)
        path = (each["in"], each["name"])
        optional = () if each.get("required") else (path,)
        found.append(Parameter(path, _resolved(document, each["schema"]), optional))
    content = said.get("requestBody", {}).get("content", {})
    for media_type in content:
        found += _values(document, content[media_type]["schema"], (BODY,), ())
    return Operation(
        name=said["operationId"],
        verb=verb.upper(),
        template=template,
        media_type=next(iter(content), ""),
        takes_token=any("bearer" in each for each in said.get("security", ())),
        parameters=found,
    )


def _values(
    document: Json, reference: Json, path: Path, optional: tuple[Path, ...]
) -> Iterator[Parameter]:
    """All within a schema that are no objects and no lists."""
    schema = _resolved(document, reference)
    if schema.get("type") == "array":
        yield from _values(document, schema["items"], (*path, 0), optional)
    elif schema.get("type") == "object":
        members = dict(schema.get("properties", {}))
        if isinstance(more := schema.get("additionalProperties"), dict):
            members[_ANY_NAME] = more
        for name, member in members.items():
            inner = (*path, name)
            kept = optional if name in schema.get("required", ()) else (*optional, inner)
            yield from _values(document, member, inner, kept)
    else:
        yield Parameter(path, schema, optional)


def _resolved(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        found = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema
