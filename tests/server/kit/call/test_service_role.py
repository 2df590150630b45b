"""What a service's token opens: what the contract declares, over all of it, and nothing else."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio

from server.kit import errors
from server.kit.call.method import Audience, Method, methods
from server.kit.context import Role
from server.kit.lifecycle import Registration
from tests.discovery import contract
from tests.server.conftest import Serve, Token
from tests.server.kit.ping import Believing
from tests.server.refusals import refused

# Declared for services by name. It grows only by a decision written here too.
FOR_SERVICES = {
    "BatchGetUsers",
    "EraseActivity",
    "EraseBuyer",
    "ExportActivity",
    "ExportBuyer",
    "GetUser",
    "RecordAuditEvents",
    "RecordDomainEvents",
}

UNARY = [
    method
    for service in contract()
    for method in methods(service)
    if not (method.client_streaming or method.server_streaming)
]


class Entered:
    """Stands for every servicer, and tells that it was reached."""

    def __getattr__(self, name: str) -> Any:
        async def answer(request: Any, context: Any) -> Any:
            raise errors.Conflict("entered")

        return answer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def channel(serve: Serve) -> AsyncIterator[grpc.aio.Channel]:
    """A server of the whole contract."""
    registrations = [Registration(service, Entered()) for service in contract()]
    async with serve(registrations, Believing()) as opened:
        yield opened


def names_services(method: Method) -> bool:
    return Role.SERVICE in method.access.roles


def test_only_these_name_services() -> None:
    declared = {method.name for method in UNARY if names_services(method)}
    assert declared == FOR_SERVICES


@pytest.mark.parametrize("method", UNARY, ids=lambda method: f"{method.service}/{method.name}")
async def test_a_service_is_let_in_where_the_contract_says_so(
    channel: grpc.aio.Channel, token: Token, method: Method
) -> None:
    call: Any = channel.unary_unary(
        f"/{method.service}/{method.name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=method.response.FromString,
    )
    sent = [("authorization", f"Bearer {token('SERVICE')}")]
    answer = await refused(call(method.request(), metadata=sent))
    may_call = names_services(method) or method.access.audience in (
        Audience.PUBLIC,
        Audience.SIGNED_IN,
    )
    # An empty request may be refused for what it lacks; that is told to those with access alone.
    assert (answer.code is grpc.StatusCode.PERMISSION_DENIED) == (not may_call), answer
