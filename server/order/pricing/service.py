"""Prices: each method converts the request, applies the rules and calls the store."""

from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.order.v1 import pricing_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.order.pricing import rules, wire
from server.order.pricing.store import (
    SORTABLE_PROMOTIONS,
    SORTABLE_RATES,
    PriceStore,
    PromotionStore,
    TaxRateStore,
)

_BY_CODE = Sort("code", descending=False)
_BY_COUNTRY = Sort("country_code", descending=False)


class PricingService:
    """`emporium.order.v1.PricingService`."""

    def __init__(
        self,
        store: PriceStore,
        promotions: PromotionStore,
        rates: TaxRateStore,
        shop_currency: str,
        tokens: PageTokens,
    ) -> None:
        self._store = store
        self._promotions = promotions
        self._rates = rates
        self._shop_currency = shop_currency
        self._tokens = tokens

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

    async def CreatePromotion(
        self, request: pb.CreatePromotionRequest, context: Context
    ) -> pb.Promotion:
        new = wire.from_create_promotion(request)
        promotion = rules.add_promotion(new, _new_id(), _now(), self._shop_currency)
        context.response = message = wire.to_promotion(promotion)
        answer = message.SerializeToString()
        event = rules.promotion_told(None, promotion, context.traceparent)
        given = await self._promotions.create(event, context.key, answer)
        return pb.Promotion.FromString(given)

    async def GetPromotion(self, request: pb.GetPromotionRequest, context: Context) -> pb.Promotion:
        return wire.to_promotion(await self._promotions.get(request.promotion_id))

    async def ListPromotions(
        self, request: pb.ListPromotionsRequest, context: Context
    ) -> pb.ListPromotionsResponse:
        filters = wire.from_list_promotions(request)
        query = page_query(
            request, self._tokens, sortable=SORTABLE_PROMOTIONS, default=_BY_CODE, filters=filters
        )
        return wire.to_promotions(query, await self._promotions.list(filters, query))

    async def UpdatePromotion(
        self, request: pb.UpdatePromotionRequest, context: Context
    ) -> pb.Promotion:
        change, now = wire.from_update_promotion(request), _now()
        promotion = await self._promotions.update(
            request.promotion_id,
            lambda before: rules.change_promotion(before, change, now),
            context.traceparent,
        )
        return wire.to_promotion(promotion)

    async def DeletePromotion(self, request: pb.DeletePromotionRequest, context: Context) -> Empty:
        now, trace = _now(), context.traceparent
        await self._promotions.delete(
            request.promotion_id,
            lambda promotion: rules.deleted_promotion(promotion, request.etag, now, trace),
        )
        return Empty()

    async def CreateTaxRate(self, request: pb.CreateTaxRateRequest, context: Context) -> pb.TaxRate:
        rate = wire.from_create_rate(request, _new_id(), _now())
        context.response = message = wire.to_rate(rate)
        given = await self._rates.create(rate, context.key, message.SerializeToString())
        return pb.TaxRate.FromString(given)

    async def GetTaxRate(self, request: pb.GetTaxRateRequest, context: Context) -> pb.TaxRate:
        return wire.to_rate(await self._rates.get(request.tax_rate_id))

    async def ListTaxRates(
        self, request: pb.ListTaxRatesRequest, context: Context
    ) -> pb.ListTaxRatesResponse:
        filters = wire.from_list_rates(request)
        query = page_query(
            request, self._tokens, sortable=SORTABLE_RATES, default=_BY_COUNTRY, filters=filters
        )
        return wire.to_rates(query, await self._rates.list(filters, query))

    async def UpdateTaxRate(self, request: pb.UpdateTaxRateRequest, context: Context) -> pb.TaxRate:
        change, now = wire.from_update_rate(request), _now()
        rate = await self._rates.update(
            request.tax_rate_id, lambda before: rules.change_rate(before, change, now)
        )
        return wire.to_rate(rate)

    async def DeleteTaxRate(self, request: pb.DeleteTaxRateRequest, context: Context) -> Empty:
        await self._rates.delete(
            request.tax_rate_id, lambda rate: rules.check_rate_deletion(rate, request.etag)
        )
        return Empty()


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid7())
