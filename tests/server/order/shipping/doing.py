"""What tests of shipping ask for."""

from typing import Any

from emporium.order.v1 import shipping_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import Order
from tests.server.order.doors import HOME, Door, item, order_of, update

GB = pb.ShippingZone(
    country_codes=["GB", "IE"],
    bands=[
        pb.WeightBand(max_weight_grams=1_000, price="3.95"),
        pb.WeightBand(max_weight_grams=5_000, price="6.50"),
    ],
)
WORLD = pb.ShippingZone(country_codes=["*"], bands=[pb.WeightBand(price="19")])


def new_method(*zones: pb.ShippingZone, **fields: Any) -> pb.CreateShippingMethodRequest:
    return pb.CreateShippingMethodRequest(
        **{"name": "Standard", "zones": zones or [GB, WORLD], **fields}
    )


async def paid(staff: Door, buyer: Door, *lines: tuple[Product, int], **fields: Any) -> Order:
    """A paid order of the buyer's."""
    items = [item(product, quantity) for product, quantity in lines]
    order = await buyer("CreateOrder", order_of(*items, shipping_address=HOME, **fields))
    paid_: Order = await staff("UpdateOrder", update(order, status=Order.PAID))
    return paid_


def send(order: Order, *parts: tuple[int, int], **fields: Any) -> pb.CreateShipmentRequest:
    items = [pb.ShipmentItem(position=at, quantity=count) for at, count in parts]
    return pb.CreateShipmentRequest(order_id=order.id, items=items, **fields)


def shipments_of(order: Order, **fields: Any) -> pb.ListShipmentsRequest:
    return pb.ListShipmentsRequest(order_id=order.id, **fields)


def heard(
    shipment: pb.Shipment, status: pb.Shipment.Status.ValueType, **fields: Any
) -> pb.CreateTrackingEventRequest:
    return pb.CreateTrackingEventRequest(shipment_id=shipment.id, status=status, **fields)


def one(shipment: pb.Shipment) -> pb.GetShipmentRequest:
    return pb.GetShipmentRequest(shipment_id=shipment.id)
