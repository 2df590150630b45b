"""A good request of each rpc, about what stands in the shop."""

import itertools
import uuid
from typing import Any, Protocol

from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from iso3166 import countries

from tests.discovery import contract
from tests.e2e.conftest import new_email
from tests.e2e.extreme_around import (
    HOME,
    MISSING,
    for_addresses,
    for_carts,
    for_returns,
    for_webhooks,
)

FORM = "application/x-www-form-urlencoded"
CURRENCY = "CLF"  # nothing else is sold in it, and it has as many decimals as any
LONG_AGO = Timestamp(seconds=536_457_600)  # 1987-01-01
LATELY = Timestamp()
LATELY.GetCurrentTime()

METHODS = {method.name: method for service in contract() for method in service.methods}

# For services alone.
INTERNAL = {
    "BatchGetUsers",
    "EraseActivity",
    "EraseBuyer",
    "ExportActivity",
    "ExportBuyer",
    "RecordAuditEvents",
    "RecordDomainEvents",
    "WatchRevocations",
}


class Subjects(Protocol):
    """What requests are about."""

    user: Any
    order: Any
    product: Any
    category: Any
    promotion: Any
    tax_rate: Any
    method: Any
    shipment: Any
    address: Any
    cart: Any
    webhook: Any
    returned: Any


def for_services(scene: Subjects) -> dict[str, dict[str, Any]]:
    """What `base` is of the rpcs that only services may call."""
    event = {
        "id": str(uuid.uuid4()),
        "aggregate_type": "user",
        "aggregate_id": str(uuid.uuid4()),
        "aggregate_version": 1,
        "type": "emporium.user.v1.UserUpdated",
        "occurred_at": LONG_AGO,
    }
    kept = {
        "id": str(uuid.uuid4()),
        "service": "order",
        "action": "emporium.order.v1.OrderService/GetOrder",
        "outcome": "OK",
        "count": 1,
        "first_at": LATELY,
        "last_at": LATELY,
    }
    return {
        "BatchGetUsers": {"user_ids": [scene.user.id]},
        "EraseActivity": {"user_id": MISSING, "erased_at": LONG_AGO},
        "EraseBuyer": {"user_id": MISSING, "erased_at": LONG_AGO},
        "ExportActivity": {"user_id": MISSING},
        "ExportBuyer": {"user_id": MISSING},
        "RecordAuditEvents": {"audit_events": [kept]},
        "RecordDomainEvents": {"events": [event]},
        "WatchRevocations": {},
    }


def for_goods(scene: Subjects) -> dict[str, dict[str, Any]]:
    """The same of the rpcs about what is sold."""
    return {
        "AdjustStock": {"product_id": MISSING, "delta": 1, "reason": "RECEIVED"},
        "BatchGetProducts": {"ids": [MISSING]},
        "CreateCategory": {"name": "Zz extreme"},
        "CreateProduct": {"sku": uuid.uuid4().hex, "name": "Zz extreme", "unit_price": "2.55"},
        "DeleteCategory": {"category_id": MISSING},
        "DeleteProduct": {"product_id": MISSING},
        "GetCategory": {"category_id": MISSING},
        "GetProduct": {"product_id": MISSING},
        "GetStock": {"product_id": MISSING},
        "ListCategories": {"per_page": 1},
        "ListProducts": {"per_page": 1},
        "ListStockMovements": {"product_id": MISSING},
        **for_shipping(scene),
        **for_webhooks(scene),
        "UpdateCategory": {"category_id": scene.category.id, "name": "Zz extreme"},
        "UpdateProduct": {"product_id": scene.product.id, "name": "Zz extreme"},
        "UpdateStock": {"product_id": scene.product.id, "tracked": True},
    }


# Each has one rate, so whoever asks for a request of one gets another.
_COUNTRIES = itertools.cycle(each.alpha2 for each in countries)


def for_prices(scene: Subjects) -> dict[str, dict[str, Any]]:
    """The same of the rpcs about what orders cost."""
    code = f"X{uuid.uuid4().hex[:20]}"
    return {
        "CreatePromotion": {"code": code, "name": "Zz extreme", "percentage": "10"},
        "CreateTaxRate": {"country_code": next(_COUNTRIES), "name": "Zz extreme", "rate": "10"},
        "DeletePromotion": {"promotion_id": MISSING},
        "DeleteTaxRate": {"tax_rate_id": MISSING},
        "GetPriceBreaks": {"product_id": MISSING},
        "GetPromotion": {"promotion_id": MISSING},
        "GetTaxRate": {"tax_rate_id": MISSING},
        "ListPromotions": {"per_page": 1},
        "ListTaxRates": {"per_page": 1},
        "SetPriceBreaks": {
            "product_id": MISSING,
            "breaks": [{"min_quantity": 10, "unit_price": "1.25"}],
        },
        "UpdatePromotion": {"promotion_id": scene.promotion.id, "name": "Zz extreme"},
        "UpdateTaxRate": {"tax_rate_id": scene.tax_rate.id, "name": "Zz extreme"},
    }


