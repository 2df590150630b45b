"""The largest answers about goods, and about what becomes of orders of them."""

from dataclasses import replace
from decimal import Decimal

from google.protobuf.message import Message

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import payment_service_pb2 as payment_pb
from emporium.order.v1 import pricing_service_pb2 as pricing_pb
from emporium.order.v1 import shipping_service_pb2 as shipping_pb
from emporium.order.v1 import stock_service_pb2 as stock_pb
from server.order.catalog import rules as catalog
from server.order.catalog import wire as catalog_wire
from server.order.orders import rules as orders
from server.order.orders import wire as orders_wire
from server.order.payments import rules as payments
from server.order.payments import wire as payments_wire
from server.order.pricing import rules as pricing
from server.order.pricing import wire as pricing_wire
from server.order.shipping import rules as shipping
from server.order.shipping import wire as shipping_wire
from server.order.shipping.rules.shipments import LISTED_ITEMS_MAX, TRACKING_EVENTS_MAX
from server.order.stock import rules as stocks
from server.order.stock import wire as stock_wire
from tests.server.largest import (
    CURRENCY,
    ID,
    INT32_MAX,
    LAST,
    LONGEST_VALUE,
    MONEY,
    PER_PAGE_MAX,
    PRICE,
    VERSION,
    WIDE,
    longest,
    order,
    page,
    query,
    rules_of,
)


def answers() -> dict[str, Message]:
    """Of every rpc, by its name."""
    return {
        **of_catalog(),
        **of_prices(),
        **of_stock(),
        **of_payments(),
        **of_an_orders_course(),
        **of_shipping(),
    }


def product() -> catalog.Product:
    """A product with the longest of everything."""
    pairs_max = rules_of(catalog_pb.CreateProductRequest, "attributes").map.max_pairs
    return catalog.Product(
        ID, "s" * 64, LONGEST_VALUE, longest(catalog_pb.CreateProductRequest, "description"), PRICE,
        CURRENCY, catalog.ProductStatus.ARCHIVED, (ID,) * 20,
        {f"{n:040}": WIDE * 120 for n in range(pairs_max)}, LAST, LAST, VERSION, 1_000_000,
    )  # fmt: skip


def of_catalog() -> dict[str, Message]:
    """The largest answers about what is sold."""
    thing = product()
    whole = catalog_wire.to_product(thing)
    name = longest(catalog_pb.CreateCategoryRequest, "name")
    group = catalog.Category(ID, name, ID, LAST, LAST, VERSION)
    category = catalog_wire.to_category(group)
    return {
        "CreateProduct": whole,
        "GetProduct": whole,
        "UpdateProduct": whole,
        "BatchGetProducts": catalog_wire.to_batch([ID] * PER_PAGE_MAX, [thing] * PER_PAGE_MAX),
        "ListProducts": catalog_wire.to_list(query(), page(thing)),
        "CreateCategory": category,
        "GetCategory": category,
        "UpdateCategory": category,
        "ListCategories": catalog_wire.to_category_list(query(), page(group)),
    }


def of_prices() -> dict[str, Message]:
    """The largest answers about what orders cost, beside price breaks."""
    promotion = pricing.Promotion(
        id=ID,
        code="C" * 64,
        name=longest(pricing_pb.CreatePromotionRequest, "name"),
        amount=PRICE,
        currency=CURRENCY,
        valid_from=LAST,
        valid_until=LAST,
        min_subtotal=PRICE,
        uses_max=INT32_MAX,
        uses_max_per_person=INT32_MAX,
        created_at=LAST,
        updated_at=LAST,
        version=VERSION,
        uses=INT32_MAX,
    )
    name, percent = longest(pricing_pb.CreateTaxRateRequest, "name"), Decimal("99.9999")
    rate = pricing.TaxRate(ID, "GB", ID, name, percent, True, LAST, LAST, VERSION)
    code, tax = pricing_wire.to_promotion(promotion), pricing_wire.to_rate(rate)
    return {
        "CreatePromotion": code,
        "GetPromotion": code,
        "UpdatePromotion": code,
        "ListPromotions": pricing_wire.to_promotions(query(), page(promotion)),
        "CreateTaxRate": tax,
        "GetTaxRate": tax,
        "UpdateTaxRate": tax,
        "ListTaxRates": pricing_wire.to_rates(query(), page(rate)),
    }


