"""Events of orders lose the buyer who was erased, and nothing else."""

from dataclasses import replace

import pytest

from emporium.order.v1 import events_pb2
from emporium.type.v1.address_pb2 import Address
from server.order.events.anonymous import anonymous
from server.order.events.encoding import MESSAGES, to_outbox
from server.order.orders import rules
from tests.server.order.samples import placed

HOME = rules.Address("Ann Example", "1 High Street", "Leeds", "LS1 1AA", "GB")


@pytest.mark.parametrize("kind", [*rules.EventType])
def test_every_kind_of_event_loses_the_buyer(kind: rules.EventType) -> None:
    order, event, _ = placed(shipping_address=HOME)
    assert order.user_id
    sent = to_outbox(replace(event, type=kind))
    left = anonymous(sent, order.user_id)
    assert replace(left, payload=sent.payload) == sent
    told, before = (MESSAGES[sent.type].FromString(each.payload).order for each in (left, sent))
    assert (told.user_id, told.shipping_address) == ("", Address(country_code="GB"))
    told.user_id = before.user_id
    told.shipping_address.CopyFrom(before.shipping_address)
    assert told == before


def test_the_events_of_others_and_of_other_things_stay() -> None:
    order, event, _ = placed()
    sent = to_outbox(event)
    assert anonymous(sent, "another") is sent
    assert not events_pb2.OrderPlaced.FromString(sent.payload).order.HasField("shipping_address")
    assert order.user_id
    strange = replace(sent, type="emporium.order.v1.OrderLost")
    assert anonymous(strange, order.user_id) is strange
