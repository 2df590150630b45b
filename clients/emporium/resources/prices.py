"""Prices of products beyond that of one."""

from collections.abc import Mapping

from emporium.connection import Connection
from emporium.order.v1.pricing_service_pb2 import (
    GetPriceBreaksRequest,
    PriceBreak,
    PriceBreaks,
    SetPriceBreaksRequest,
)
from emporium.order.v1.pricing_service_pb2_grpc import PricingServiceStub
from emporium.values import Money, money


class Prices:
    """`shop.prices`: what many of a product cost each."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = PricingServiceStub(connection.channel)

    async def breaks(self, product_id: str, *, timeout_seconds: float | None = None) -> PriceBreaks:
        """Reads from how many on a product costs less. Raises `NotFound` (PRODUCT_NOT_FOUND)."""
        request = GetPriceBreaksRequest(product_id=product_id)
        return await self._connection.call(self._stub.GetPriceBreaks, request, timeout_seconds)

    async def set_breaks(
        self,
        product_id: str,
        prices: Mapping[int, Money],
        *,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> PriceBreaks:
        """Says what one costs from how many on, in the place of what was said before; for staff.

        `{10: "2.25", 100: "1.95"}`; `{}` ends all. With an `etag` the change is refused when
        somebody has made another one.

        Raises `NotFound` (PRODUCT_NOT_FOUND), `InvalidRequest`, `Outdated` (ETAG_MISMATCH),
        `PermissionDenied`.
        """
        request = SetPriceBreaksRequest(
            product_id=product_id,
            breaks=[
                PriceBreak(min_quantity=count, unit_price=money(price))
                for count, price in sorted(prices.items())
            ],
            etag=etag,
        )
        return await self._connection.call(self._stub.SetPriceBreaks, request, timeout_seconds)