def of_stock() -> dict[str, Message]:
    """The largest answers about how much there is."""
    count = -stocks.ON_HAND_MAX
    stock = stocks.Stock(ID, count, -count, -count, True, True, VERSION, INT32_MAX, VERSION, LAST)
    note = longest(stock_pb.AdjustStockRequest, "note")
    kind, reason = stocks.Kind.RESTOCKED, stocks.Reason.RECEIVED
    movement = stocks.Movement(
        ID, INT32_MAX, kind, count, count, -count, -count, ID, ID, reason, note, LAST
    )
    level = stock_wire.to_stock(stock)
    return {
        "GetStock": level,
        "UpdateStock": level,
        "AdjustStock": level,
        "ListStockMovements": stock_wire.to_list(query(), page((ID, movement))),
    }


def of_payments() -> dict[str, Message]:
    """The largest answers about payments."""
    made = payments.Payment(
        id=ID,
        order_id=ID,
        provider="f" * 32,
        status=payments.Status.PARTIALLY_REFUNDED,
        amount=MONEY,
        captured=MONEY,
        refunded=MONEY,
        refunded_externally=MONEY,
        currency="GBP",
        captures=True,
        decline_reason="f" * 100,
        in_progress=True,
        created_at=LAST,
        updated_at=LAST,
        version=VERSION,
    )
    one = payments_wire.to_payment(made)
    changes = ("CreatePayment", "CapturePayment", "VoidPayment", "RefundPayment")
    return {
        **dict.fromkeys(("GetPayment", *changes), one),
        "ListPayments": payments_wire.to_list(query(), page(made)),
        "ReceivePaymentNotice": payment_pb.ReceivePaymentNoticeResponse(),
    }


def of_an_orders_course() -> dict[str, Message]:
    """The largest answers about what becomes of an order, and what is noted on it."""
    reason = longest(order_pb.CancelOrderRequest, "reason")
    text = longest(order_pb.CreateOrderNoteRequest, "text")
    actor = orders.Actor(orders.ActorKind.STAFF, ID)
    status = orders.Status.CANCELLED
    move = orders.PastMove(ID, status, status, actor, reason, LAST)
    note = orders.Note(ID, ID, actor, text, is_internal=False, created_at=LAST)
    return {
        "CancelOrder": orders_wire.to_order(order()),
        "CreateOrderNote": orders_wire.to_note(note, ID, for_staff=True),
        "ListOrderNotes": orders_wire.to_notes(query(), page(note), ID, for_staff=True),
        "ListOrderHistory": orders_wire.to_history(query(), page(move), ID, for_staff=True),
        "WatchOrder": orders_wire.to_watched(order(), is_last=True),
    }


def of_shipping() -> dict[str, Message]:
    """The largest answers about how goods are sent, and about what was sent."""
    zones_max = rules_of(shipping_pb.CreateShippingMethodRequest, "zones").repeated.max_items
    bands_max = rules_of(shipping_pb.ShippingZone, "bands").repeated.max_items
    bands = (shipping.Band(INT32_MAX, PRICE),) * bands_max
    # Each country is in one zone.
    zones = [shipping.Zone(("GB",) * (26 * 26 // zones_max + 1), bands)] * zones_max
    name = longest(shipping_pb.CreateShippingMethodRequest, "name")
    method = shipping.Method(ID, name, CURRENCY, tuple(zones), False, LAST, LAST, VERSION)
    offered = shipping_wire.to_method(method)
    tracking = shipping.Tracking(
        ID,
        shipping.Status.OUT_FOR_DELIVERY,
        longest(shipping_pb.CreateTrackingEventRequest, "location"),
        longest(shipping_pb.CreateTrackingEventRequest, "note"),
        LAST,
        LAST,
    )
    items = [shipping.Part(1_000, 100_000)] * 1_000
    shipment = shipping.Shipment(
        ID, ID, ID, ID, shipping.Status.OUT_FOR_DELIVERY, items, "A" * 64,
        [tracking] * TRACKING_EVENTS_MAX, LAST, LAST, LAST, VERSION,
    )  # fmt: skip
    first = shipping.listed_items(PER_PAGE_MAX)
    assert first < LISTED_ITEMS_MAX
    listed = shipping.ListedShipment(replace(shipment, items=items[:first]), INT32_MAX)
    whole = shipping_wire.to_shipment(shipment)
    return {
        "CreateShippingMethod": offered,
        "GetShippingMethod": offered,
        "UpdateShippingMethod": offered,
        "ListShippingMethods": shipping_wire.to_methods(query(), page(method)),
        "CreateShipment": whole,
        "GetShipment": whole,
        "UpdateShipment": whole,
        "ListShipments": shipping_wire.to_shipments(query(), page(listed)),
        "CreateTrackingEvent": shipping_wire.to_tracking(tracking),
    }
