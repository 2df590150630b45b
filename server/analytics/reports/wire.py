"""Orders' events and reports between Protobuf and dataclasses. No logic."""

from decimal import Decimal
from uuid import UUID

from emporium.analytics.v1 import event_service_pb2 as event_pb
from emporium.analytics.v1 import report_service_pb2 as report_pb
from server.analytics.reports.rules import (
    Figures,
    Kind,
    OrderEvent,
    SalesDay,
    SalesReport,
)
from server.kit.wire import moment, money

_KINDS = {number: Kind(name) for name, number in event_pb.OrderEvent.Kind.items() if number}


def from_order_events(request: event_pb.RecordOrderEventsRequest) -> list[OrderEvent]:
    """What became of orders, as the order service tells it. Raises `Invalid` for no moment."""
    return [_from_order_event(sent, f"events[{n}]") for n, sent in enumerate(request.events)]


def _from_order_event(sent: event_pb.OrderEvent, path: str) -> OrderEvent:
    return OrderEvent(
        id=UUID(sent.id),
        kind=_KINDS[sent.kind],
        order_id=UUID(sent.order_id),
        user_id=UUID(sent.user_id),
        order_date=moment(sent.order_date, f"{path}.order_date"),
        total_price=Decimal(sent.total_price),
        currency=sent.currency,
        units=sent.units,
        was_cancelled=sent.was_cancelled,
        occurred_at=moment(sent.occurred_at, f"{path}.occurred_at"),
    )


def to_report(report: SalesReport) -> report_pb.SalesReport:
    """Sales on the wire."""
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
