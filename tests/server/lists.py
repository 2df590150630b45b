"""What there is of lists in the contract, and by what each sorts."""

from collections.abc import Mapping

from google.protobuf.message import Message

from emporium.order.v1 import (
    catalog_service_pb2,
    pricing_service_pb2,
    shipping_service_pb2,
    webhook_service_pb2,
)
from emporium.user.v1 import user_service_pb2
from server.order.addresses import store as address_store
from server.order.catalog import store as catalog_store
from server.order.orders import store as order_store
from server.order.orders.store import notes as note_store
from server.order.payments import store as payment_store
from server.order.pricing import store as pricing_store
from server.order.returns import store as return_store
from server.order.shipping import store as shipping_store
from server.order.stock import store as stock_store
from server.order.webhooks import store as webhook_store
from server.user.accounts import store as user_store
from server.user.api_keys import store as api_keys_store
from server.user.audit import store as audit_store

# By what each list sorts, and the message whose rules the values kept to when they came in.
LISTS: dict[str, tuple[Mapping[str, type], type[Message] | None]] = {
    "ListAuditEvents": (audit_store.SORTABLE, None),
    "ListApiKeys": (api_keys_store.SORTABLE, None),
    "ListUsers": (user_store.SORTABLE, user_service_pb2.CreateUserRequest),
    "ListProducts": (catalog_store.SORTABLE, catalog_service_pb2.CreateProductRequest),
    "ListStockMovements": (stock_store.SORTABLE, None),
    "ListCategories": (
        catalog_store.SORTABLE_CATEGORIES,
        catalog_service_pb2.CreateCategoryRequest,
    ),
    "ListPromotions": (
        pricing_store.SORTABLE_PROMOTIONS,
        pricing_service_pb2.CreatePromotionRequest,
    ),
    "ListTaxRates": (pricing_store.SORTABLE_RATES, pricing_service_pb2.CreateTaxRateRequest),
    "ListOrders": (order_store.SORTABLE, None),
    "ListUserOrders": (order_store.SORTABLE, None),
    "ListShippingMethods": (
        shipping_store.SORTABLE_METHODS,
        shipping_service_pb2.CreateShippingMethodRequest,
    ),
    "ListShipments": (shipping_store.SORTABLE_SHIPMENTS, None),
    "ListAddresses": (address_store.SORTABLE, None),
    "ListReturns": (return_store.SORTABLE, None),
    "ListOrderNotes": (note_store.NOTES_SORTABLE, None),
    "ListOrderHistory": (order_store.HISTORY_SORTABLE, None),
    "ListPayments": (payment_store.SORTABLE, None),
    "ListWebhooks": (webhook_store.SORTABLE, webhook_service_pb2.CreateWebhookRequest),
    "ListWebhookDeliveries": (webhook_store.SORTABLE, None),
}
