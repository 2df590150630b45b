"""The contract's own rules: each compiles, and each refuses what breaks it, by the gRPC door.

And each rpc declares what decides about its callers.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import grpc
import protovalidate
import pytest
import pytest_asyncio
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message_factory import GetMessageClass

from emporium.resources.users import BATCH_GET_MAX
from emporium.user.v1 import user_service_pb2 as user
from server.kit import descriptors
from server.kit.call.method import Audience, Fresh, Method, methods
from server.kit.context import Role
from server.kit.lifecycle import Registration
from tests.discovery import contract
from tests.server.conftest import Serve, Token
from tests.server.kit.call import bad_values
from tests.server.kit.ping import Believing
from tests.server.refusals import refused

# Changes that a token is enough for, with the reason.
BY_TOKEN = {
    "RecordEvent": "adds to what is known of the caller, and gives nobody anything",
    "Logout": "gives nobody anything, and who was disabled may leave too",
    "ForgotPassword": "only mails, whoever calls",
    "VerifyEmail": "the token of the mail decides, whoever calls",
    "ResetPassword": "the token of the mail decides, whoever calls",
}

METHODS = [method for service in contract() for method in methods(service)]
BAD = [bad for method in METHODS for bad in bad_values.of(method)]


class Reached:
    """Stands for every servicer: that it is reached at all is what must not be."""

    def __getattr__(self, name: str) -> Any:
        async def answer(request: Any, context: Any) -> Any:
            raise AssertionError(f"{name} was called")

        return answer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def channel(serve: Serve) -> AsyncIterator[grpc.aio.Channel]:
    """A server of the whole contract."""
    registrations = [Registration(service, Reached()) for service in contract()]
    async with serve(registrations, Believing()) as opened:
        yield opened


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.service}/{method.name}")
def test_the_rules_of_every_request_compile(method: Method) -> None:
    request = descriptors.described(method.request)
    protovalidate.Validator().collect_violations(request())


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_every_rule_refuses_what_breaks_it(
    channel: grpc.aio.Channel, token: Token, bad: bad_values.Bad
) -> None:
    answer = await refused(called(channel, bad, token))
    assert answer.reason == "VALIDATION_FAILED"
    assert bad.field in answer.violations
    said = " ".join(answer.violations.values())
    assert "regex" not in said
    assert not re.search(r"\b1 (characters|bytes|items)\b|\(s\)", said)


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_it_is_that_rule_which_the_value_breaks(bad: bad_values.Bad) -> None:
    request = descriptors.described(type(bad.request)).FromString(bad.request.SerializeToString())
    found = protovalidate.Validator().collect_violations(request)
    broken = {each.proto.rule_id for each in found}
    # Two bounds of a number are one rule to protovalidate, such as `int32.gte_lte`.
    parts = bad.rule.split(".")[-2:]
    assert any(all(part in each for part in parts) for each in broken)


def test_the_stubs_carry_no_rule_and_the_server_has_it_all_the_same() -> None:
    stub = user.BatchGetUsersRequest.DESCRIPTOR.fields_by_name["user_ids"]
    assert not stub.GetOptions().ByteSize()
    bounds = {bad.rule for bad in BAD if bad.method.request is user.BatchGetUsersRequest}
    assert "repeated.max_items" in bounds


def test_the_client_knows_how_many_accounts_may_be_asked_for() -> None:
    request: Any = descriptors.described(user.BatchGetUsersRequest)
    most = request(user_ids=["01900000-0000-7000-8000-000000000000"] * BATCH_GET_MAX)
    validator = protovalidate.Validator()
    assert not validator.collect_violations(most)
    most.user_ids.append(most.user_ids[0])
    (found,) = validator.collect_violations(most)
    assert found.proto.rule_id == "repeated.max_items"


def called(channel: grpc.aio.Channel, bad: bad_values.Bad, token: Token) -> Any:
    access = bad.method.access
    role = Role.ADMIN if not access.roles or Role.ADMIN in access.roles else Role.SERVICE
    signed = [("authorization", f"Bearer {token(role.value)}")]
    rpc: Any = channel.unary_unary(
        f"/{bad.method.service}/{bad.method.name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=bad.method.response.FromString,
    )
    return rpc(bad.request, metadata=[] if access.is_public else signed)


def lets_people_in(method: Method) -> bool:
    """Whether an account may stand behind a caller; a login is what comes before one.

    So are a refresh and the exchange of an API key, which ask the account themselves.
    """
    only_services = method.access.audience == Audience.ROLES and method.access.roles == {
        Role.SERVICE
    }
    return not only_services and method.name not in ("ExchangeApiKey", "Login", "Refresh")


def only_reads(method: Method) -> bool:
    descriptor = next(
        each
        for service in contract()
        for each in service.methods
        if (service.full_name, each.name) == (method.service, method.name)
    )
    return descriptor.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS


PEOPLES = [method for method in METHODS if lets_people_in(method)]


@pytest.mark.parametrize("method", PEOPLES, ids=lambda method: f"{method.service}/{method.name}")
def test_every_rpc_says_whose_word_decides_about_its_callers(method: Method) -> None:
    fresh, is_public = method.access.fresh, method.access.audience == Audience.PUBLIC
    if not only_reads(method):
        assert fresh == (Fresh.TOKEN if method.name in BY_TOKEN else Fresh.ALWAYS)
    elif method.access.roles == {Role.ADMIN}:
        assert fresh in (Fresh.BY_ROLE, Fresh.ALWAYS)
    else:
        assert is_public or fresh != Fresh.FRESH_UNSPECIFIED


def test_no_number_of_a_request_means_something_else_by_zero_than_by_nothing() -> None:
    """Either it can be told whether the number was sent, or zero is refused."""
    validator = protovalidate.Validator()
    numbers = [
        (message, field)
        for method in METHODS
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
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
REQUIRED = {"quantity", "aggregate_version", "count"}


def messages(descriptor: Any) -> list[Any]:
    """A message and all those within it that are ours."""
    found = [descriptor]
    for field in descriptor.fields:
        within = field.message_type
        if within is not None and within.full_name.startswith("emporium."):
            found += messages(within)
    return found


def test_every_pattern_has_words_and_nothing_else_has() -> None:
    fields = {
        field.full_name: field
        for method in METHODS
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
        for field in message.fields
    }
    assert len(fields) > 100
    for name, field in fields.items():
        rules = descriptors.rules_of(field)
        has_pattern = bool(rules.string.pattern or rules.map.keys.string.pattern)
        said = descriptors.option_of(field, "emporium.errors.v1.in_words")
        assert bool(said) == has_pattern, name
        assert not said or said.startswith("must "), name


def rules_of_passwords(messages_of: Iterable[Any]) -> dict[str, bytes]:
    """The rules of each field that holds a password, without its other options."""
    return {
        f"{message.full_name}.{field.name}": descriptors.rules_of(field).SerializeToString()
        for message in messages_of
        for field in message.fields
        if field.name.endswith("password")
    }


def test_every_password_that_is_chosen_has_one_rule_and_every_other_one_has_another() -> None:
    found = rules_of_passwords(
        message
        for method in METHODS
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
    )
    chosen = found["emporium.user.v1.CreateUserRequest.password"]
    given = found.pop("emporium.user.v1.LoginRequest.password")
    assert len(found) >= 5
    assert chosen != given
    for name, rules in found.items():
        assert rules == (given if name.endswith(".current_password") else chosen), name


# Text of changes that nobody is shown: it is compared with another.
UNSEEN = {"etag", "request_id"}


def texts(message: Any) -> Iterator[Any]:
    """The fields that hold text of any kind: nothing says that it is an id, a code or a secret."""
    is_ours = message.full_name.startswith("emporium.") and not message.GetOptions().map_entry
    for field in message.fields if is_ours else ():
        rules = descriptors.rules_of(field).string
        is_of_a_kind = rules.pattern or rules.uuid or rules.email or list(getattr(rules, "in"))
        is_secret = field.GetOptions().debug_redact
        if field.type == field.TYPE_STRING and not (is_of_a_kind or is_secret or field.is_repeated):
            yield field


def test_every_text_that_people_are_shown_may_not_change_its_direction() -> None:
    found = {
        field.full_name: descriptors.rules_of(field).string
        for method in METHODS
        if not method.is_read and method.rest
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
        for field in texts(message)
        if field.name not in UNSEEN
    }
    assert {name.rpartition(".")[2] for name in found} >= {"full_name", "name", "street"}
    text, lines = (
        descriptors.pool().FindExtensionByName(f"emporium.rules.v1.display_{kind}")
        for kind in ("text", "lines")
    )
    assert [name for name, rules in found.items() if not rules.Extensions[text]] == [
        "emporium.type.v1.Address.street"
    ]
    assert found["emporium.type.v1.Address.street"].Extensions[lines]


# Which take an address that an account may have had before there was the rule of RFC 5321.
KNOWN_EMAILS = {"LoginRequest", "ForgotPasswordRequest"}


def test_every_new_email_has_one_rule() -> None:
    found = {
        message: descriptors.rules_of(field)
        for method in METHODS
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
        for field in message.fields
        if descriptors.rules_of(field).string.email
    }
    new = [rules for message, rules in found.items() if message.name not in KNOWN_EMAILS]
    assert len(new) >= 2
    assert {rules.SerializeToString() for rules in new} == {new[0].SerializeToString()}
    local_part = descriptors.pool().FindExtensionByName("emporium.rules.v1.local_part")
    assert new[0].string.Extensions[local_part]


def test_every_idempotency_key_has_one_rule() -> None:
    found = {
        field.full_name: descriptors.rules_of(field).SerializeToString()
        for method in METHODS
        for field in descriptors.described(method.request).DESCRIPTOR.fields
        if field.name == "request_id" and not descriptors.rules_of(field).string.uuid
    }
    assert len(found) >= 7
    assert len({*found.values()}) == 1, found
