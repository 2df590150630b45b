"""The servicers: each method reads the request, decides by the rules, keeps by the store."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from emporium.analytics.v1 import event_service_pb2 as event_pb
from emporium.analytics.v1 import report_service_pb2 as report_pb
from server.analytics import rules, wire
from server.analytics.store import EventStore, SalesStore
from server.kit.context import Context


class EventService:
    """`emporium.analytics.v1.EventService`."""

    def __init__(self, events: EventStore, sales: SalesStore) -> None:
        self._events = events
        self._sales = sales

    async def RecordEvent(
        self, request: event_pb.RecordEventRequest, context: Context
    ) -> event_pb.Event:
        event_id = UUID(request.request_id) if request.request_id else uuid7()
        new = wire.from_record(request)
        event = rules.event(new, event_id, context.signed_in.id, datetime.now(UTC))
        kept = await self._events.record(event)
        return wire.to_event(rules.repeated(kept, event) if kept else event)

    async def RecordOrderEvents(
        self, request: event_pb.RecordOrderEventsRequest, context: Context
    ) -> event_pb.RecordOrderEventsResponse:
        events = wire.from_order_events(request)
        recorded = await self._sales.record(events)
        return event_pb.RecordOrderEventsResponse(
            recorded=recorded, repeated_before=len(events) - recorded
        )


class ReportService:
    """`emporium.analytics.v1.ReportService`."""

    def __init__(self, sales: SalesStore, shop_currency: str) -> None:
        self._sales = sales
        self._shop_currency = shop_currency

    async def GetSalesReport(
        self, request: report_pb.GetSalesReportRequest, context: Context
    ) -> report_pb.SalesReport:
        # `from` is a word of Python's own, so the field can only be had by its name.
        period = rules.period(getattr(request, "from"), request.to)
        currency = request.currency or self._shop_currency
        days = await self._sales.days(currency, period)
        had_sales = [day for day in days if day.sales]
        return wire.to_report(rules.SalesReport(currency, had_sales))
