"""What checking a request costs is bounded, whatever it holds."""

import uuid
from typing import Any

import pytest

from emporium.analytics.v1 import domain_event_service_pb2, event_service_pb2
from emporium.order.v1.order_service_pb2 import CreateOrderRequest, NewOrderItem
from emporium.user.v1 import user_service_pb2
from server.kit import errors
from server.kit.call.bounds import ELEMENTS_NAMED_MAX
from server.kit.call.method import Method, methods
from server.kit.call.validation import Validation
from server.kit.context import Context
from tests.discovery import contract

METHODS: dict[str, Method] = {
    method.name: method for service in contract() for method in methods(service)
}
VALIDATION = Validation()
GOOD = NewOrderItem(product_id=str(uuid.uuid4()), quantity=1)
BAD = NewOrderItem(product_id="none", quantity=0)


def refusal(name: str, request: Any) -> errors.Invalid:
    gate = VALIDATION.gate(METHODS[name])
    assert gate.on_message
    with pytest.raises(errors.Invalid) as refused:
        gate.on_message(request, Context({}, None))
    return refused.value


def refused_fields(name: str, request: Any) -> list[str]:
    return [violation.field for violation in refusal(name, request).violations]


@pytest.mark.parametrize(
    ("name", "request_", "field"),
    [
        ("CreateOrder", CreateOrderRequest(items=[BAD] * 1_001), "items"),
        (
            "BatchGetUsers",
            user_service_pb2.BatchGetUsersRequest(user_ids=["no id"] * 1_001),
            "user_ids",
        ),
        (
            "RecordDomainEvents",
            domain_event_service_pb2.RecordDomainEventsRequest(events=[{}] * 501),  # type: ignore[list-item]  # the stub knows no dicts
            "events",
        ),
        (
            "RecordEvent",
            event_service_pb2.RecordEventRequest(
                type="?", properties={f"{n}?": "" for n in range(21)}
            ),
            "properties",
        ),
    ],
)
def test_a_list_that_is_too_long_is_refused_before_its_elements_are_looked_at(
    name: str, request_: Any, field: str
) -> None:
    assert refused_fields(name, request_) == [field]


@pytest.mark.parametrize("first", [0, 1, 500, 990, 999])
def test_of_a_long_list_the_first_broken_elements_are_named(first: int) -> None:
    request = CreateOrderRequest(items=[GOOD] * first + [BAD] * (1_000 - first))
    last = min(first + ELEMENTS_NAMED_MAX, 1_000)
    named = [
        f"items[{n}].{field}" for n in range(first, last) for field in ("product_id", "quantity")
    ]
    found = refusal("CreateOrder", request)
    assert sorted(violation.field for violation in found.violations) == sorted(named)
    more = " or more" if last < 1_000 else ""
    assert found.message.startswith(f"{len(named)}{more} fields are invalid: items[{first}]")


def test_what_is_wrong_beside_a_long_list_is_named_too() -> None:
    request = CreateOrderRequest(items=[GOOD] * 1_000, currency="pounds", request_id="é")
    assert refused_fields("CreateOrder", request) == ["currency", "request_id"]


def test_a_short_list_has_every_fault_named() -> None:
    request = CreateOrderRequest(items=[BAD] * ELEMENTS_NAMED_MAX)
    assert len(refused_fields("CreateOrder", request)) == 2 * ELEMENTS_NAMED_MAX


def test_a_mask_that_names_more_fields_than_there_are_is_refused() -> None:
    request = user_service_pb2.UpdateUserRequest(user_id=str(uuid.uuid4()))
    request.update_mask.paths.extend(["age"] * 100_000)
    assert refused_fields("UpdateUser", request) == ["update_mask"]
