"""Reports on the wire. No logic."""

from functools import partial

from emporium.analytics.v1 import report_service_pb2 as report_pb
from server.analytics.reports.rules import SalesReport
from server.analytics.sales.rules import Figures, SalesDay
from server.kit.turns import in_turns
from server.kit.wire import money


async def to_report(report: SalesReport) -> report_pb.SalesReport:
    """A sales report on the wire."""
    return report_pb.SalesReport(
        currency=report.currency,
        days=await in_turns(report.days, partial(_to_day, report.currency)),
        total=_to_figures(report.currency, report.total),
    )


def _to_day(currency: str, day: SalesDay) -> report_pb.SalesDay:
    return report_pb.SalesDay(day=day.day.isoformat(), sales=_to_figures(currency, day.sales))


def _to_figures(currency: str, figures: Figures) -> report_pb.SalesFigures:
    return report_pb.SalesFigures(
        orders=figures.orders,
        units=figures.units,
        gross=money(figures.gross, currency),
        cancelled_orders=figures.cancelled_orders,
        cancelled=money(figures.cancelled, currency),
        refunded_orders=figures.refunded_orders,
        refunded=money(figures.refunded, currency),
        net=money(figures.net, currency),
        captured=money(figures.captured, currency),
        paid_back=money(figures.paid_back, currency),
    )
