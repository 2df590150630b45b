"""Tax rates."""

from typing import Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.pricing_service_pb2 import (
    CreateTaxRateRequest,
    DeleteTaxRateRequest,
    GetTaxRateRequest,
    ListTaxRatesRequest,
    TaxRate,
    UpdateTaxRateRequest,
)
from emporium.order.v1.pricing_service_pb2_grpc import PricingServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import Money, money, query


class TaxRateFilters(PageOptions, total=False):
    """The arguments of `tax_rates.list`.

    Sorts by `country_code` (ascending by default) or `created_at`.
    """

    country_code: str
    """Only rates of this country, ISO 3166-1 alpha-2."""
    category_id: str
    """Only rates of this category itself."""


class TaxRates:
    """`shop.tax_rates`: by which orders are taxed, where they are sent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = PricingServiceStub(connection.channel)

    async def create(
        self,
        country_code: str,
        name: str,
        rate: Money,
        *,
        category_id: str = "",
        included: bool = False,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> TaxRate:
        """Adds a rate, in percent, of a country or of a category there; for staff.

        `included`: prices contain it. A repeat with the same `idempotency_key` gets the first
        answer; left out, the call has a key of its own, which its retries share.

        Raises `AlreadyExists` (TAX_RATE_EXISTS, IDEMPOTENCY_KEY_REUSED), `NotFound`
        (CATEGORY_NOT_FOUND), `Conflict` (TOO_MANY_TAX_RATES), `InvalidRequest`.
        """
        request = CreateTaxRateRequest(
            country_code=country_code,
            name=name,
            rate=money(rate),
            category_id=category_id,
            included=included,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreateTaxRate, request, timeout_seconds)

    async def get(self, tax_rate_id: str, *, timeout_seconds: float | None = None) -> TaxRate:
        """Reads a rate. Raises `NotFound` (TAX_RATE_NOT_FOUND)."""
        request = GetTaxRateRequest(tax_rate_id=tax_rate_id)
        return await self._connection.call(self._stub.GetTaxRate, request, timeout_seconds)

    def list(self, **filters: Unpack[TaxRateFilters]) -> Listing[TaxRate]:
        """Lists rates, by country unless `sort` says otherwise.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = filters.get("timeout_seconds")

        async def fetch(request: ListTaxRatesRequest) -> Page[TaxRate]:
            call = self._connection.call
            answer = await call(self._stub.ListTaxRates, request, timeout_seconds)
            return Page(answer.tax_rates, answer.meta)

        return Listing(ListTaxRatesRequest(**query(filters)), fetch)

    async def update(
        self,
        tax_rate_id: str,
        *,
        name: str | None = None,
        rate: Money | None = None,
        included: bool | None = None,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> TaxRate:
        """Changes the fields that are given; for staff.

        Raises `NotFound` (TAX_RATE_NOT_FOUND), `Outdated` (ETAG_MISMATCH), `InvalidRequest`
        (NOTHING_TO_UPDATE). Not retried, because it is not idempotent.
        """
        request = UpdateTaxRateRequest(
            tax_rate_id=tax_rate_id,
            name=name,
            rate=None if rate is None else money(rate),
            included=included,
            etag=etag,
        )
        return await self._connection.call(self._stub.UpdateTaxRate, request, timeout_seconds)

    async def delete(
        self, tax_rate_id: str, *, etag: str = "", timeout_seconds: float | None = None
    ) -> None:
        """Deletes a rate; for staff.

        Raises `NotFound` (TAX_RATE_NOT_FOUND), `Outdated` (ETAG_MISMATCH). `NotFound` may also mean
        that a first attempt had deleted it before a retry.
        """
        request = DeleteTaxRateRequest(tax_rate_id=tax_rate_id, etag=etag)
        await self._connection.call(self._stub.DeleteTaxRate, request, timeout_seconds)
