"""Reports through the gRPC door: access, what they say and cover."""

from typing import Any

import grpc
import pytest

from emporium.analytics.v1 import report_service_pb2 as report_pb
from server.analytics.reports import rules
from server.analytics.sales.rules import State
from tests.server.analytics.conftest import NewCurrency
from tests.server.analytics.doors import VIEWED, DoorOf, batch, on_the_wire
from tests.server.analytics.sales.histories import became, placed
from tests.server.refusals import refused

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
PERMISSION_DENIED = grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("rpc", "request_", "role", "code"),
    [
        ("RecordEvent", VIEWED, None, UNAUTHENTICATED),
        ("RecordDomainEvents", batch(placed("GBP")), None, UNAUTHENTICATED),
        ("RecordDomainEvents", batch(placed("GBP")), "CUSTOMER", PERMISSION_DENIED),
        ("RecordDomainEvents", batch(placed("GBP")), "ADMIN", PERMISSION_DENIED),
        ("GetSalesReport", report_pb.GetSalesReportRequest(), None, UNAUTHENTICATED),
        ("GetSalesReport", report_pb.GetSalesReportRequest(), "CUSTOMER", PERMISSION_DENIED),
        ("GetSalesReport", report_pb.GetSalesReportRequest(), "SERVICE", PERMISSION_DENIED),
    ],
)
async def test_nobody_gets_in_whom_the_contract_keeps_out(
    door: DoorOf, rpc: str, request_: Any, role: str | None, code: grpc.StatusCode
) -> None:
    assert (await refused(door(role)(rpc, request_))).code is code


