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
from server.services import SERVICES, named
from tests.discovery import contract
from tests.server.conftest import Serve, Token
from tests.server.kit.ping import Believing
from tests.server.refusals import refused

# Which services each is declared for. It grows only by a decision written here too.
FOR_SERVICES = {
    "BatchGetUsers": {"order"},
    "EraseActivity": {"user"},
    "EraseBuyer": {"user"},
    "ExportActivity": {"user"},
    "ExportBuyer": {"user"},
    "RecordAuditEvents": {"analytics", "order"},
    "RecordDomainEvents": {"order"},
    "WatchRevocations": {"analytics", "order"},
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
    declared = {
        method.name: method.access.services
        for service in contract()
        for method in methods(service)
        if names_services(method)
    }
    assert declared == FOR_SERVICES


def test_nobody_is_named_who_does_not_call() -> None:
    """A service that has no such neighbour has no reason to."""
    for service in contract():
        for method in methods(service):
            for name in method.access.services:
                assert method.service.split(".")[1] in named(name).neighbours, method


@pytest.mark.parametrize("name", [each.name for each in SERVICES])
@pytest.mark.parametrize("method", UNARY, ids=lambda method: f"{method.service}/{method.name}")
async def test_a_service_is_let_in_where_the_contract_says_so(
    channel: grpc.aio.Channel, token: Token, method: Method, name: str
) -> None:
    call: Any = channel.unary_unary(
        f"/{method.service}/{method.name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=method.response.FromString,
    )
    sent = [("authorization", f"Bearer {token('SERVICE', name)}")]
    answer = await refused(call(method.request(), metadata=sent))
    may_call = name in FOR_SERVICES.get(method.name, ()) or method.access.audience in (
        Audience.PUBLIC,
        Audience.SIGNED_IN,
    )
    # An empty request may be refused for what it lacks; that is told to those with access alone.
    assert (answer.code is grpc.StatusCode.PERMISSION_DENIED) == (not may_call), answer
