"""The values at and beyond the ends of what each field can hold, found by the contract itself."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

HTTP: Any = annotations_pb2.http  # its stub takes it for a plain descriptor

TIMESTAMP = "google.protobuf.Timestamp"
FIRST, LAST = (
    -62_135_596_800,
    253_402_300_799,
)  # the first and the last second of the years 1 to 9999
INT32, INT64 = 2**31, 2**63

WORDS = (
    [
        "",
        " ",
        "x",
        "0",
        "-0",
        "-1",
        "1e999",
        "NaN",
        "Infinity",
        "-Infinity",
        "*",
        '""',
        "\0",
        "a\0b",
    ]
    + ["0.00", "0.0001", "0.00001", "999999999.9999", "999999999.99990", "1000000000.00"]
    + ["999999999.99", "1.", ".5", "+1", "1\n"]
    + ["GBP", "gbp", "GBP\n", "ÅÄÖ", "active", "ACTIVE", "paid", "piad", "staff", "service"]
    + ["x" * length for length in (64, 65, 73, 101, 129, 201, 255, 513, 1025, 70_000)]
    + ["\u2028", "e\u0301", "\U0001f381" * 100, "\U0001f381" * 201, "\ufeffx", "\ufffe"]
    + ["0001-01-01", "9999-12-31", "0000-01-01", "10000-01-01", "2023-02-29", "2020-W01-1"]
    + ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2020-01-01T00:00:00"]
    + ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2020-01-01T00:00:00.1234567Z"]
    + [
        str(uuid.UUID(int=0)),
        str(uuid.UUID(int=2**128 - 1)).upper(),
        "{" + str(uuid.UUID(int=1)) + "}",
    ]
    + ["created_at:asc", "name:desc", "order_date:asc", "total_price:desc", "name:up", ":", "a:b:c"]
    + [f"{'l' * 64}@{'d' * 63}.{'d' * 63}.{'d' * 56}.com", "a@b", "a@b@c.com"]
    + ["product.viewed", "order.placed", "a.b"]
)
# Those that JSON, the transcoder or a URL may make something else of; rules are tried by gRPC.
JSON_WORDS = [
    *(
        "",
        " ",
        "x",
        "0",
        "NaN",
        "1e999",
        "\0",
        "GBP",
        "GBP\n",
        "*",
        "active",
        "PAID",
        "paid",
        "piad",
    ),
    *("x" * length for length in (65, 1025, 70_000)),
    *("\u2028", "\U0001f381" * 100, "\ufffe", "0001-01-01", "0001-01-01T00:00:00+14:00"),
    *(str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1)).upper(), "name:desc", "a@b.example"),
    *("999999999.99", "999999999.9999", "1000000000.00", "product.viewed"),
]
# Few, because each that is taken costs a quarter of a second by design.
PASSWORDS = [
    "",
    "x" * 7,
    "x" * 8,
    "x" * 72,
    "x" * 73,
    "\0" * 8,
    "\U0001f381" * 18,
    "\U0001f381" * 19,
    "\uff58" * 72,
    "\u0958" * 24,
    "x" * 289,
]
BOUNDS = (0, 1, 100, 101, 149, 150, 100_000, 100_001, 1_000_000, 1_000_001)
MOMENTS = [
    Timestamp(seconds=seconds, nanos=nanos)
    for seconds in (FIRST, LAST, 0, -1, 1_500_000_000)
    for nanos in (0, 1, 999, 1_000, 123_456_789, 999_999_999)
] + [
    Timestamp(seconds=seconds, nanos=nanos)
    for seconds, nanos in (
        *((FIRST - 1, 0), (LAST + 1, 0), (FIRST - 1, 999_999_999), (-INT64, 0), (INT64 - 1, 0)),
        *((0, -1), (0, 1_000_000_000), (0, INT32 - 1), (0, -INT32), (INT64 - 1, INT32 - 1)),
    )
]
JSON_MOMENTS: list[Any] = [
    "0001-01-01T00:00:00Z",
    "0000-12-31T23:59:59Z",
    "10000-01-01T00:00:00Z",
    "now",
    "",
    None,
    0,
    "9999-12-31T23:59:59.999999999Z",
    "0001-01-01T00:00:00.000001Z",
    "2020-01-01T00:00:00",
    "2020-02-30T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "2020-01-01T24:00:00Z",
    True,
    [],
    {},
    "0001-01-01T00:00:00+14:00",
    "1969-12-31T23:59:59.999999Z",
    "2017-07-14T02:40:00.123456789Z",
]
JSON_NUMBERS: list[Any] = [
    *BOUNDS,
    -1,
    INT32 - 1,
    INT32,
    -INT32,
    -INT32 - 1,
    INT64,
    2**64,
    10**400,
    1.5,
    1e300,
    "1",
    "",
    "NaN",
    "Infinity",
    "0x1",
    None,
    True,
    [],
    {},
]
JSON_ENUMS = ["", "x", "PAID", "paid", "staff", "Disabled", 0, 1, 99, -1, INT32, None, True, [], {}]

URL_LENGTH_MAX = 2_000

Path = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A field of a request, perhaps deep in it."""

    path: Path
    field: FieldDescriptor

    @property
    def root(self) -> str:
        """The request's own field that it is in."""
        return self.path[0]


