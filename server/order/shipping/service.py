"""Shipping: each method converts the request, applies the rules and calls the store."""

from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.order.v1 import shipping_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.order.shipping import rules, wire
from server.order.shipping.store import (
    SORTABLE_METHODS,
    SORTABLE_SHIPMENTS,
    Fulfilment,
    MethodStore,
    ShipmentStore,
)

_BY_NAME = Sort("name", descending=False)
_OLDEST_FIRST = Sort("created_at", descending=False)


class ShippingService:
    """`emporium.order.v1.ShippingService`."""

    def __init__(
        self,
        methods: MethodStore,
        shipments: ShipmentStore,
        fulfilment: Fulfilment,
        shop_currency: str,
        tokens: PageTokens,
    ) -> None:
        self._methods = methods
        self._shipments = shipments
        self._fulfilment = fulfilment
        self._shop_currency = shop_currency
        self._tokens = tokens

    async def CreateShippingMethod(
        self, request: pb.CreateShippingMethodRequest, context: Context
    ) -> pb.ShippingMethod:
        method = rules.add_method(wire.from_create(request), _new_id(), _now(), self._shop_currency)
        context.response = message = wire.to_method(method)
        answer = message.SerializeToString()
        given = await self._methods.create(method, context.key, answer)
        return pb.ShippingMethod.FromString(given)

    async def GetShippingMethod(
        self, request: pb.GetShippingMethodRequest, context: Context
    ) -> pb.ShippingMethod:
        only_active = _sees_active_alone(context)
        found = await self._methods.get(request.shipping_method_id, only_active=only_active)
        return wire.to_method(found)

    async def ListShippingMethods(
        self, request: pb.ListShippingMethodsRequest, context: Context
    ) -> pb.ListShippingMethodsResponse:
        only_active = _sees_active_alone(context)
        query = page_query(
            request,
            self._tokens,
            sortable=SORTABLE_METHODS,
            default=_BY_NAME,
            filters=only_active,
        )
        return wire.to_methods(query, await self._methods.list(query, only_active=only_active))

    async def UpdateShippingMethod(
        self, request: pb.UpdateShippingMethodRequest, context: Context
    ) -> pb.ShippingMethod:
        change, now = wire.from_update(request), _now()
        method = await self._methods.update(
            request.shipping_method_id, lambda method: rules.change_method(method, change, now)
        )
        return wire.to_method(method)

    async def DeleteShippingMethod(
        self, request: pb.DeleteShippingMethodRequest, context: Context
    ) -> Empty:
        await self._methods.delete(
            request.shipping_method_id, lambda method: rules.check_deletion(method, request.etag)
        )
        return Empty()

    async def CreateShipment(
        self, request: pb.CreateShipmentRequest, context: Context
    ) -> pb.Shipment:
        parcel = wire.from_send(request)
        if parcel.shipping_method_id:
            await self._methods.get(parcel.shipping_method_id, only_active=False)

        def answer(shipment: rules.Shipment) -> bytes:
            context.subject = shipment.user_id or ""
            return wire.to_shipment(shipment).SerializeToString()

        given = await self._fulfilment.send(
            request.order_id, parcel, _doing(context), context.key, answer
        )
        return pb.Shipment.FromString(given)

    async def ListShipments(
        self, request: pb.ListShipmentsRequest, context: Context
    ) -> pb.ListShipmentsResponse:
        query = page_query(
            request,
            self._tokens,
            sortable=SORTABLE_SHIPMENTS,
            default=_OLDEST_FIRST,
            filters=request.order_id.lower(),
        )
        await self._fulfilment.user_of(request.order_id, context.owner_scope)
        return wire.to_shipments(query, await self._shipments.list(request.order_id, query))

    async def GetShipment(self, request: pb.GetShipmentRequest, context: Context) -> pb.Shipment:
        found = await self._shipments.get(request.shipment_id, context.owner_scope)
        return wire.to_shipment(found)

    async def UpdateShipment(
        self, request: pb.UpdateShipmentRequest, context: Context
    ) -> pb.Shipment:
        edit, doing = wire.from_edit(request), _doing(context)

        def answer(shipment: rules.Shipment) -> bytes:
            context.subject = shipment.user_id or ""
            return wire.to_shipment(shipment).SerializeToString()

        given = await self._fulfilment.change(
            request.shipment_id,
            doing,
            lambda shipment: rules.edited(shipment, edit, doing),
            None,
            answer,
        )
        return pb.Shipment.FromString(given)

    async def CreateTrackingEvent(
        self, request: pb.CreateTrackingEventRequest, context: Context
    ) -> pb.TrackingEvent:
        doing = _doing(context)
        tracking = wire.from_heard(request, doing)

        def answer(shipment: rules.Shipment) -> bytes:
            context.subject = shipment.user_id or ""
            return wire.to_tracking(tracking).SerializeToString()

        given = await self._fulfilment.change(
            request.shipment_id,
            doing,
            lambda shipment: rules.heard(shipment, tracking, doing),
            context.key,
            answer,
        )
        return pb.TrackingEvent.FromString(given)


def _doing(context: Context) -> rules.Doing:
    return rules.Doing(_new_id(), context.signed_in.id, _now(), context.traceparent)


def _sees_active_alone(context: Context) -> bool:
    return context.caller is None or not context.caller.is_staff


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid7())
