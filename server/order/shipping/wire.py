"""Shipping methods and shipments between Protobuf and dataclasses."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from emporium.order.v1 import shipping_service_pb2 as pb
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import fields_of_mask, moment, money, timestamp
from server.order.shipping.rules import (
    CLEARABLE,
    Band,
    Doing,
    ListedShipment,
    Method,
    MethodChange,
    NewMethod,
    Parcel,
    Part,
    Shipment,
    ShipmentEdit,
    Status,
    Tracking,
    Zone,
)

_STATUSES = {Status(name): number for name, number in pb.Shipment.Status.items() if number}
_STATUSES_BY_NUMBER = {number: status for status, number in _STATUSES.items()}


def to_method(method: Method) -> pb.ShippingMethod:
    """A shipping method on the wire."""
    return pb.ShippingMethod(
        id=method.id,
        name=method.name,
        currency=method.currency,
        zones=[_to_zone(zone, method.currency) for zone in method.zones],
        active=method.active,
        created_at=timestamp(method.created_at),
        updated_at=timestamp(method.updated_at),
        etag=method.etag,
    )


def to_methods(query: PageQuery, page: Page[Method]) -> pb.ListShippingMethodsResponse:
    """A page of shipping methods on the wire."""
    return pb.ListShippingMethodsResponse(
        shipping_methods=[to_method(method) for method in page.rows], meta=page_meta(query, page)
    )


def to_shipment(shipment: Shipment) -> pb.Shipment:
    """A shipment with all that was heard of it, on the wire."""
    message = to_told(shipment)
    message.tracking_events.extend(to_tracking(each) for each in shipment.tracking)
    return message


def to_told(shipment: Shipment) -> pb.Shipment:
    """A shipment without what was heard of it, on the wire."""
    arrived_at = shipment.delivered_at
    return pb.Shipment(
        id=shipment.id,
        order_id=shipment.order_id,
        shipping_method_id=shipment.shipping_method_id or "",
        status=_STATUSES[shipment.status],
        items=[
            pb.ShipmentItem(position=at, quantity=count) for at, count in sorted(shipment.items)
        ],
        item_count=len(shipment.items),
        tracking_number=shipment.tracking_number,
        delivered_at=timestamp(arrived_at) if arrived_at else None,
        created_at=timestamp(shipment.created_at),
        updated_at=timestamp(shipment.updated_at),
        etag=shipment.etag,
    )


def to_shipments(query: PageQuery, page: Page[ListedShipment]) -> pb.ListShipmentsResponse:
    """A page of shipments on the wire."""
    return pb.ListShipmentsResponse(
        shipments=[_to_listed(listed) for listed in page.rows], meta=page_meta(query, page)
    )


def to_tracking(tracking: Tracking) -> pb.TrackingEvent:
    """What was heard of a shipment, on the wire."""
    return pb.TrackingEvent(
        id=tracking.id,
        status=_STATUSES[tracking.status],
        location=tracking.location,
        note=tracking.note,
        occurred_at=timestamp(tracking.occurred_at),
        created_at=timestamp(tracking.created_at),
    )


def from_create(request: pb.CreateShippingMethodRequest) -> NewMethod:
    """The method that the caller asks for."""
    active = request.active if request.HasField("active") else True
    return NewMethod(request.name, request.currency or None, _zones(request.zones), active)


def from_update(request: pb.UpdateShippingMethodRequest) -> MethodChange:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    present = {
        "name": request.name if request.HasField("name") else None,
        "currency": request.currency if request.HasField("currency") else None,
        "zones": _zones(request.zones) or None,
        "active": request.active if request.HasField("active") else None,
    }
    return MethodChange(fields_of_mask(request.update_mask.paths, present, ()), request.etag)


def from_send(request: pb.CreateShipmentRequest) -> Parcel:
    """The shipment that the caller asks for."""
    return Parcel(
        parts=tuple(Part(each.position, each.quantity) for each in request.items),
        shipping_method_id=request.shipping_method_id.lower() or None,
        tracking_number=request.tracking_number,
    )


def from_edit(request: pb.UpdateShipmentRequest) -> ShipmentEdit:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    number = request.tracking_number if request.HasField("tracking_number") else None
    present = {"tracking_number": number}
    return ShipmentEdit(fields_of_mask(request.update_mask.paths, present, CLEARABLE), request.etag)


def from_heard(request: pb.CreateTrackingEventRequest, doing: Doing) -> Tracking:
    """What the caller has heard. Raises `Invalid` for a date out of range."""
    return Tracking(
        id=doing.id,
        status=_STATUSES_BY_NUMBER[request.status],
        location=request.location,
        note=request.note,
        occurred_at=_occurred(request) or doing.at,
        created_at=doing.at,
    )


def _occurred(request: pb.CreateTrackingEventRequest) -> datetime | None:
    is_given = request.HasField("occurred_at")
    return moment(request.occurred_at, "occurred_at") if is_given else None


def _to_listed(listed: ListedShipment) -> pb.Shipment:
    message = to_told(listed.shipment)
    message.item_count = listed.item_count
    return message


def _to_zone(zone: Zone, currency: str) -> pb.ShippingZone:
    return pb.ShippingZone(
        country_codes=zone.country_codes,
        bands=[
            pb.WeightBand(max_weight_grams=most, price=money(price, currency))
            for most, price in zone.bands
        ],
    )


def _zones(sent: Sequence[pb.ShippingZone]) -> tuple[Zone, ...]:
    return tuple(
        Zone(tuple(each.country_codes), tuple(_from_band(band) for band in each.bands))
        for each in sent
    )


def _from_band(band: pb.WeightBand) -> Band:
    most = band.max_weight_grams if band.HasField("max_weight_grams") else None
    return Band(most, Decimal(band.price))