def places(message: Any, path: Path = ()) -> Iterator[Place]:
    """Every field of a message, and of the messages of ours in it."""
    for field in message.fields:
        here = (*path, field.name)
        yield Place(here, field)
        within = field.message_type
        if within is not None and within.full_name.startswith("emporium.") and not _is_map(field):
            yield from places(within, here)


def by_grpc(place: Place) -> list[Any]:
    """What the field may be sent by a stub; None stands for leaving it out."""
    one = PASSWORDS if place.field.name.endswith("password") else _values(place.field)
    if _is_map(place.field):
        many = {f"k{n}": "v" for n in range(21)}
        return [None, {"": ""}, {"k" * 65: "v"}, many, *({"k": word} for word in WORDS)]
    if place.field.is_repeated:
        full = [0, 1, 500, 501, 1_000, 1_001]
        return [None, *([value] for value in one), *((one[:1] or [{}]) * n for n in full if one)]
    return [None, *one]


def by_json(place: Place) -> list[Any]:
    """What JSON may hold in place of the field."""
    kind, within = place.field.cpp_type, place.field.message_type
    if within is not None and within.full_name == TIMESTAMP:
        return JSON_MOMENTS
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return JSON_ENUMS
    if kind in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64):
        return JSON_NUMBERS
    if place.field.name.endswith("password"):
        return [*PASSWORDS, None, 1]
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return [*JSON_WORDS, "\ud800", None, 1, True, [], {}]
    return [None, "", 0, True, [], {}, [None], [[]], {"": None}]


def put(message: Any, path: Path, value: Any) -> Any:
    """A copy of `message` that has `value` at `path`, or nothing there for None."""
    changed = type(message)()
    changed.CopyFrom(message)
    within = changed
    for name in path[:-1]:
        part = getattr(within, name)
        within = part if not within.DESCRIPTOR.fields_by_name[name].is_repeated else part[0]
    within.ClearField(path[-1])
    if value is not None:
        within.MergeFrom(type(within)(**{path[-1]: value}))
    return changed


@dataclass(frozen=True)
class Rest:
    """How an rpc is called by REST."""

    verb: str
    path: str
    query: dict[str, Any]
    body: Any


def as_rest(method: MethodDescriptor, message: Any, place: Place, value: Any) -> Rest | None:
    """The call by REST that has `value` at the place; None where there is no such call."""
    rule = method.GetOptions().Extensions[HTTP]
    verb = rule.WhichOneof("pattern")
    if verb is None:
        return None
    content = MessageToDict(message, preserving_proto_field_name=True)
    path = getattr(rule, verb)
    if "{" + place.root + "}" in path:
        if not isinstance(value, str) or not value or not _fits_url(value):
            return None
        content[place.root] = value
    else:
        within = content
        for name in place.path[:-1]:
            part = within.setdefault(name, {})
            within = part[0] if isinstance(part, list) else part
        within[place.path[-1]] = value
    for name in [name for name in content if "{" + name + "}" in path]:
        path = path.replace("{" + name + "}", _escaped(content.pop(name)))
    if rule.body:
        return Rest(verb.upper(), path, {}, content)
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    if not _fits_url(str(value)):
        return None
    return Rest(verb.upper(), path, content, None)


def _values(field: FieldDescriptor) -> list[Any]:
    within = field.message_type
    if within is not None:
        return _OF_MESSAGES.get(within.full_name, [{}])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return [b"", b"\0", b"\xff" * 100]
    return _OF_KINDS[field.cpp_type]


_OF_MESSAGES: dict[str, list[Any]] = {
    TIMESTAMP: MOMENTS,
    "google.protobuf.FieldMask": [
        {"paths": paths}
        for paths in (["status"], ["status", "status"], [""], ["nonsense"], ["user_id"], ["*"])
    ],
}
_OF_KINDS: dict[int, list[Any]] = {
    FieldDescriptor.CPPTYPE_ENUM: [*range(9), -1, INT32 - 1, -INT32],
    FieldDescriptor.CPPTYPE_INT32: [*BOUNDS, -1, INT32 - 1, -INT32],
    FieldDescriptor.CPPTYPE_INT64: [*BOUNDS, -1, INT64 - 1, -INT64],
    FieldDescriptor.CPPTYPE_BOOL: [False, True],
    FieldDescriptor.CPPTYPE_STRING: WORDS,
}


def _is_map(field: FieldDescriptor) -> bool:
    within: Any = field.message_type
    return within is not None and bool(within.GetOptions().map_entry)


def _fits_url(text: str) -> bool:
    """Lone surrogates can only be written in JSON; what is too long has refusals of its own."""
    return len(text) <= URL_LENGTH_MAX and "\ud800" not in text


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())
