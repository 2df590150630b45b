"""Each method sends what it was given, and returns what it is answered."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from emporium import (
    Address,
    AuditEvent,
    DomainEvent,
    Emporium,
    Event,
    Order,
    OrderLine,
    Product,
    Role,
    SalesReport,
    User,
)
from emporium.analytics.v1.domain_event_service_pb2 import RecordDomainEventsResponse
from tests.clients.fake_shop import FakeShop, answer

ID = "01900000-0000-7000-8000-000000000000"
NOON = datetime(2010, 12, 1, 12, tzinfo=UTC)
HOME = Address(recipient="Ann", street="1 High Street", city="York", country_code="GB")
HOME_AS_DICT = {"recipient": "Ann", "street": "1 High Street", "city": "York", "country_code": "GB"}

Call = Callable[[Emporium], Awaitable[object]]

CASES: list[tuple[Call, dict[str, Any]]] = [
    (
        lambda shop: shop.users.create(
            "a@b.c", "Ann", password="secret-1", age=40, role="staff", idempotency_key="k"
        ),
        {
            "email": "a@b.c",
            "full_name": "Ann",
            "password": "secret-1",
            "age": 40,
            "role": "STAFF",
            "request_id": "k",
        },
    ),
    (
        lambda shop: shop.users.create("a@b.c", "Ann", idempotency_key="k"),
        {"email": "a@b.c", "full_name": "Ann", "request_id": "k"},
    ),
    (lambda shop: shop.auth.verify_email("t"), {"token": "t"}),
    (lambda shop: shop.auth.forgot_password("a@b.c"), {"email": "a@b.c"}),
    (
        lambda shop: shop.auth.reset_password("t", "secret-1"),
        {"token": "t", "password": "secret-1"},
    ),
    (lambda shop: shop.users.get(ID), {"user_id": ID}),
    (lambda shop: shop.users.batch_get(iter([ID, ID])), {"user_ids": [ID, ID]}),
    (
        lambda shop: shop.users.list(
            role="admin", q="ann lee", created_after=date(2024, 1, 1), sort="email:asc"
        ).first_page(),
        {"role": "admin", "q": "ann lee", "created_after": "2024-01-01", "sort": "email:asc"},
    ),
    (
        lambda shop: shop.users.list(email="a@b.c").first_page(),
        {"email": "a@b.c"},
    ),
    (lambda shop: shop.users.list(page=0, per_page=0).first_page(), {"page": 0, "per_page": 0}),
    (
        lambda shop: shop.users.update(ID, full_name="Ann", age=41, etag="e"),
        {"user_id": ID, "full_name": "Ann", "age": 41, "etag": "e"},
    ),
    (
        lambda shop: shop.users.update(ID, email="d@e.f", role=Role.STAFF, status="disabled"),
        {"user_id": ID, "email": "d@e.f", "role": "STAFF", "status": "DISABLED"},
    ),
    (
        lambda shop: shop.users.update(ID, full_name="Ann", age=None, etag="e"),
        {"user_id": ID, "full_name": "Ann", "etag": "e", "update_mask": "fullName,age"},
    ),
    (lambda shop: shop.users.update(ID), {"user_id": ID}),
    (lambda shop: shop.users.delete(ID, etag="e"), {"user_id": ID, "etag": "e"}),
    (
        lambda shop: shop.auth.change_password("secret-1", "secret-2"),
        {"current_password": "secret-1", "password": "secret-2"},
    ),
    (
        lambda shop: shop.users.suspend(ID, etag="e", idempotency_key="k"),
        {"user_id": ID, "etag": "e", "request_id": "k"},
    ),
    (
        lambda shop: shop.users.reinstate(ID, idempotency_key="k"),
        {"user_id": ID, "request_id": "k"},
    ),
    (
        lambda shop: shop.users.set_role(ID, "staff", etag="e", idempotency_key="k"),
        {"user_id": ID, "role": "STAFF", "etag": "e", "request_id": "k"},
    ),
    (
        lambda shop: shop.products.update(
            ID, unit_price=Decimal("3.10"), status="archived", categories=[], attributes={}
        ),
        {
            "product_id": ID,
            "unit_price": "3.10",
            "status": "ARCHIVED",
            "update_mask": "unitPrice,status,categories,attributes",
        },
    ),
    (
        lambda shop: shop.products.update(ID, description="", attributes={"size": "m"}, etag="e"),
        {"product_id": ID, "description": "", "attributes": {"size": "m"}, "etag": "e"},
    ),
    (lambda shop: shop.products.delete(ID, etag="e"), {"product_id": ID, "etag": "e"}),
    (lambda shop: shop.products.batch_get([ID]), {"ids": [ID]}),
    (
        lambda shop: shop.products.list(
            q="tea", category=ID, attribute=["size:m"], price_min=2, price_max=Decimal("3.5")
        ).first_page(),
        {
            "q": "tea",
            "category": ID,
            "attribute": ["size:m"],
            "price_min": "2",
            "price_max": "3.5",
        },
    ),
    (
        lambda shop: shop.categories.create("Tea", parent_id=ID, idempotency_key="k"),
        {"name": "Tea", "parent_id": ID, "request_id": "k"},
    ),
    (lambda shop: shop.categories.get(ID), {"category_id": ID}),
    (lambda shop: shop.categories.list(parent_id=ID).first_page(), {"parent_id": ID}),
    (
        lambda shop: shop.categories.update(ID, name="Tea", parent_id=None, etag="e"),
        {"category_id": ID, "name": "Tea", "etag": "e", "update_mask": "name,parentId"},
    ),
    (
        lambda shop: shop.categories.update(ID, parent_id=ID),
        {"category_id": ID, "parent_id": ID},
    ),
    (lambda shop: shop.categories.delete(ID, etag="e"), {"category_id": ID, "etag": "e"}),
    (
        lambda shop: shop.products.create(
            "85123A", "Heart", Decimal("2.55"), currency="GBP", idempotency_key="k"
        ),
        {
            "sku": "85123A",
            "name": "Heart",
            "unit_price": "2.55",
            "currency": "GBP",
            "request_id": "k",
        },
    ),
    (
        lambda shop: shop.products.list(
            sku="85123A", min_price=1, max_price=Decimal("9.99")
        ).first_page(),
        {"sku": "85123A", "min_price": "1", "max_price": "9.99"},
    ),
    (lambda shop: shop.products.get(ID), {"product_id": ID}),
    (
        lambda shop: shop.orders.create(
            [
                OrderLine(ID, 2),
                OrderLine(quantity=6, product_name="Heart", unit_price=Decimal("2.55")),
            ],
            shipping_address=HOME,
            user_id=ID,
            order_date=NOON,
            currency="GBP",
            idempotency_key="k",
        ),
        {
            "items": [
                {"product_id": ID, "quantity": 2},
                {"product_name": "Heart", "unit_price": "2.55", "quantity": 6},
            ],
            "shipping_address": HOME_AS_DICT,
            "user_id": ID,
            "order_date": "2010-12-01T12:00:00Z",
            "currency": "GBP",
            "request_id": "k",
        },
    ),
    (lambda shop: shop.orders.get(ID), {"order_id": ID}),
    (lambda shop: shop.orders.get_user(ID), {"order_id": ID}),
    (
        lambda shop: shop.orders.list(status="paid", placed_before=NOON).first_page(),
        {"status": "paid", "placed_before": "2010-12-01T12:00:00+00:00"},
    ),
    (
        lambda shop: shop.orders.list_of_user(ID, status="paid", per_page=5).first_page(),
        {"user_id": ID, "status": "paid", "per_page": 5},
    ),
    (lambda shop: shop.orders.update(ID, status="paid"), {"order_id": ID, "status": "PAID"}),
    (
        lambda shop: shop.orders.update(ID, shipping_address=HOME, etag="e"),
        {"order_id": ID, "shipping_address": HOME_AS_DICT, "etag": "e"},
    ),
    (
        lambda shop: shop.orders.update(ID, shipping_address=None, etag="e"),
        {"order_id": ID, "etag": "e", "update_mask": "shippingAddress"},
    ),
    (lambda shop: shop.orders.delete(ID, etag="e"), {"order_id": ID, "etag": "e"}),
    (
        lambda shop: shop.events.record(
            "product.viewed", properties={"from": "search"}, occurred_at=NOON, idempotency_key=ID
        ),
        {
            "request_id": ID,
            "type": "product.viewed",
            "occurred_at": "2010-12-01T12:00:00Z",
            "properties": {"from": "search"},
        },
    ),
    (
        lambda shop: shop.events.record_domain_events([DomainEvent(id=ID, aggregate_version=1)]),
        {"events": [{"id": ID, "aggregate_version": "1"}]},
    ),
    (
        lambda shop: shop.audit.list(actor=ID, outcome="ok", created_after=NOON).first_page(),
        {"actor": ID, "outcome": "ok", "created_after": "2010-12-01T12:00:00+00:00"},
    ),
    (lambda shop: shop.audit.record([AuditEvent(id=ID)]), {"audit_events": [{"id": ID}]}),
    (lambda shop: shop.reports.sales(), {}),
    (
        lambda shop: shop.reports.sales(date(2010, 12, 1), "2010-12-31", currency="GBP"),
        {"from": "2010-12-01", "to": "2010-12-31", "currency": "GBP"},
    ),
]


@pytest.mark.parametrize(("call", "request_as_dict"), CASES)
async def test_a_method_sends_what_it_is_given_and_no_more(
    shop: Emporium, server: FakeShop, call: Call, request_as_dict: dict[str, Any]
) -> None:
    await call(shop)

    sent = MessageToDict(server.last.request, preserving_proto_field_name=True)
    assert sent == request_as_dict


async def test_a_method_returns_the_message_it_is_answered(
    shop: Emporium, server: FakeShop
) -> None:
    user, product, order = User(id="u"), Product(id="p"), Order(id="o")
    event, report = Event(id="e"), SalesReport(currency="GBP")
    recorded = RecordDomainEventsResponse(recorded=1)
    server.will("CreateUser", answer(user)).will("UpdateUser", answer(user))
    server.will("GetProduct", answer(product)).will("CreateProduct", answer(product))
    server.will("CreateOrder", answer(order)).will("UpdateOrder", answer(order))
    server.will("RecordEvent", answer(event)).will("GetSalesReport", answer(report))
    server.will("RecordDomainEvents", answer(recorded))

    assert await shop.users.create("a@b.c", "Ann") == user
    assert await shop.users.update(ID, age=40) == user
    assert await shop.products.get(ID) == product
    assert await shop.products.create("85123A", "Heart", 3) == product
    assert await shop.orders.create([OrderLine(ID)]) == order
    assert await shop.orders.update(ID, status="paid") == order
    assert await shop.events.record("product.viewed") == event
    assert await shop.events.record_domain_events([]) == recorded
    assert await shop.reports.sales() == report
