"""What is repeated when nobody answers, and what never is."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

import emporium
from emporium import Address, Emporium, LoginResponse, OrderLine, Unavailable
from emporium.retries import FILES, RETRY_BUDGET, RETRY_POLICY, service_config
from server.user.api_keys.rules import secret_of
from tests.clients.fake_shop import FakeShop, answer, unavailable

ID = "01900000-0000-7000-8000-000000000000"
API_KEY = secret_of(ID, bytes(32))
NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)

SAFE: dict[str, Callable[[Emporium], Awaitable[object]]] = {
    "GetUser": lambda shop: shop.users.get(ID),
    "BatchGetUsers": lambda shop: shop.users.batch_get([ID]),
    "ListUsers": lambda shop: shop.users.list().first_page(),
    "ExchangeApiKey": lambda shop: shop.api_keys.exchange(API_KEY),
    "ListAuditEvents": lambda shop: shop.audit.list().first_page(),
    "RecordAuditEvents": lambda shop: shop.audit.record([]),
    "DeleteApiKey": lambda shop: shop.api_keys.delete(ID),
    "ListApiKeys": lambda shop: shop.api_keys.list().first_page(),
    "DeleteUser": lambda shop: shop.users.delete(ID),
    "ExportUser": lambda shop: shop.users.export(ID),
    "GetErasure": lambda shop: shop.users.erasure(ID),
    "EraseBuyer": lambda shop: shop.orders.erase_buyer(ID, NOW),
    "ExportBuyer": lambda shop: shop.orders.export_buyer(ID),
    "EraseActivity": lambda shop: shop.events.erase_activity(ID, NOW),
    "ExportActivity": lambda shop: shop.events.export_activity(ID),
    "Refresh": lambda shop: shop.auth.refresh("a refresh token"),
    "Logout": lambda shop: shop.auth.logout(),
    "ListSessions": lambda shop: shop.auth.sessions(),
    "DeleteSession": lambda shop: shop.auth.end_session(ID),
    "WatchRevocations": lambda shop: anext(shop.revocations.watch()),
    "DeleteTotp": lambda shop: shop.auth.delete_totp(totp_code="123456"),
    "GetKeySet": lambda shop: shop.auth.public_keys(),
    "GetProduct": lambda shop: shop.products.get(ID),
    "ListProducts": lambda shop: shop.products.list().first_page(),
    "GetStock": lambda shop: shop.stock.get(ID),
    "ListStockMovements": lambda shop: shop.stock.movements(ID).first_page(),
    "BatchGetProducts": lambda shop: shop.products.batch_get([ID]),
    "GetCategory": lambda shop: shop.categories.get(ID),
    "ListCategories": lambda shop: shop.categories.list().first_page(),
    "DeleteCategory": lambda shop: shop.categories.delete(ID),
    "DeleteProduct": lambda shop: shop.products.delete(ID),
    "GetOrder": lambda shop: shop.orders.get(ID),
    "GetPriceBreaks": lambda shop: shop.prices.breaks(ID),
    "SetPriceBreaks": lambda shop: shop.prices.set_breaks(ID, {10: "2.25"}),
    "GetShippingMethod": lambda shop: shop.shipping_methods.get(ID),
    "ListShippingMethods": lambda shop: shop.shipping_methods.list().first_page(),
    "DeleteShippingMethod": lambda shop: shop.shipping_methods.delete(ID),
    "GetShipment": lambda shop: shop.shipments.get(ID),
    "ListShipments": lambda shop: shop.shipments.list(ID).first_page(),
    "GetReturn": lambda shop: shop.returns.get(ID),
    "ListReturns": lambda shop: shop.returns.list(ID).first_page(),
    "GetPromotion": lambda shop: shop.promotions.get(ID),
    "ListPromotions": lambda shop: shop.promotions.list().first_page(),
    "DeletePromotion": lambda shop: shop.promotions.delete(ID),
    "GetCart": lambda shop: shop.carts.get(ID, secret="x"),
    "DeleteCart": lambda shop: shop.carts.delete(ID),
    "UpdateCartItem": lambda shop: shop.carts.set_item(ID, ID, 1),
    "DeleteCartItem": lambda shop: shop.carts.remove_item(ID, ID),
    "MergeCart": lambda shop: shop.carts.merge(ID, "x"),
    "CheckoutCart": lambda shop: shop.carts.checkout(ID),
    "GetAddress": lambda shop: shop.addresses.get(ID, ID),
    "ListAddresses": lambda shop: shop.addresses.list(ID).first_page(),
    "DeleteAddress": lambda shop: shop.addresses.delete(ID, ID),
    "GetTaxRate": lambda shop: shop.tax_rates.get(ID),
    "ListTaxRates": lambda shop: shop.tax_rates.list().first_page(),
    "DeleteTaxRate": lambda shop: shop.tax_rates.delete(ID),
    "GetWebhook": lambda shop: shop.webhooks.get(ID),
    "ListWebhooks": lambda shop: shop.webhooks.list().first_page(),
    "ListWebhookDeliveries": lambda shop: shop.webhooks.deliveries(ID).first_page(),
    "DeleteWebhook": lambda shop: shop.webhooks.delete(ID),
    "QuoteOrder": lambda shop: shop.orders.quote([OrderLine(ID)]),
    "ListOrders": lambda shop: shop.orders.list().first_page(),
    "ListUserOrders": lambda shop: shop.orders.list_of_user(ID).first_page(),
    "GetOrderUser": lambda shop: shop.orders.get_user(ID),
    "ListOrderNotes": lambda shop: shop.orders.notes(ID).first_page(),
    "DeleteOrderNote": lambda shop: shop.orders.delete_note(ID, ID),
    "WatchOrder": lambda shop: anext(shop.orders.watch(ID)),
    "ListOrderHistory": lambda shop: shop.orders.history(ID).first_page(),
    "DeleteOrder": lambda shop: shop.orders.delete(ID),
    "GetPayment": lambda shop: shop.payments.get(ID),
    "ListPayments": lambda shop: shop.payments.list(ID).first_page(),
    "ReceivePaymentNotice": lambda shop: shop.payments.receive_notice("sandbox", b"{}", "t=1"),
    "RecordDomainEvents": lambda shop: shop.events.record_domain_events([]),
    "GetSalesReport": lambda shop: shop.reports.sales(),
}
KEYED: dict[str, Callable[[Emporium], Awaitable[object]]] = {
    "CreateApiKey": lambda shop: shop.api_keys.create("ERP", ["orders.read"]),
    "CreateUser": lambda shop: shop.users.create("ann@example.com", "Ann"),
    "SuspendUser": lambda shop: shop.users.suspend(ID),
    "ReinstateUser": lambda shop: shop.users.reinstate(ID),
    "SetUserRole": lambda shop: shop.users.set_role(ID, "staff"),
    "CreateProduct": lambda shop: shop.products.create("85123A", "Heart", "2.55"),
    "AdjustStock": lambda shop: shop.stock.adjust(ID, 5, "received"),
    "CreateCategory": lambda shop: shop.categories.create("Teapots"),
    "CreateShippingMethod": lambda shop: shop.shipping_methods.create("Standard", [{}]),
    "CreateShipment": lambda shop: shop.shipments.create(ID, {1: 2}),
    "CreateReturn": lambda shop: shop.returns.create(ID, {1: 2}, reason="unwanted"),
    "CreateTrackingEvent": lambda shop: shop.shipments.track(ID, "delivered"),
    "CreatePromotion": lambda shop: shop.promotions.create(code="TEN", name="Ten", percentage=10),
    "CreateCart": lambda shop: shop.carts.create(),
    "CreateAddress": lambda shop: shop.addresses.create(ID, Address()),
    "CreateTaxRate": lambda shop: shop.tax_rates.create("GB", "VAT", 20),
    "CreateWebhook": lambda shop: shop.webhooks.create("https://partner.example", ["*"]),
    "RotateWebhookSecret": lambda shop: shop.webhooks.rotate_secret(ID),
    "PingWebhook": lambda shop: shop.webhooks.ping(ID),
    "RedeliverWebhookDelivery": lambda shop: shop.webhooks.redeliver(ID, ID),
    "CreateOrder": lambda shop: shop.orders.create([OrderLine(ID)]),
    "CreateOrderNote": lambda shop: shop.orders.add_note(ID, "Ring twice"),
    "CancelOrder": lambda shop: shop.orders.cancel(ID, reason="too late"),
    "CreatePayment": lambda shop: shop.payments.create(ID, "tok_approved"),
    "CapturePayment": lambda shop: shop.payments.capture(ID),
    "VoidPayment": lambda shop: shop.payments.void(ID),
    "RefundPayment": lambda shop: shop.payments.refund(ID, reason="A dent"),
    "RecordEvent": lambda shop: shop.events.record("product.viewed"),
}
UNSAFE: dict[str, Callable[[Emporium], Awaitable[object]]] = {
    "UpdateStock": lambda shop: shop.stock.update(ID, tracked=False),
    "Login": lambda shop: shop.auth.login("ann@example.com", "secret"),
    "ChangePassword": lambda shop: shop.auth.change_password("secret", "another"),
    "BeginTotp": lambda shop: shop.auth.begin_totp("secret"),
    "ConfirmTotp": lambda shop: shop.auth.confirm_totp("123456"),
    "ForgotPassword": lambda shop: shop.auth.forgot_password("ann@example.com"),
    "ResetPassword": lambda shop: shop.auth.reset_password("token", "secret-1"),
    "VerifyEmail": lambda shop: shop.auth.verify_email("token"),
    "UpdateUser": lambda shop: shop.users.update(ID, age=40),
    "UpdateCategory": lambda shop: shop.categories.update(ID, name="Teapots"),
    "UpdateShippingMethod": lambda shop: shop.shipping_methods.update(ID, active=False),
    "UpdateShipment": lambda shop: shop.shipments.update(ID, tracking_number="JD 1"),
    "UpdateReturn": lambda shop: shop.returns.move(ID, "approved"),
    "UpdatePromotion": lambda shop: shop.promotions.update(ID, uses_max=None),
    "UpdateCart": lambda shop: shop.carts.update(ID, shipping_method_id=None),
    "UpdateAddress": lambda shop: shop.addresses.update(ID, ID, is_default=True),
    "UpdateTaxRate": lambda shop: shop.tax_rates.update(ID, rate=20),
    "UpdateWebhook": lambda shop: shop.webhooks.update(ID, active=True),
    "UpdateProduct": lambda shop: shop.products.update(ID, name="Heart"),
    "UpdateOrder": lambda shop: shop.orders.update(ID, status="paid"),
}


# Where the client cannot do with an empty message.
ANSWERS = {"Refresh": [answer(LoginResponse(access_token="next"))]}


@pytest.mark.parametrize("rpc", [*SAFE, *KEYED])
async def test_a_safe_call_is_repeated_until_somebody_answers(
    shop: Emporium, server: FakeShop, rpc: str
) -> None:
    server.will(rpc, unavailable(), *ANSWERS.get(rpc, ()))

    await (SAFE | KEYED)[rpc](shop)

    assert [call.rpc for call in server.served] == [rpc, rpc]
    assert [call.attempts_before for call in server.served] == [0, 1]


@pytest.mark.parametrize("rpc", UNSAFE)
async def test_an_unsafe_call_is_made_once(shop: Emporium, server: FakeShop, rpc: str) -> None:
    server.will(rpc, unavailable())

    with pytest.raises(Unavailable):
        await UNSAFE[rpc](shop)

    assert [call.rpc for call in server.served] == [rpc]


def test_every_rpc_of_the_contract_is_safe_keyed_or_unsafe_and_in_the_client() -> None:
    methods = {
        method.name
        for file in FILES
        for service in file.services_by_name.values()
        for method in service.methods
    }

    assert methods == {*SAFE, *KEYED, *UNSAFE}


def test_every_generated_service_is_known_to_the_client() -> None:
    package = Path(emporium.__file__).parent
    generated = {
        str(path.relative_to(package.parent)).replace("_pb2_grpc.py", ".proto")
        for path in package.glob("*/v1/*_service_pb2_grpc.py")
    }

    assert {file.name for file in FILES} == generated


def test_the_service_config_names_exactly_the_safe_rpcs() -> None:
    [config] = json.loads(service_config())["methodConfig"]

    assert {name["method"] for name in config["name"]} == {*SAFE, *KEYED}
    assert config["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]


@pytest.mark.parametrize("rpc", KEYED)
async def test_a_create_keeps_its_key_over_retries_and_has_a_new_one_each_call(
    shop: Emporium, server: FakeShop, rpc: str
) -> None:
    server.will(rpc, unavailable(), unavailable())

    await KEYED[rpc](shop)
    await KEYED[rpc](shop)

    *first, second = [UUID(call.request.request_id) for call in server.served]
    assert len(first) == 3
    assert len(set(first)) == 1
    assert second not in first


async def test_a_key_may_be_chosen(shop: Emporium, server: FakeShop) -> None:
    await shop.users.create("ann@example.com", "Ann", idempotency_key="invoice-1")
    await shop.products.create("85123A", "Heart", "2.55", idempotency_key="invoice-2")
    await shop.orders.create([OrderLine(ID)], idempotency_key="invoice-3")
    await shop.events.record("product.viewed", idempotency_key=ID)

    keys = [call.request.request_id for call in server.served]
    assert keys == ["invoice-1", "invoice-2", "invoice-3", ID]


async def test_after_the_last_attempt_the_call_has_failed(shop: Emporium, server: FakeShop) -> None:
    server.will("GetUser", *[unavailable()] * 9)

    with pytest.raises(Unavailable):
        await shop.users.get(ID)

    assert len(server.served) == RETRY_POLICY["maxAttempts"]


async def test_retries_end_with_the_deadline(shop: Emporium, server: FakeShop) -> None:
    server.will("GetUser", *[unavailable()] * 9)

    with pytest.raises(emporium.EmporiumError) as raised:
        await shop.users.get(ID, timeout_seconds=0.15)

    assert isinstance(raised.value, emporium.DeadlineExceeded | Unavailable)
    assert len(server.served) <= 3


async def test_when_nothing_gets_through_the_budget_ends_the_retrying(
    shop: Emporium, server: FakeShop
) -> None:
    calls = 30
    server.will("GetUser", *[unavailable()] * 999)
    outcomes = await asyncio.gather(
        *(shop.users.get(ID) for _ in range(calls)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    # Every first attempt, half the budget, and what was under way when that was spent.
    half_the_budget = RETRY_BUDGET["maxTokens"] / 2
    assert half_the_budget <= len(server.served) <= half_the_budget + calls
    server.served.clear()

    with pytest.raises(Unavailable):
        await shop.users.get(ID)

    assert len(server.served) == 1
