"""What analytics answers, as the outbox understands it."""

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from emporium import Emporium, Targets
from emporium.analytics.v1 import event_service_pb2 as pb
from emporium.analytics.v1 import event_service_pb2_grpc
from server.kit.outbox import Away, Event, Refused
from server.order.events.encoding import to_bytes
from server.order.neighbours.analytics import AnalyticsDestination
from tests.server.order.samples import line, new_id, placed

Answer = grpc.StatusCode | None


class Analytics(event_service_pb2_grpc.EventServiceServicer):
    """Takes events, or refuses them as it is told."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.taken: list[pb.OrderEvent] = []

    async def RecordOrderEvents(  # noqa: N802 - the contract's name
        self,
        request: pb.RecordOrderEventsRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> pb.RecordOrderEventsResponse:
        if self.answer:
            await context.abort(self.answer, "as it was told")
        self.taken += request.events
        return pb.RecordOrderEventsResponse(recorded=len(request.events))


def _event(payload: bytes) -> Event:
    return Event(
        id=new_id(),
        aggregate_type="order",
        aggregate_id=new_id(),
        aggregate_version=1,
        type="emporium.analytics.v1.OrderEvent",
        payload=payload,
        occurred_at=datetime.now(UTC),
    )


async def sent(answer: Answer) -> tuple[Analytics, bytes]:
    analytics = Analytics(answer)  # type: ignore[abstract]  # only one rpc is asked
    server = grpc.aio.server()
    event_service_pb2_grpc.add_EventServiceServicer_to_server(analytics, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    payload = to_bytes(placed(line(quantity=3)).event)
    try:
        async with Emporium(Targets(analytics=f"127.0.0.1:{port}")) as shop:
            await AnalyticsDestination(shop).send([_event(payload)])
    finally:
        await server.stop(0)
    return analytics, payload


async def test_events_arrive_as_they_were_kept() -> None:
    analytics, payload = await sent(None)
    assert [event.SerializeToString() for event in analytics.taken] == [payload]


@pytest.mark.parametrize(
    ("answer", "understood"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, Refused),
        (grpc.StatusCode.UNAVAILABLE, Away),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Away),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Away),
        (grpc.StatusCode.UNAUTHENTICATED, Away),
        (grpc.StatusCode.PERMISSION_DENIED, Away),
        (grpc.StatusCode.UNIMPLEMENTED, Away),
    ],
)
async def test_only_what_can_never_arrive_is_refused(
    answer: grpc.StatusCode, understood: type[Exception]
) -> None:
    with pytest.raises(understood):
        await sent(answer)
