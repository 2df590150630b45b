"""Reports: each method converts the request, applies the rules and calls the store."""

from emporium.analytics.v1 import report_service_pb2 as pb
from server.analytics.reports import rules, wire
from server.analytics.sales.store import SalesStore
from server.kit.context import Context


class ReportService:
    """`emporium.analytics.v1.ReportService`."""

    def __init__(self, sales: SalesStore, shop_currency: str) -> None:
        self._sales = sales
        self._shop_currency = shop_currency

    async def GetSalesReport(
        self, request: pb.GetSalesReportRequest, context: Context
    ) -> pb.SalesReport:
        # `from` is a keyword of Python, so the field can only be read by `getattr`.
        period = rules.period(getattr(request, "from"), request.to)
        currency = request.currency or self._shop_currency
        days = await self._sales.days(currency, period, rules.DAYS_MAX + 1)
        rules.check_currency(currency, days)
        rules.check_length(days)
        had_sales = [day for day in days if day.sales]
        return await wire.to_report(rules.SalesReport(currency, had_sales))
