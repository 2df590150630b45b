"""The order service's gRPC door, and what is asked through it."""

import uuid
from typing import Any

import grpc

from emporium.order.v1 import address_service_pb2 as address_pb
from emporium.order.v1 import (
    address_service_pb2_grpc,
    cart_service_pb2_grpc,
    catalog_service_pb2_grpc,
    order_service_pb2_grpc,
    payment_service_pb2_grpc,
    personal_data_service_pb2_grpc,
    pricing_service_pb2_grpc,
    return_service_pb2_grpc,
    shipping_service_pb2_grpc,
    stock_service_pb2_grpc,
    webhook_service_pb2_grpc,
)
from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1 import payment_service_pb2 as payment_pb
from emporium.order.v1 import stock_service_pb2 as stock_pb
from emporium.type.v1.address_pb2 import Address

HOME = Address(
    recipient="Ann Example",
    street="The Old Mill\n1 High Street",
    city="Leeds",
    postal_code="LS1 1AA",
    country_code="GB",
)
MISSING = "01900000-0000-7000-8000-000000000000"


class Door:
    """The service's stubs, with a token."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None = None, user: str = "") -> None:
        self.user_id = user
        self.channel = channel
        self._metadata = [("authorization", f"Bearer {token}")] if token else []
        self._catalog = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        self._orders = order_service_pb2_grpc.OrderServiceStub(channel)
        self._stock = stock_service_pb2_grpc.StockServiceStub(channel)
        self._pricing = pricing_service_pb2_grpc.PricingServiceStub(channel)
        self._payments = payment_service_pb2_grpc.PaymentServiceStub(channel)
        self._shipping = shipping_service_pb2_grpc.ShippingServiceStub(channel)
        self._addresses = address_service_pb2_grpc.AddressServiceStub(channel)
        self._carts = cart_service_pb2_grpc.CartServiceStub(channel)
        self._webhooks = webhook_service_pb2_grpc.WebhookServiceStub(channel)
        self._returns = return_service_pb2_grpc.ReturnServiceStub(channel)
        self._held = personal_data_service_pb2_grpc.PersonalDataServiceStub(channel)

    def watch(self, order: pb.Order, after: str = "") -> Any:
        """The stream of what becomes of an order."""
        request = pb.WatchOrderRequest(order_id=order.id, after=after)
        stub: Any = self._orders
        return stub.WatchOrder(request, metadata=self._metadata)

    async def __call__(self, name: str, request: Any, *headers: tuple[str, str]) -> Any:
        is_of_catalog = "Product" in name or "Categor" in name
        stub: Any = self._catalog if is_of_catalog else self._orders
        stub = self._held if "Buyer" in name else stub
        stub = self._addresses if "Address" in name else stub
        stub = self._carts if "Cart" in name else stub
        stub = self._stock if "Stock" in name else stub
        is_price = any(each in name for each in ("PriceBreaks", "Promotion", "TaxRate"))
        stub = self._pricing if is_price else stub
        stub = self._payments if "Payment" in name else stub
        is_of_shipping = any(noun in name for noun in ("Shipment", "Shipping", "Tracking"))
        stub = self._shipping if is_of_shipping else stub
        stub = self._webhooks if "Webhook" in name else stub
        stub = self._returns if "Return" in name else stub
        return await getattr(stub, name)(request, metadata=[*self._metadata, *headers])


def new_product(**fields: Any) -> catalog_pb.CreateProductRequest:
    given = {"sku": uuid.uuid4().hex, "name": "White mug", "unit_price": "2.55", **fields}
    return catalog_pb.CreateProductRequest(**given)


def adjust(product: catalog_pb.Product, delta: int, **fields: Any) -> stock_pb.AdjustStockRequest:
    given = {"reason": stock_pb.StockMovement.RECEIVED, **fields}
    return stock_pb.AdjustStockRequest(product_id=product.id, delta=delta, **given)


def stock_of(product: catalog_pb.Product) -> stock_pb.GetStockRequest:
    return stock_pb.GetStockRequest(product_id=product.id)


def settings_of(product: catalog_pb.Product, **fields: Any) -> stock_pb.UpdateStockRequest:
    return stock_pb.UpdateStockRequest(product_id=product.id, **fields)


def item(product: catalog_pb.Product, quantity: int = 1, **fields: Any) -> pb.NewOrderItem:
    return pb.NewOrderItem(product_id=product.id, quantity=quantity, **fields)


def order_of(*items: pb.NewOrderItem, **fields: Any) -> pb.CreateOrderRequest:
    return pb.CreateOrderRequest(items=items, **fields)


def get(order: pb.Order) -> pb.GetOrderRequest:
    return pb.GetOrderRequest(order_id=order.id)


def update(order: pb.Order, **fields: Any) -> pb.UpdateOrderRequest:
    return pb.UpdateOrderRequest(order_id=order.id, **fields)


def cancel(order: pb.Order, **fields: Any) -> pb.CancelOrderRequest:
    return pb.CancelOrderRequest(order_id=order.id, **fields)


def address_of(user_id: str, **fields: Any) -> address_pb.CreateAddressRequest:
    return address_pb.CreateAddressRequest(user_id=user_id, **{"address": HOME, **fields})


def history(order: pb.Order, **fields: Any) -> pb.ListOrderHistoryRequest:
    return pb.ListOrderHistoryRequest(order_id=order.id, **fields)


def payment_of(
    order: pb.Order, token: str = "tok_approved", **fields: Any
) -> payment_pb.CreatePaymentRequest:
    return payment_pb.CreatePaymentRequest(order_id=order.id, provider_token=token, **fields)


def payment(made: payment_pb.Payment) -> payment_pb.GetPaymentRequest:
    return payment_pb.GetPaymentRequest(payment_id=made.id)


def capture(made: payment_pb.Payment, **fields: Any) -> payment_pb.CapturePaymentRequest:
    return payment_pb.CapturePaymentRequest(payment_id=made.id, **fields)


def void(made: payment_pb.Payment, **fields: Any) -> payment_pb.VoidPaymentRequest:
    return payment_pb.VoidPaymentRequest(payment_id=made.id, **fields)


def refund(made: payment_pb.Payment, **fields: Any) -> payment_pb.RefundPaymentRequest:
    return payment_pb.RefundPaymentRequest(payment_id=made.id, **fields)
