"""Prices between Protobuf and dataclasses."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from emporium.order.v1 import pricing_service_pb2 as pb
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import fields_of_mask, moment, money, timestamp
from server.order.catalog.rules import Break
from server.order.pricing.rules import (
    CLEARABLE_OF_PROMOTION,
    NewPromotion,
    PriceBreaks,
    Promotion,
    PromotionChange,
    PromotionFilters,
    Stacking,
    TaxRate,
    TaxRateChange,
    TaxRateFilters,
)

_STACKING = {Stacking(name): number for name, number in pb.Promotion.Stacking.items() if number}
_STACKING_BY_NUMBER = {number: stacking for stacking, number in _STACKING.items()}


def to_breaks(found: PriceBreaks) -> pb.PriceBreaks:
    """Price breaks on the wire."""
    return pb.PriceBreaks(
        product_id=found.product_id,
        currency=found.currency,
        breaks=[
            pb.PriceBreak(
                min_quantity=each.min_quantity, unit_price=money(each.unit_price, found.currency)
            )
            for each in found.breaks
        ],
        etag=found.etag,
    )


def from_set(request: pb.SetPriceBreaksRequest) -> Sequence[Break]:
    """The breaks that the caller asks for."""
    return tuple(Break(each.min_quantity, Decimal(each.unit_price)) for each in request.breaks)


def to_promotion(found: Promotion) -> pb.Promotion:
    """A promotion on the wire."""
    return pb.Promotion(
        id=found.id,
        code=found.code,
        name=found.name,
        kind=pb.Promotion.Kind.Value(found.kind),
        percentage=_percent(found.percentage),
        amount=_money(found.amount, found.currency),
        currency=found.currency or "",
        valid_from=timestamp(found.valid_from) if found.valid_from else None,
        valid_until=timestamp(found.valid_until) if found.valid_until else None,
        min_subtotal=_money(found.min_subtotal, found.currency),
        uses_max=found.uses_max,
        uses_max_per_person=found.uses_max_per_person,
        stacking=_STACKING[found.stacking],
        active=found.active,
        uses=found.uses,
        created_at=timestamp(found.created_at),
        updated_at=timestamp(found.updated_at),
        etag=found.etag,
    )


def to_promotions(query: PageQuery, page: Page[Promotion]) -> pb.ListPromotionsResponse:
    """A page of promotions on the wire."""
    return pb.ListPromotionsResponse(
        promotions=[to_promotion(each) for each in page.rows], meta=page_meta(query, page)
    )


def from_create_promotion(request: pb.CreatePromotionRequest) -> NewPromotion:
    """The promotion that the caller asks for. Raises `Invalid` for a date out of range."""
    stacking = request.stacking if request.HasField("stacking") else pb.Promotion.COMBINABLE
    return NewPromotion(
        code=request.code,
        name=request.name,
        percentage=_decimal(request.percentage),
        amount=_decimal(request.amount),
        currency=request.currency or None,
        valid_from=_moment(request, "valid_from"),
        valid_until=_moment(request, "valid_until"),
        min_subtotal=_decimal(request.min_subtotal),
        uses_max=_present(request, "uses_max"),
        uses_max_per_person=_present(request, "uses_max_per_person"),
        stacking=_STACKING_BY_NUMBER[stacking],
        active=request.active if request.HasField("active") else True,
    )


def from_list_promotions(request: pb.ListPromotionsRequest) -> PromotionFilters:
    """Which promotions the caller asks for."""
    return PromotionFilters(request.code or None, _present(request, "active"))


def from_update_promotion(request: pb.UpdatePromotionRequest) -> PromotionChange:
    """The change that the caller asks for. Raises `InvalidUpdateMask` and `Invalid`."""
    present = {
        name: _present(request, name)
        for name in ("code", "name", "uses_max", "uses_max_per_person", "active")
    }
    for name in ("percentage", "amount", "min_subtotal"):
        present[name] = _decimal(_present(request, name))
    for name in ("valid_from", "valid_until"):
        present[name] = _moment(request, name)
    present["stacking"] = (
        _STACKING_BY_NUMBER[request.stacking] if request.HasField("stacking") else None
    )
    paths = request.update_mask.paths
    return PromotionChange(fields_of_mask(paths, present, CLEARABLE_OF_PROMOTION), request.etag)


def to_rate(found: TaxRate) -> pb.TaxRate:
    """A tax rate on the wire."""
    return pb.TaxRate(
        id=found.id,
        country_code=found.country_code,
        category_id=found.category_id or "",
        name=found.name,
        rate=_percent(found.rate),
        included=found.included,
        created_at=timestamp(found.created_at),
        updated_at=timestamp(found.updated_at),
        etag=found.etag,
    )


def to_rates(query: PageQuery, page: Page[TaxRate]) -> pb.ListTaxRatesResponse:
    """A page of tax rates on the wire."""
    return pb.ListTaxRatesResponse(
        tax_rates=[to_rate(each) for each in page.rows], meta=page_meta(query, page)
    )


def from_create_rate(request: pb.CreateTaxRateRequest, rate_id: str, now: datetime) -> TaxRate:
    """The tax rate that the caller asks for."""
    return TaxRate(
        id=rate_id,
        country_code=request.country_code,
        category_id=request.category_id.lower() or None,
        name=request.name,
        rate=Decimal(request.rate),
        included=request.included,
        created_at=now,
        updated_at=now,
        version=1,
    )


def from_list_rates(request: pb.ListTaxRatesRequest) -> TaxRateFilters:
    """Which tax rates the caller asks for."""
    return TaxRateFilters(request.country_code or None, request.category_id.lower() or None)


def from_update_rate(request: pb.UpdateTaxRateRequest) -> TaxRateChange:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    present = {name: _present(request, name) for name in ("name", "included")}
    present["rate"] = _decimal(_present(request, "rate"))
    return TaxRateChange(fields_of_mask(request.update_mask.paths, present, ()), request.etag)


def _present(request: Any, name: str) -> Any:
    return getattr(request, name) if request.HasField(name) else None


def _moment(request: Any, name: str) -> Any:
    return moment(getattr(request, name), name) if request.HasField(name) else None


def _decimal(text: str | None) -> Decimal | None:
    return Decimal(text) if text else None


def _money(amount: Decimal | None, currency: str | None) -> str:
    return "" if amount is None else money(amount, currency or "")


def _percent(value: Decimal | None) -> str:
    """Without zeros that say nothing."""
    return "" if value is None else f"{value.normalize():f}"
