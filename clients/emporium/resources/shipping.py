"""How goods are sent, and what was sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.shipping_service_pb2 import (
    CreateShipmentRequest,
    CreateShippingMethodRequest,
    CreateTrackingEventRequest,
    DeleteShippingMethodRequest,
    GetShipmentRequest,
    GetShippingMethodRequest,
    ListShipmentsRequest,
    ListShippingMethodsRequest,
    Shipment,
    ShipmentItem,
    ShippingMethod,
    ShippingZone,
    TrackingEvent,
    UpdateShipmentRequest,
    UpdateShippingMethodRequest,
)
from emporium.order.v1.shipping_service_pb2_grpc import ShippingServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import UNSET, Unset, number, query, set_mask, timestamp

StatusName: TypeAlias = "str | Shipment.Status.ValueType"


class ShippingMethods:
    """`shop.shipping_methods`: how goods are sent, where to, and for how much."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = ShippingServiceStub(connection.channel)

    async def create(
        self,
        name: str,
        zones: Sequence[ShippingZone | Mapping[str, Any]],
        *,
        currency: str = "",
        active: bool = True,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> ShippingMethod:
        """Adds a method; for staff.

        `[{"country_codes": ["GB"], "bands": [{"max_weight_grams": 2000, "price": "3.95"}]}]`; `*`
        stands for all other countries. A repeat with the same `idempotency_key` gets the first
        answer; left out, the call has a key of its own, which its retries share.

        Raises `InvalidRequest`, `AlreadyExists` (IDEMPOTENCY_KEY_REUSED), `PermissionDenied`.
        """
        request = CreateShippingMethodRequest(
            name=name,
            currency=currency,
            zones=[_zone(each) for each in zones],
            active=active,
            request_id=idempotency_key or str(uuid4()),
        )
        call = self._connection.call
        return await call(self._stub.CreateShippingMethod, request, timeout_seconds)

    async def get(self, method_id: str, *, timeout_seconds: float | None = None) -> ShippingMethod:
        """Reads a method. Raises `NotFound` (SHIPPING_METHOD_NOT_FOUND)."""
        request = GetShippingMethodRequest(shipping_method_id=method_id)
        return await self._connection.call(self._stub.GetShippingMethod, request, timeout_seconds)

    def list(self, **options: Unpack[PageOptions]) -> Listing[ShippingMethod]:
        """Lists methods, by name unless `sort` says otherwise; it may be `created_at` too.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = options.get("timeout_seconds")

        async def fetch(request: ListShippingMethodsRequest) -> Page[ShippingMethod]:
            call = self._connection.call
            answer = await call(self._stub.ListShippingMethods, request, timeout_seconds)
            return Page(answer.shipping_methods, answer.meta)

        return Listing(ListShippingMethodsRequest(**query(options)), fetch)

    async def update(
        self,
        method_id: str,
        *,
        name: str | None = None,
        zones: Sequence[ShippingZone | Mapping[str, Any]] = (),
        currency: str | None = None,
        active: bool | None = None,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> ShippingMethod:
        """Changes the fields that are given; for staff.

        Raises `NotFound` (SHIPPING_METHOD_NOT_FOUND), `Outdated` (ETAG_MISMATCH), `InvalidRequest`
        (NOTHING_TO_UPDATE, VALIDATION_FAILED). Not retried, because it is not idempotent.
        """
        request = UpdateShippingMethodRequest(
            shipping_method_id=method_id,
            name=name,
            zones=[_zone(each) for each in zones],
            currency=currency,
            active=active,
            etag=etag,
        )
        call = self._connection.call
        return await call(self._stub.UpdateShippingMethod, request, timeout_seconds)

    async def delete(
        self, method_id: str, *, etag: str = "", timeout_seconds: float | None = None
    ) -> None:
        """Deletes a method; for staff. Orders keep its price.

        Raises `NotFound` (SHIPPING_METHOD_NOT_FOUND), `Outdated` (ETAG_MISMATCH). `NotFound` may
        also mean that a first attempt had deleted it before a retry.
        """
        request = DeleteShippingMethodRequest(shipping_method_id=method_id, etag=etag)
        await self._connection.call(self._stub.DeleteShippingMethod, request, timeout_seconds)


class Shipments:
    """`shop.shipments`: what of orders was sent, and where it is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = ShippingServiceStub(connection.channel)

    async def create(
        self,
        order_id: str,
        items: Mapping[int, int] | None = None,
        *,
        shipping_method_id: str = "",
        tracking_number: str = "",
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Shipment:
        """Records that something of an order was sent; for staff.

        `items` says how many of which line, counted from 1: `{1: 2, 3: 1}`; left out: all that is
        left. A repeat with the same `idempotency_key` gets the first answer.

        Raises `NotFound` (ORDER_NOT_FOUND, SHIPPING_METHOD_NOT_FOUND), `Conflict`
        (ORDER_NOT_SHIPPABLE, SHIPMENT_EXCEEDS_ORDER, OUT_OF_STOCK, TOO_MANY_SHIPMENTS,
        ORDER_ANONYMOUS), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED), `InvalidRequest`.
        """
        request = CreateShipmentRequest(
            order_id=order_id,
            items=[ShipmentItem(position=at, quantity=n) for at, n in (items or {}).items()],
            shipping_method_id=shipping_method_id,
            tracking_number=tracking_number,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreateShipment, request, timeout_seconds)

    async def get(self, shipment_id: str, *, timeout_seconds: float | None = None) -> Shipment:
        """Reads a shipment, with what was heard of it. Raises `NotFound` (SHIPMENT_NOT_FOUND)."""
        request = GetShipmentRequest(shipment_id=shipment_id)
        return await self._connection.call(self._stub.GetShipment, request, timeout_seconds)

    def list(self, order_id: str, **options: Unpack[PageOptions]) -> Listing[Shipment]:
        """Lists an order's shipments, oldest first; each with its first items.

        Reading it raises `NotFound` (ORDER_NOT_FOUND), `InvalidRequest`.
        """
        timeout_seconds = options.get("timeout_seconds")

        async def fetch(request: ListShipmentsRequest) -> Page[Shipment]:
            answer = await self._connection.call(self._stub.ListShipments, request, timeout_seconds)
            return Page(answer.shipments, answer.meta)

        return Listing(ListShipmentsRequest(order_id=order_id, **query(options)), fetch)

    async def update(
        self,
        shipment_id: str,
        *,
        tracking_number: str | Unset | None = UNSET,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> Shipment:
        """Changes its tracking number, None clears it; for staff.

        Raises `NotFound` (SHIPMENT_NOT_FOUND), `Outdated` (ETAG_MISMATCH), `Conflict`
        (ORDER_ANONYMOUS), `InvalidRequest` (NOTHING_TO_UPDATE). Not retried, because it is not
        idempotent.
        """
        request = UpdateShipmentRequest(shipment_id=shipment_id, etag=etag)
        if tracking_number is None:
            but = ("shipment_id", "etag")
            set_mask(request, request.update_mask, cleared=["tracking_number"], but=but)
        elif tracking_number is not UNSET:
            request.tracking_number = tracking_number
        return await self._connection.call(self._stub.UpdateShipment, request, timeout_seconds)

    async def track(
        self,
        shipment_id: str,
        status: StatusName,
        *,
        location: str = "",
        note: str = "",
        occurred_at: datetime | None = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> TrackingEvent:
        """Adds what was heard of a shipment: `in_transit`, `delivered` and so on; for staff.

        A repeat with the same `idempotency_key` gets the first answer.

        Raises `NotFound` (SHIPMENT_NOT_FOUND), `Conflict` (TOO_MANY_TRACKING_EVENTS,
        ORDER_ANONYMOUS), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED), `InvalidRequest`.
        """
        request = CreateTrackingEventRequest(
            shipment_id=shipment_id,
            status=number(Shipment.Status, status),
            location=location,
            note=note,
            occurred_at=timestamp(occurred_at),
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreateTrackingEvent, request, timeout_seconds)


def _zone(zone: ShippingZone | Mapping[str, Any]) -> ShippingZone:
    return zone if isinstance(zone, ShippingZone) else ShippingZone(**zone)