async def test_a_report_adds_up_what_became_of_orders(
    door: DoorOf, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    one, two = placed(currency, "0.10", units=3), placed(currency, "0.20", units=4)
    later, gone = placed(currency, "1000.00", units=5, days=1), placed(currency, "9.99", days=2)
    request = batch(
        one, two, later, gone, became(two, State.CANCELLED), became(later, State.REFUNDED)
    )
    service = door("SERVICE")
    first = await service("RecordDomainEvents", request)
    assert (first.recorded, first.repeated) == (6, 0)
    request.events.append(on_the_wire(became(gone, State.DELETED)))
    again = await service("RecordDomainEvents", request)
    assert (again.recorded, again.repeated) == (1, 6)

    report = await door("STAFF")(
        "GetSalesReport", report_pb.GetSalesReportRequest(currency=currency)
    )
    first_day = report_pb.SalesFigures(
        orders=2,
        units=7,
        gross="0.30",
        cancelled_orders=1,
        cancelled="0.20",
        refunded="0.00",
        net="0.10",
        captured="0.00",
        paid_back="0.00",
    )
    second_day = report_pb.SalesFigures(
        orders=1,
        units=5,
        gross="1000.00",
        cancelled="0.00",
        refunded_orders=1,
        refunded="1000.00",
        net="0.00",
        captured="1000.00",
        paid_back="1000.00",
    )
    assert report == report_pb.SalesReport(
        currency=currency,
        days=[
            report_pb.SalesDay(day="2010-12-01", sales=first_day),
            report_pb.SalesDay(day="2010-12-02", sales=second_day),
        ],
        total=report_pb.SalesFigures(
            orders=3,
            units=12,
            gross="1000.30",
            cancelled_orders=1,
            cancelled="0.20",
            refunded_orders=1,
            refunded="1000.00",
            net="0.10",
            captured="1000.00",
            paid_back="1000.00",
        ),
    )


async def test_a_report_of_too_many_days_is_refused_and_a_part_of_them_is_not(
    door: DoorOf, new_currency: NewCurrency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "DAYS_MAX", 3)
    currency = new_currency()
    orders = [placed(currency, days=day) for day in range(4)]
    await door("SERVICE")("RecordDomainEvents", batch(*orders))
    request = report_pb.GetSalesReportRequest(currency=currency)
    refusal = await refused(door("STAFF")("GetSalesReport", request))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FILTER")
    assert refusal.fields == ["from"]
    request.to = "2010-12-03"
    assert len((await door("STAFF")("GetSalesReport", request)).days) == 3


async def test_a_report_counts_more_units_than_32_bits_hold(
    door: DoorOf, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    for _ in range(2):  # the second adds to what the database already holds
        orders = [placed(currency, units=10**8) for _ in range(15)]
        await door("SERVICE")("RecordDomainEvents", batch(*orders))
    report = await door("STAFF")(
        "GetSalesReport", report_pb.GetSalesReportRequest(currency=currency)
    )
    assert (report.total.orders, report.total.units) == (30, 30 * 10**8)
    assert report.days[0].sales.units == 30 * 10**8


async def test_a_report_covers_the_days_that_were_asked_for(
    door: DoorOf, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    await door("SERVICE")(
        "RecordDomainEvents", batch(*(placed(currency, days=n) for n in range(4)))
    )
    request = report_pb.GetSalesReportRequest(
        currency=currency, to="2010-12-03", **{"from": "2010-12-02"}
    )
    report = await door("ADMIN")("GetSalesReport", request)
    assert [day.day for day in report.days] == ["2010-12-02", "2010-12-03"]
    assert report.total.orders == 2


async def test_an_empty_report_is_in_the_shops_currency_and_full_of_zeros(door: DoorOf) -> None:
    report = await door("STAFF")("GetSalesReport", report_pb.GetSalesReportRequest())
    assert (report.currency, list(report.days)) == ("ZMW", [])
    nothing = report_pb.SalesFigures(gross="0.00", cancelled="0.00", refunded="0.00", net="0.00")
    nothing.captured = nothing.paid_back = "0.00"
    assert report.total == nothing


@pytest.mark.parametrize(
    ("currency", "totals", "shown"),
    [
        ("JPY", ("125", "250"), ("375", "0")),
        ("KWD", ("1.25", "99999999999999.999"), ("100000000000001.249", "0.000")),
        ("CLF", ("0.0001", "2"), ("2.0001", "0.0000")),
    ],
)
async def test_a_report_has_the_decimals_of_its_currency(
    door: DoorOf, currency: str, totals: tuple[str, ...], shown: tuple[str, str]
) -> None:
    sold = [placed(currency, total, days=40 * 365) for total in totals]
    await door("SERVICE")("RecordDomainEvents", batch(*sold))
    request = report_pb.GetSalesReportRequest(currency=currency)
    total = (await door("STAFF")("GetSalesReport", request)).total
    assert (total.gross, total.cancelled, total.refunded, total.net) == (
        shown[0],
        shown[1],
        shown[1],
        shown[0],
    )


async def test_a_currency_that_is_none_has_a_report_only_where_something_was_sold_in_it(
    door: DoorOf, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    request = report_pb.GetSalesReportRequest(currency=currency)
    found = await refused(door("STAFF")("GetSalesReport", request))
    assert (found.reason, found.fields) == ("VALIDATION_FAILED", ["currency"])
    await door("SERVICE")("RecordDomainEvents", batch(placed(currency, "2.5")))
    assert (await door("STAFF")("GetSalesReport", request)).total.gross == "2.50"


@pytest.mark.parametrize(
    ("fields", "reason", "named"),
    [
        ({"from": "2010-02-30"}, "INVALID_FILTER", "from"),
        ({"to": "2010-13-01"}, "INVALID_FILTER", "to"),
        ({"from": "2010-12-02", "to": "2010-12-01"}, "INVALID_FILTER", "to"),
        ({"from": "yesterday"}, "VALIDATION_FAILED", "from"),
        ({"currency": "pounds"}, "VALIDATION_FAILED", "currency"),
    ],
)
async def test_a_report_that_cannot_be_is_refused_by_name(
    door: DoorOf, fields: dict[str, str], reason: str, named: str
) -> None:
    found = await refused(
        door("STAFF")("GetSalesReport", report_pb.GetSalesReportRequest(**fields))
    )
    assert (found.reason, found.fields) == (reason, [named])
