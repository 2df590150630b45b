"""The keywords of a request's schema refuse what the contract's rules refuse, and nothing else.

Tried with the values at the ends of every field. What no keyword says (`x-emporium-rules`) is left
to the rules, and so are formats that every library checks in its own way.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import protovalidate
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message_factory import GetMessageClass

from server.contract import rpcs
from server.contract.openapi import comments
from server.contract.openapi.requests import Requests
from tests.asking import RPCS, good
from tests.e2e.extremes import by_grpc, places, put

ASKED = [rpc for rpc in RPCS if rpc.input_type.full_name.startswith("emporium.")]
# Rules that a keyword says, by the beginning of their ids.
BY_KEYWORD = ("string.m", "string.pattern", "string.in", "int32.", "enum.", "repeated.", "map.")
NOT_BY_KEYWORD = ("string.max_bytes",)


@pytest.fixture(scope="module")
def requests(image: FileDescriptorSet) -> Requests:
    return Requests(rpcs.pool_of(image), comments.read(image), ())


def tried(rpc: Any) -> Iterator[Any]:
    """Requests that are good but for one field."""
    message = good(rpc)
    for place in places(rpc.input_type):
        for value in by_grpc(place):
            try:
                changed = put(message, place.path, value)
            except (ValueError, TypeError, IndexError):
                continue  # what no message can hold, or has no place in this one
            yield changed


@pytest.mark.parametrize("rpc", ASKED, ids=lambda rpc: rpc.name)
def test_schema_and_rules_agree(requests: Requests, rpc: Any) -> None:
    described = requests.pool.FindMessageTypeByName(rpc.input_type.full_name)
    schema = requests.of_message(described)
    judge = jsonschema_rs.validator_for(
        {**schema, "components": {"schemas": requests.components}}, validate_formats=False
    )
    validator = protovalidate.Validator()
    for message in tried(rpc):
        try:
            content = MessageToDict(message, preserving_proto_field_name=True)
        except (SerializeToJsonError, ValueError):
            continue  # a moment that JSON cannot say
        ruled = GetMessageClass(described).FromString(message.SerializeToString())
        broken = [each.proto.rule_id for each in validator.collect_violations(ruled)]
        if not broken:
            assert judge.is_valid(content), (content, list(judge.iter_errors(content)))
        if any(rule.startswith(BY_KEYWORD) and rule not in NOT_BY_KEYWORD for rule in broken):
            assert not judge.is_valid(content), (content, broken)
