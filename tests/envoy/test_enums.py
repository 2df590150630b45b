"""Enums in JSON: their names in either case; what is none of them is told which there are."""

from typing import Any

import httpx
import pytest

from emporium.order.v1.order_service_pb2 import Order
from tests.envoy.conftest import Edge, error_of

ORDER = "/api/v1/orders/0190"
STATUSES = "must be one of PENDING, PAID, SHIPPED, DELIVERED, CANCELLED, REFUNDED"


@pytest.mark.parametrize("written", ["PAID", "paid", "Paid", 2])
async def test_a_name_is_taken_in_either_case(
    running: Edge, signed_in: httpx.AsyncClient, written: Any
) -> None:
    answer = await signed_in.patch(ORDER, json={"status": written})
    assert answer.status_code == 200, answer.text
    assert running.upstream.last().request.status == Order.PAID


@pytest.mark.parametrize(
    "written", ["piad", "", "PAI-D", " paid", "\N{LATIN SMALL LETTER LONG S}hipped"]
)
async def test_what_is_no_name_is_refused_with_all_there_are_and_is_not_repeated(
    running: Edge, signed_in: httpx.AsyncClient, written: str
) -> None:
    answer = await signed_in.patch(ORDER, json={"status": written})
    error = error_of(answer, 422, "VALIDATION_FAILED")
    assert error["message"] == f"status: {STATUSES}"
    (detail,) = error["details"]
    assert detail["field_violations"] == [{"field": "status", "description": STATUSES}]
    assert running.upstream.calls == []


async def test_only_what_the_rules_allow_is_listed(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post("/api/v1/users", json={"role": "boss"})
    error = error_of(answer, 422, "VALIDATION_FAILED")
    assert error["message"] == "role: must be one of CUSTOMER, STAFF, ADMIN"


@pytest.mark.parametrize("written", [True, 1.5, [], {}])
async def test_what_is_neither_name_nor_number_is_refused(
    running: Edge, signed_in: httpx.AsyncClient, written: Any
) -> None:
    answer = await signed_in.patch(ORDER, json={"status": written})
    assert answer.status_code in {400, 422}, answer.text
    assert running.upstream.calls == []


async def test_a_time_that_is_none_is_refused_and_not_repeated(
    running: Edge, signed_in: httpx.AsyncClient
) -> None:
    answer = await signed_in.post("/api/v1/orders", json={"order_date": "yester-day"})
    error = error_of(answer, 400, "MALFORMED_REQUEST")
    assert error["message"] == "order_date: must be a time such as 2024-01-31T12:00:00Z"
    assert running.upstream.calls == []
