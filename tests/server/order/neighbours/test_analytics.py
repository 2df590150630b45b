"""What analytics answers, as the outbox understands it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import grpc
import protovalidate
import pytest

from emporium import DomainEvent, Emporium, Targets
from emporium.analytics.v1 import domain_event_service_pb2 as pb
from emporium.analytics.v1 import domain_event_service_pb2_grpc
from emporium.order.v1.events_pb2 import OrderPlaced
from server.kit.descriptors import described
from server.kit.outbox import Away, Event, Refused
from server.order.events.encoding import to_outbox
from server.order.neighbours.analytics import AnalyticsDestination
from tests.server.order.samples import NOW, line, new_id, placed

Answer = grpc.StatusCode | None


class Analytics(domain_event_service_pb2_grpc.DomainEventServiceServicer):
    """Takes events, or refuses them as it is received."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.taken: list[list[DomainEvent]] = []

    async def RecordDomainEvents(  # noqa: N802 - the contract's name
        self,
        request: pb.RecordDomainEventsRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> pb.RecordDomainEventsResponse:
        if self.answer:
            await context.abort(self.answer, "as it was set")
        sent = request.SerializeToString()
        protovalidate.validate(described(pb.RecordDomainEventsRequest).FromString(sent))
        self.taken.append(list(request.events))
        return pb.RecordDomainEventsResponse(recorded=len(request.events))


async def sent(events: Sequence[Event], answer: Answer = None) -> Analytics:
    analytics = Analytics(answer)
    server = grpc.aio.server()
    domain_event_service_pb2_grpc.add_DomainEventServiceServicer_to_server(analytics, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with Emporium(Targets(analytics=f"127.0.0.1:{port}")) as shop:
            await AnalyticsDestination(shop).send(events)
    finally:
        await server.stop(0)
    return analytics


def event(**fields: Any) -> Event:
    return replace(to_outbox(placed(line(quantity=3)).event), **fields)


async def test_an_event_arrives_as_it_was_kept() -> None:
    kept = event(aggregate_version=7, traceparent="a trace")
    ((received,),) = (await sent([kept])).taken
    assert (received.id, received.type, received.payload) == (kept.id, kept.type, kept.payload)
    assert (received.aggregate_type, received.aggregate_id) == ("order", kept.aggregate_id)
    assert (received.aggregate_version, received.traceparent) == (7, "a trace")
    assert received.occurred_at.ToDatetime(NOW.tzinfo) == NOW
    assert OrderPlaced.FromString(received.payload).order.id == kept.aggregate_id


async def test_what_is_too_much_for_one_call_is_sent_in_several_in_order() -> None:
    kept = [event(id=new_id(), payload=bytes(400_000)) for _ in range(5)]
    taken = (await sent(kept)).taken
    assert [[each.id for each in part] for part in taken] == [
        [kept[0].id, kept[1].id],
        [kept[2].id, kept[3].id],
        [kept[4].id],
    ]


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
        await sent([event()], answer)
