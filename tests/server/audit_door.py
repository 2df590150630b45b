"""The user service, as far as it takes audit records, and what its neighbours make of it."""

from typing import Any

import grpc

from emporium import AuditEvent, Emporium, Targets
from emporium.user.v1 import audit_service_pb2 as pb
from emporium.user.v1 import audit_service_pb2_grpc
from server.kit import errors
from server.kit.audit.forwarding import Keeper
from tests.server.kit.audit.records import record

# What is answered, and how the keeper's caller hears of it. All but the first may end.
ANSWERS: dict[grpc.StatusCode, type[errors.EmporiumError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.Invalid,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.PERMISSION_DENIED: errors.Unavailable,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unavailable,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unavailable,
    grpc.StatusCode.INTERNAL: errors.Unavailable,
}


class Users(audit_service_pb2_grpc.AuditServiceServicer):
    """Takes records, or answers as it is set."""

    def __init__(self, answer: grpc.StatusCode | None) -> None:
        self.answer = answer
        self.taken: list[AuditEvent] = []

    async def RecordAuditEvents(  # noqa: N802 - the contract's name
        self,
        request: pb.RecordAuditEventsRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> pb.RecordAuditEventsResponse:
        if self.answer:
            await context.abort(self.answer, "as it was set")
        self.taken += request.audit_events
        return pb.RecordAuditEventsResponse()

    async def ListAuditEvents(  # noqa: N802 - the contract's name
        self, request: pb.ListAuditEventsRequest, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> pb.ListAuditEventsResponse:
        raise NotImplementedError


async def taken(keeper: type[Any], answer: grpc.StatusCode | None = None) -> list[AuditEvent]:
    """What arrives of one record that `keeper`, made over a client, hands on."""
    users, server = Users(answer), grpc.aio.server()
    audit_service_pb2_grpc.add_AuditServiceServicer_to_server(users, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with Emporium(Targets(user=f"127.0.0.1:{port}")) as shop:
            made: Keeper = keeper(shop)
            await made.keep([record(count=7)])
    finally:
        await server.stop(0)
    return users.taken