def for_shipping(scene: Subjects) -> dict[str, dict[str, Any]]:
    """The same of the rpcs about how goods are sent."""
    shipment_id = scene.shipment.id if scene.shipment else MISSING
    zone = {"country_codes": ["GB"], "bands": [{"max_weight_grams": 1_000, "price": "1.25"}]}
    return {
        "CreateShippingMethod": {"name": "Zz extreme", "currency": CURRENCY, "zones": [zone]},
        "GetShippingMethod": {"shipping_method_id": MISSING},
        "ListShippingMethods": {"per_page": 1},
        "UpdateShippingMethod": {"shipping_method_id": scene.method.id, "zones": [zone]},
        "DeleteShippingMethod": {"shipping_method_id": MISSING},
        "CreateShipment": {"order_id": scene.order.id, "items": [{"position": 1, "quantity": 1}]},
        "ListShipments": {"order_id": scene.order.id, "per_page": 1},
        "GetShipment": {"shipment_id": MISSING},
        "UpdateShipment": {"shipment_id": shipment_id, "tracking_number": "JD 1"},
        "CreateTrackingEvent": {"shipment_id": shipment_id, "status": "IN_TRANSIT"},
    }


def for_payments(scene: Subjects) -> dict[str, dict[str, Any]]:
    """The same of the rpcs about payments."""
    return {
        "CapturePayment": {"payment_id": MISSING},
        "CreatePayment": {"order_id": scene.order.id, "provider_token": "tok_approved"},
        "GetPayment": {"payment_id": MISSING},
        "ListPayments": {"order_id": scene.order.id, "per_page": 1},
        "ReceivePaymentNotice": {
            "provider": "sandbox",
            "notice": {"content_type": "application/json", "data": b"{}"},
        },
        "RefundPayment": {"payment_id": MISSING},
        "VoidPayment": {"payment_id": MISSING},
    }


FLAT = {"product_name": "Extreme", "quantity": 1, "total_price": "0"}
"""What an order may have instead of lines."""


def base(name: str, scene: Subjects, field: str = "") -> Any:
    """A request of the rpc that is good, and that may be sent again and again.

    Of several that are as different as that, one in which `field` may stand.
    """
    line = {"product_name": "Extreme", "unit_price": "1.25", "quantity": 1}
    order = {
        "items": [line],
        "shipping_address": HOME,
        "user_id": str(uuid.uuid4()),
        "order_date": LONG_AGO,
        "currency": CURRENCY,
        "request_id": str(uuid.uuid4()),
    }
    if field in FLAT:
        del order["items"]
        order |= FLAT
    known: dict[str, dict[str, Any]] = {
        **for_services(scene),
        **for_goods(scene),
        **for_payments(scene),
        **for_addresses(scene),
        **for_carts(scene, field),
        **for_returns(scene, field),
        **for_prices(scene),
        "BeginTotp": {"current_password": "wrong"},
        "ChangePassword": {"current_password": "wrong", "password": "correct horse"},
        "CreateApiKey": {"name": "Extreme", "scopes": ["orders.read"]},
        "ConfirmTotp": {"totp_code": "123456"},
        "CancelOrder": {"order_id": scene.order.id},
        "CreateOrder": order,
        "CreateOrderNote": {"order_id": scene.order.id, "text": "Ring twice"},
        "CreateUser": {"email": new_email(), "full_name": "Ann Extreme"},
        "DeleteApiKey": {"api_key_id": MISSING},
        "DeleteOrder": {"order_id": MISSING},
        "DeleteOrderNote": {"order_id": scene.order.id, "note_id": MISSING},
        "DeleteSession": {"session_id": MISSING},
        "DeleteTotp": {"totp_code": "123456"},
        "DeleteUser": {"user_id": MISSING},
        "ExchangeApiKey": {"content_type": FORM, "data": b"grant_type=client_credentials"},
        "ExportUser": {"user_id": scene.user.id},
        "ForgotPassword": {"email": new_email()},
        "GetErasure": {"user_id": MISSING},
        "GetKeySet": {},
        "GetOrder": {"order_id": scene.order.id},
        "GetOrderUser": {"order_id": scene.order.id},
        "GetSalesReport": {},
        "GetUser": {"user_id": scene.user.id},
        "ListAuditEvents": {"per_page": 1},
        "ListApiKeys": {"per_page": 1},
        "ListOrderNotes": {"order_id": scene.order.id, "per_page": 1},
        "ListOrderHistory": {"order_id": scene.order.id, "per_page": 1},
        "ListOrders": {"per_page": 1, "currency": CURRENCY},
        "ListUserOrders": {"user_id": scene.user.id, "currency": CURRENCY},
        "ListUsers": {"per_page": 1},
        "Login": {"email": new_email(), "password": "wrong"},
        "QuoteOrder": {name: order[name] for name in order if name != "request_id"},
        "ReinstateUser": {"user_id": scene.user.id},
        "RecordEvent": {"type": "product.viewed", "request_id": str(uuid.uuid4())},
        "Refresh": {"refresh_token": "none of ours"},
        "ResetPassword": {"token": "wrong", "password": "another horse"},
        "SetUserRole": {"user_id": scene.user.id, "role": "STAFF"},
        "SuspendUser": {"user_id": MISSING},
        "WatchOrder": {"order_id": scene.order.id},
        "UpdateOrder": {"order_id": scene.order.id, "shipping_address": HOME},
        "UpdateUser": {"user_id": scene.user.id, "full_name": "Ann Extreme"},
        "VerifyEmail": {"token": "wrong"},
    }
    takes = METHODS[name].input_type
    return GetMessageClass(takes)(**(known[name] if takes.fields else {}))
