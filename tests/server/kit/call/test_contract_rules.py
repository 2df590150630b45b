"""The contract's own rules: each compiles, and each refuses what breaks it, by the gRPC door.

And each rpc declares what decides about its callers.
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import protovalidate
import pytest
import pytest_asyncio
from google.protobuf.descriptor_pb2 import MethodOptions

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
    whose = sorted(access.services)[:1] if role is Role.SERVICE else []
    signed = [("authorization", f"Bearer {token(role.value, *whose)}")]
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
