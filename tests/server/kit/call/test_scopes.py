"""How far API keys reach, over every rpc of the contract."""

import uuid
from collections.abc import AsyncIterator, Collection
from typing import Any

import grpc
import pytest
import pytest_asyncio

from emporium.user.v1 import api_key_service_pb2
from server.kit import auth, descriptors
from server.kit.call.method import Method, methods
from server.kit.context import Role
from server.kit.lifecycle import Registration
from tests.discovery import contract
from tests.server.conftest import Serve
from tests.server.kit.ping import Believing, Ping, request
from tests.server.refusals import refused

METHODS = [method for service in contract() for method in methods(service)]
SCOPES = {method.access.scope for method in METHODS} - {""}

# What no API key may do. It shrinks only by a decision written here too.
CLOSED = {
    "BeginTotp",
    "ChangePassword",
    "ConfirmTotp",
    "CreateApiKey",
    "CreateUser",
    "DeleteApiKey",
    "DeleteSession",
    "ExchangeApiKey",
    "DeleteTotp",
    "ExportUser",
    "ForgotPassword",
    "ListApiKeys",
    "ListSessions",
    "Login",
    "Logout",
    "Refresh",
    "ResetPassword",
    "SetUserRole",
    "UpdateUser",
    "VerifyEmail",
    # Who reads it decides about others' access:
    "GetErasure",
    "ListAuditEvents",
    # Whoever asks needs no token:
    "GetKeySet",
    # For services:
    "BatchGetUsers",
    "EraseActivity",
    "EraseBuyer",
    "ExportActivity",
    "ExportBuyer",
    "RecordAuditEvents",
    "RecordDomainEvents",
    "WatchRevocations",
}


class Entered(Exception):
    """A servicer was reached."""


class Counting:
    """Stands for every servicer."""

    def __init__(self) -> None:
        self.entered: list[str] = []

    def __getattr__(self, name: str) -> Any:
        async def answer(request: Any, context: Any) -> Any:
            self.entered.append(name)
            raise Entered(name)

        return answer


@pytest.fixture(scope="module")
def servicer() -> Counting:
    return Counting()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def channel(serve: Serve, servicer: Counting) -> AsyncIterator[grpc.aio.Channel]:
    """A server of the whole contract."""
    registrations = [Registration(service, servicer) for service in contract()]
    async with serve(registrations, Believing()) as opened:
        yield opened


def signed(signer: auth.Signer, scopes: Collection[str], role: Role = Role.ADMIN) -> str:
    return signer.sign(str(uuid.uuid4()), role, scopes=scopes)


def called(channel: grpc.aio.Channel, method: Method, token: str) -> Any:
    rpc: Any = channel.unary_unary(
        f"/{method.service}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=method.response.FromString,
    )
    return rpc(method.request(), metadata=[("authorization", f"Bearer {token}")])


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.service}/{method.name}")
async def test_a_key_without_the_scope_of_an_rpc_reaches_nothing(
    channel: grpc.aio.Channel, servicer: Counting, signer: auth.Signer, method: Method
) -> None:
    others = SCOPES - {method.access.scope}
    for scopes in ((), others):
        answer = await refused(called(channel, method, signed(signer, scopes)))
        assert answer.code is grpc.StatusCode.PERMISSION_DENIED
        assert answer.reason == "INSUFFICIENT_SCOPE"
        assert method.access.scope in answer.message
    assert servicer.entered == []


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.service}/{method.name}")
async def test_a_key_with_the_scope_passes_and_so_does_who_has_no_key(
    channel: grpc.aio.Channel, signer: auth.Signer, method: Method
) -> None:
    person = signer.sign(str(uuid.uuid4()), Role.ADMIN)
    tokens = [person]
    if method.access.scope:
        tokens.append(signed(signer, [method.access.scope]))
    for token in tokens:
        # Refused for what an empty request is, or by the servicer; never for its scope.
        assert (await refused(called(channel, method, token))).reason != "INSUFFICIENT_SCOPE"


def test_what_decides_how_somebody_signs_in_is_closed_to_keys() -> None:
    assert {method.name for method in METHODS if not method.access.scope} >= CLOSED


def test_a_key_may_be_made_with_the_scopes_that_there_are_and_no_others() -> None:
    field = descriptors.described(api_key_service_pb2.CreateApiKeyRequest).DESCRIPTOR
    rules = descriptors.rules_of(field.fields_by_name["scopes"]).repeated.items.string
    assert list(getattr(rules, "in")) == sorted(SCOPES)


async def test_a_scope_gives_no_role(channel: grpc.aio.Channel, signer: auth.Signer) -> None:
    (report,) = [method for method in METHODS if method.name == "GetSalesReport"]
    token = signed(signer, SCOPES, Role.CUSTOMER)
    assert (await refused(called(channel, report, token))).reason == "PERMISSION_DENIED"


async def test_a_service_that_names_no_resource_is_closed_to_keys(
    ping: Ping, signer: auth.Signer
) -> None:
    token = signed(signer, SCOPES, Role.STAFF)
    for name in ("Ping", "SignedIn", "Staff"):
        assert (await refused(ping.call(name, request(), token))).reason == "INSUFFICIENT_SCOPE"
    person = signer.sign(str(uuid.uuid4()), Role.STAFF)
    assert await ping.call("Staff", request(), person)
