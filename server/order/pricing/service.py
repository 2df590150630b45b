"""Prices: each method converts the request, applies the rules and calls the store."""

from emporium.order.v1 import pricing_service_pb2 as pb
from server.kit.context import Context
from server.order.pricing import rules, wire
from server.order.pricing.store import PriceStore


class PricingService:
    """`emporium.order.v1.PricingService`."""

    def __init__(self, store: PriceStore) -> None:
        self._store = store

    async def GetPriceBreaks(
        self, request: pb.GetPriceBreaksRequest, context: Context
    ) -> pb.PriceBreaks:
        only_active = context.caller is None or not context.caller.is_staff
        found = await self._store.get(request.product_id.lower(), only_active=only_active)
        return wire.to_breaks(found)

    async def SetPriceBreaks(
        self, request: pb.SetPriceBreaksRequest, context: Context
    ) -> pb.PriceBreaks:
        breaks = wire.from_set(request)

        def change(before: rules.PriceBreaks) -> rules.PriceBreaks:
            return rules.changed(before, breaks, request.etag)

        return wire.to_breaks(await self._store.update(request.product_id.lower(), change))
