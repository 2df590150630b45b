"""Messages and enums for people, as tables of what the protos say of their parts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import EnumDescriptor

_FIELDS = "| field | type | |\n|---|---|---|\n"
_VALUES = "| value | |\n|---|---|\n"


class Described:
    """By the comments, of which `said` has those of each full name."""

    def __init__(self, said: Mapping[str, str]) -> None:
        self._said = said

    def fields(self, message: Any) -> str:
        """A table of the message's fields."""
        rows = [
            f"| `{field.name}` | {_type(field)} | {self._cell(field.full_name)} |\n"
            for field in message.fields
        ]
        return _FIELDS + "".join(rows)

    def parts(self, messages: Sequence[Any]) -> str:
        """A section for each of what the messages hold, however deep, but for themselves."""
        shown, found = [*messages], dict[str, Any]()
        known = {message.full_name for message in messages}
        for message in shown:
            for part in _held(message):
                if part.full_name not in known and not part.full_name.startswith("google."):
                    known.add(part.full_name)
                    found[_name(part)] = part
                    shown += [] if isinstance(part, EnumDescriptor) else [part]
        return "".join(self._part(found[name]) for name in sorted(found))

    def _part(self, part: Any) -> str:
        about = f"\n## {_name(part)}\n\n{self._said.get(part.full_name, '')}\n\n"
        if not isinstance(part, EnumDescriptor):
            return about + self.fields(part)
        rows = [
            f"| `{value.name}` | {self._cell(f'{part.full_name}.{value.name}')} |\n"
            for value in part.values
            if value.number
        ]
        return about + _VALUES + "".join(rows)

    def _cell(self, name: str) -> str:
        return cell(self._said.get(name, ""))


def cell(text: str) -> str:
    """A comment as a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _name(part: Any) -> str:
    """Within its package: `Order.Status`."""
    return str(part.full_name.removeprefix(f"{part.file.package}."))


def _held(message: Any) -> Iterator[Any]:
    """The messages and enums of its fields; of a map those of its values."""
    for field in message.fields:
        named = field.message_type.fields_by_name["value"] if _is_map(field) else field
        if part := named.message_type or named.enum_type:
            yield part


def _is_map(field: Any) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def _type(field: Any) -> str:
    if _is_map(field):
        return "map"
    named = field.message_type or field.enum_type
    numbers = {value: name for name, value in vars(type(field)).items() if name.startswith("TYPE_")}
    name = f"`{_name(named)}`" if named is not None else numbers[field.type][5:].lower()
    return f"list of {name}" if field.is_repeated else name
