"""Emporium's client: an async shop in one object.

    import asyncio
    from emporium import Emporium, NotFound, OrderLine

    async def main() -> None:
        async with Emporium("localhost:8080") as shop:
            await shop.auth.login("ann@example.com", "correct horse")

            cheapest = await shop.products.list(sort="unit_price:asc").first_page()
            order = await shop.orders.create([OrderLine(cheapest.items[0].id, quantity=2)])
            print(order.total_price, order.currency)

            async for order in shop.orders.list(status="pending"):
                print(order.id, order.order_date.ToDatetime())

            try:
                await shop.orders.get("01900000-0000-7000-8000-000000000000")
            except NotFound as error:
                print(error.reason, error.request_id)

    asyncio.run(main())

Every call has a deadline (10 s unless another is given), is retried where that is safe, and fails
with an `EmporiumError`. Every create carries an idempotency key. Answers are the messages of the
contract.
"""

from emporium.analytics.v1.event_service_pb2 import Event
from emporium.analytics.v1.report_service_pb2 import SalesReport
from emporium.client import Emporium
from emporium.errors.v1.error_reason_pb2 import ErrorReason
from emporium.exceptions import (
    AlreadyExists,
    Cancelled,
    Conflict,
    DeadlineExceeded,
    EmporiumError,
    InternalError,
    InvalidRequest,
    NotFound,
    Outdated,
    PermissionDenied,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Violation,
)
from emporium.order.v1.address_service_pb2 import SavedAddress
from emporium.order.v1.cart_service_pb2 import Cart, CartItem, CartProblem, CreatedCart
from emporium.order.v1.catalog_service_pb2 import Category, Product
from emporium.order.v1.order_service_pb2 import Order, OrderItem, OrderUser, Quote
from emporium.order.v1.payment_service_pb2 import Payment
from emporium.order.v1.pricing_service_pb2 import PriceBreak, PriceBreaks, Promotion, TaxRate
from emporium.order.v1.return_service_pb2 import Return
from emporium.order.v1.shipping_service_pb2 import Shipment, ShippingMethod, TrackingEvent
from emporium.order.v1.stock_service_pb2 import Stock, StockMovement
from emporium.order.v1.webhook_service_pb2 import Webhook, WebhookDelivery
from emporium.paging import Listing, Page
from emporium.resources.orders import OrderLine
from emporium.session import Token
from emporium.targets import Targets
from emporium.tls import Tls
from emporium.type.v1.address_pb2 import Address
from emporium.type.v1.audit_event_pb2 import AuditEvent
from emporium.type.v1.domain_event_pb2 import DomainEvent
from emporium.type.v1.page_pb2 import PageMeta
from emporium.type.v1.personal_data_pb2 import ErasureReceipt, ExportedPart
from emporium.type.v1.role_pb2 import Role
from emporium.user.v1.auth_service_pb2 import LoginResponse
from emporium.user.v1.personal_data_service_pb2 import Erasure, ExportUserResponse
from emporium.user.v1.session_service_pb2 import Session
from emporium.user.v1.user_service_pb2 import User
from emporium.values import UNSET, Moment, Money

__version__ = "0.3.0"

__all__ = [
    "UNSET",
    "Address",
    "AlreadyExists",
    "AuditEvent",
    "Cancelled",
    "Cart",
    "CartItem",
    "CartProblem",
    "Category",
    "Conflict",
    "CreatedCart",
    "DeadlineExceeded",
    "DomainEvent",
    "Emporium",
    "EmporiumError",
    "Erasure",
    "ErasureReceipt",
    "ErrorReason",
    "Event",
    "ExportUserResponse",
    "ExportedPart",
    "InternalError",
    "InvalidRequest",
    "Listing",
    "LoginResponse",
    "Moment",
    "Money",
    "NotFound",
    "Order",
    "OrderItem",
    "OrderLine",
    "OrderUser",
    "Outdated",
    "Page",
    "PageMeta",
    "Payment",
    "PermissionDenied",
    "PriceBreak",
    "PriceBreaks",
    "Product",
    "Promotion",
    "Quote",
    "RateLimited",
    "Return",
    "Role",
    "SalesReport",
    "SavedAddress",
    "Session",
    "Shipment",
    "ShippingMethod",
    "Stock",
    "StockMovement",
    "Targets",
    "TaxRate",
    "Tls",
    "Token",
    "TooLarge",
    "TrackingEvent",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "User",
    "Violation",
    "Webhook",
    "WebhookDelivery",
]
