"""Reports on the wire. No logic."""

from emporium.analytics.v1 import report_service_pb2 as report_pb
from server.analytics.reports.rules import SalesReport
from server.analytics.sales.rules import Figures, SalesDay
from server.kit.wire import money


def to_report(report: SalesReport) -> report_pb.SalesReport:
    """A sales report on the wire."""
    return report_pb.SalesReport(
        currency=report.currency,
        days=[_to_day(day) for day in report.days],
        total=_to_figures(report.total),
    )


def _to_day(day: SalesDay) -> report_pb.SalesDay:
    return report_pb.SalesDay(day=day.day.isoformat(), sales=_to_figures(day.sales))


def _to_figures(figures: Figures) -> report_pb.SalesFigures:
    return report_pb.SalesFigures(
        orders=figures.orders,
        units=figures.units,
        gross=money(figures.gross),
        cancelled_orders=figures.cancelled_orders,
        cancelled=money(figures.cancelled),
        refunded_orders=figures.refunded_orders,
        refunded=money(figures.refunded),
        net=money(figures.net),
    )
