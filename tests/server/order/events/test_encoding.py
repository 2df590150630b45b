"""Events on the wire keep the rules that the contract writes on them."""

from dataclasses import replace
from datetime import UTC, datetime

import protovalidate
import pytest

from emporium.analytics.v1 import event_service_pb2 as pb
from server.order.events.encoding import to_bytes
from server.order.orders.rules import EventKind
from tests.server.order.samples import line, placed


@pytest.mark.parametrize("kind", EventKind)
def test_every_event_is_one_that_analytics_takes(kind: EventKind) -> None:
    then = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    order, event = placed(line(quantity=2), line("Cup", "0.5", 3), order_date=then)
    event = replace(event, kind=kind, was_cancelled=kind is EventKind.DELETED)

    told = pb.OrderEvent.FromString(to_bytes(event))

    protovalidate.validate(told)
    assert pb.OrderEvent.Kind.Name(told.kind) == kind
    assert (told.id, told.order_id, told.user_id) == (event.id, order.id, order.user_id)
    assert (told.total_price, told.currency, told.units) == ("6.60", "GBP", 5)
    assert told.order_date.ToDatetime(UTC) == then
    assert told.was_cancelled is event.was_cancelled
