"""What is held of a buyer's shipments: exported, and taken from them when the buyer is erased."""

import uuid
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.order.v1 import personal_data_service_pb2 as held_pb
from emporium.order.v1 import shipping_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.postgres import Pool
from tests.server.conftest import Token
from tests.server.order.doors import Door
from tests.server.order.shipping.doing import heard, one, paid, send
from tests.server.refusals import refused

_SECRETS = ("JD-SECRET", "behind the shed", "to her sister")
_TEXTS = """
    SELECT count(*) FROM outbox, unnest($1::text[]) AS secret
    WHERE strpos(encode(payload, 'escape'), secret) > 0
"""


@pytest.fixture
def user_service(anyone: Door, token: Token) -> Door:
    return Door(anyone.channel, token("SERVICE", "user"))


def erase(user_id: str) -> held_pb.EraseBuyerRequest:
    now = Timestamp()
    now.FromDatetime(datetime.now(UTC))
    return held_pb.EraseBuyerRequest(user_id=user_id, erased_at=now)


async def shipped(staff: Door, buyer: Door, mug: Product) -> pb.Shipment:
    """A shipment of the buyer's, with all that people can say of one."""
    order = await paid(staff, buyer, (mug, 2))
    made = await staff("CreateShipment", send(order, (1, 1), tracking_number=_SECRETS[0]))
    told = heard(made, pb.Shipment.IN_TRANSIT, location=_SECRETS[1], note=_SECRETS[2])
    await staff("CreateTrackingEvent", told)
    shipment: pb.Shipment = await buyer("GetShipment", one(made))
    return shipment


async def test_of_an_erased_buyer_shipments_say_nothing(
    staff: Door, ann: Door, user_service: Door, mug: Product, order_pool: Pool
) -> None:
    shipment = await shipped(staff, ann, mug)
    assert await order_pool.fetchval(_TEXTS, _SECRETS) == 4
    receipt = await user_service("EraseBuyer", erase(ann.user_id))
    assert receipt.erased["shipments"] == receipt.erased["tracking_events"] == 1
    assert receipt.erased["waiting_shipment_events"] == 2
    assert await order_pool.fetchval(_TEXTS, _SECRETS) == 0
    left = await staff("GetShipment", one(shipment))
    assert (left.tracking_number, left.etag) == ("", f"{shipment.etag}-anonymous")
    [event] = left.tracking_events
    assert (event.status, event.location, event.note) == (pb.Shipment.IN_TRANSIT, "", "")
    assert (await refused(ann("GetShipment", one(shipment)))).reason == "SHIPMENT_NOT_FOUND"
    assert await user_service("EraseBuyer", erase(ann.user_id)) == receipt


async def test_nothing_of_a_person_is_added_to_what_is_anonymous(
    staff: Door, ann: Door, user_service: Door, mug: Product
) -> None:
    shipment = await shipped(staff, ann, mug)
    await user_service("EraseBuyer", erase(ann.user_id))
    number = pb.UpdateShipmentRequest(shipment_id=shipment.id, tracking_number="JD 2")
    rest = pb.CreateShipmentRequest(order_id=shipment.order_id, tracking_number="JD 3")
    for name, request, field in (
        ("UpdateShipment", number, "tracking_number"),
        ("CreateShipment", rest, "tracking_number"),
        (
            "CreateTrackingEvent",
            heard(shipment, pb.Shipment.DELIVERED, location="York"),
            "location",
        ),
        ("CreateTrackingEvent", heard(shipment, pb.Shipment.DELIVERED, note="Rang"), "note"),
    ):
        found = await refused(staff(name, request))
        assert (found.reason, found.fields) == ("ORDER_ANONYMOUS", [field])
    await staff("CreateShipment", pb.CreateShipmentRequest(order_id=shipment.order_id))
    await staff("CreateTrackingEvent", heard(shipment, pb.Shipment.DELIVERED))


async def test_shipments_are_exported_by_pages(
    staff: Door, ann: Door, user_service: Door, mug: Product
) -> None:
    made = [await shipped(staff, ann, mug) for _ in range(21)]
    asked = held_pb.ExportBuyerRequest(user_id=ann.user_id, part="shipments")
    [part] = (await user_service("ExportBuyer", asked)).parts
    assert (part.record_count, len(part.records), part.truncated) == (21, 20, True)
    asked.page_token = part.next_page_token
    [last] = (await user_service("ExportBuyer", asked)).parts
    assert not last.truncated
    records = [*part.records, *last.records]
    assert [record["id"] for record in records] == [each.id for each in made]
    assert records[0]["tracking_number"] == _SECRETS[0]
    [tracking] = records[0]["tracking"]
    assert (tracking["location"], tracking["note"]) == _SECRETS[1:]
    assert dict(records[0]["items"][0]) == {"position": 1, "quantity": 1}
    asked.page_token = str(uuid.uuid4())
    assert (await refused(user_service("ExportBuyer", asked))).reason == "INVALID_PAGE_TOKEN"
