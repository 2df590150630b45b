"""The contract's own rules: each compiles, because a service finds out at the first call only."""

from typing import Any

import protovalidate
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from server.kit.call.method import Method, methods
from tests.discovery import contract

METHODS = [method for service in contract() for method in methods(service)]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.service}/{method.name}")
def test_the_rules_of_every_request_compile(method: Method) -> None:
    protovalidate.Validator().collect_violations(method.request())


def test_no_number_of_a_request_means_something_else_by_zero_than_by_nothing() -> None:
    """Either it can be told whether the number was sent, or zero is refused."""
    validator = protovalidate.Validator()
    numbers = [
        (message, field)
        for method in METHODS
        for message in messages(method.request.DESCRIPTOR)
        for field in message.fields
        if field.cpp_type in NUMBERS and not field.is_repeated
    ]
    assert {field.name for _, field in numbers} >= {"page", "per_page", "quantity", "age"}
    for message, field in numbers:
        violations = validator.collect_violations(GetMessageClass(message)(**{field.name: 0}))
        paths = [found.proto.field for found in violations]
        refused = {path.elements[0].field_name for path in paths if path and path.elements}
        assert field.name in refused, f"{message.full_name}.{field.name} takes zero"
        assert field.has_presence or field.name in REQUIRED


NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
    FieldDescriptor.CPPTYPE_DOUBLE,
    FieldDescriptor.CPPTYPE_FLOAT,
}
# Refused alike whether they are zero or left out.
REQUIRED = {"quantity", "aggregate_version"}


def messages(descriptor: Any) -> list[Any]:
    """A message and all those within it that are ours."""
    found = [descriptor]
    for field in descriptor.fields:
        within = field.message_type
        if within is not None and within.full_name.startswith("emporium."):
            found += messages(within)
    return found
