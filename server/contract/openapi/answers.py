"""What REST answers, as JSON Schema."""

from typing import Any

from server.contract.openapi.schemas import PAGE_META, Schema, Schemas, short_name


class Answers(Schemas):
    """The schemas of responses. They promise what is there, and not that nothing will be added."""

    def _component(self, described: Any) -> Schema:
        if hasattr(described, "values"):
            return self._names(described)
        # `meta` stands in the envelope.
        fields = [field for field in described.fields if not is_meta(field)]
        # What has no presence is written also where it is nothing.
        required = [field.name for field in fields if not field.has_presence]
        return {
            "type": "object",
            **self.described(described),
            "properties": {field.name: self.of_field(field) for field in fields},
            **({"required": required} if required else {}),
        }

    def _enum(self, field: Any) -> Schema:
        return self.reference(short_name(field.enum_type), field.enum_type)

    def _names(self, enum: Any) -> Schema:
        # The contract never sends what is 0.
        values = [value for value in enum.values if value.number]
        said = [self.comments.get(enum.full_name, "")]
        said += [
            f"- `{value.name}`: {self.comments.get(f'{enum.full_name}.{value.name}', '')}"
            for value in values
        ]
        heading, *lines = said
        return {
            "type": "string",
            "description": "\n\n".join([heading, "\n".join(lines)]).strip(),
            "enum": [value.name for value in values],
        }


def is_meta(field: Any) -> bool:
    """Whether the field says where in a list the answer stands."""
    return field.message_type is not None and field.message_type.full_name == PAGE_META
