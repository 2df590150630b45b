"""Sales reports."""

from datetime import date

from emporium.analytics.v1.report_service_pb2 import GetSalesReportRequest, SalesReport
from emporium.analytics.v1.report_service_pb2_grpc import ReportServiceStub
from emporium.connection import Connection


class Reports:
    """`shop.reports`: sales figures, which lag the orders by about a second."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = ReportServiceStub(connection.channel)

    async def sales(
        self,
        first_day: date | str = "",
        last_day: date | str = "",
        *,
        currency: str = "",
        timeout_seconds: float | None = None,
    ) -> SalesReport:
        """Reads sales per UTC day and in total; for staff.

        Both days are included, and written as `2010-12-01` or given as dates; a side that is left
        out is open. `currency` is ISO 4217, the shop's own when left out.

        Raises `InvalidRequest` (INVALID_FILTER), `PermissionDenied`.
        """
        # `from` is a field of the contract, and a keyword of Python.
        days = {"from": str(first_day), "to": str(last_day)}
        request = GetSalesReportRequest(currency=currency, **days)
        return await self._connection.call(self._stub.GetSalesReport, request, timeout_seconds)
