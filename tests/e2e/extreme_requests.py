"""A good request of each rpc, about what stands in the shop."""

import uuid
from typing import Any, Protocol

from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from tests.discovery import contract
from tests.e2e.conftest import new_email

MISSING = str(uuid.uuid4())
FORM = "application/x-www-form-urlencoded"
CURRENCY = "XTS"  # ISO 4217 has it for tests
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


def base(name: str, scene: Subjects) -> Any:
    """A request of the rpc that is good, and that may be sent again and again."""
    line = {"product_name": "Extreme", "unit_price": "1.25", "quantity": 1}
    home = {"recipient": "A", "street": "B", "city": "C", "country_code": "GB"}
    order = {
        "items": [line],
        "shipping_address": home,
        "user_id": str(uuid.uuid4()),
        "order_date": LONG_AGO,
        "currency": CURRENCY,
        "request_id": str(uuid.uuid4()),
    }
    known: dict[str, dict[str, Any]] = {
        **for_services(scene),
        "BeginTotp": {"current_password": "wrong"},
        "ChangePassword": {"current_password": "wrong", "password": "correct horse"},
        "CreateApiKey": {"name": "Extreme", "scopes": ["orders.read"]},
        "ConfirmTotp": {"totp_code": "123456"},
        "BatchGetProducts": {"ids": [MISSING]},
        "CreateCategory": {"name": "Zz extreme"},
        "DeleteCategory": {"category_id": MISSING},
        "GetCategory": {"category_id": MISSING},
        "ListCategories": {"per_page": 1},
        "UpdateCategory": {"category_id": scene.category.id, "name": "Zz extreme"},
        "CreateOrder": order,
        "CreateProduct": {"sku": uuid.uuid4().hex, "name": "Zz extreme", "unit_price": "2.55"},
        "CreateUser": {"email": new_email(), "full_name": "Ann Extreme"},
        "DeleteApiKey": {"api_key_id": MISSING},
        "DeleteOrder": {"order_id": MISSING},
        "DeleteProduct": {"product_id": MISSING},
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
        "GetProduct": {"product_id": MISSING},
        "GetSalesReport": {},
        "GetUser": {"user_id": scene.user.id},
        "ListAuditEvents": {"per_page": 1},
        "ListApiKeys": {"per_page": 1},
        "ListOrders": {"per_page": 1},
        "ListProducts": {"per_page": 1},
        "ListUserOrders": {"user_id": scene.user.id},
        "ListUsers": {"per_page": 1},
        "Login": {"email": new_email(), "password": "wrong"},
        "ReinstateUser": {"user_id": scene.user.id},
        "RecordEvent": {"type": "product.viewed", "request_id": str(uuid.uuid4())},
        "Refresh": {"refresh_token": "none of ours"},
        "ResetPassword": {"token": "wrong", "password": "another horse"},
        "SetUserRole": {"user_id": scene.user.id, "role": "STAFF"},
        "SuspendUser": {"user_id": MISSING},
        "UpdateOrder": {"order_id": scene.order.id, "shipping_address": home},
        "UpdateProduct": {"product_id": scene.product.id, "name": "Zz extreme"},
        "UpdateUser": {"user_id": scene.user.id, "full_name": "Ann Extreme"},
        "VerifyEmail": {"token": "wrong"},
    }
    takes = METHODS[name].input_type
    return GetMessageClass(takes)(**(known[name] if takes.fields else {}))
