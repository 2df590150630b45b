"""The largest answers of the order service, by the rules of its contract."""

from google.protobuf.message import Message

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import pricing_service_pb2 as prices_pb
from emporium.order.v1 import stock_service_pb2 as stock_pb
from emporium.type.v1.address_pb2 import Address as AddressMessage
from server.order.catalog import rules as catalog
from server.order.catalog import wire as catalog_wire
from server.order.neighbours import Buyer
from server.order.orders import rules as orders
from server.order.orders import wire as orders_wire
from server.order.pricing import rules as pricing
from server.order.pricing import wire as pricing_wire
from server.order.stock import rules as stocks
from server.order.stock import wire as stock_wire
from tests.server.longest import (
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
    page,
    query,
    rules_of,
)

LINES_MAX = rules_of(order_pb.CreateOrderRequest, "items").repeated.max_items


def order(lines: int = LINES_MAX) -> orders.Order:
    """An order of so many lines, each as long as it can be."""
    parts = [longest(AddressMessage, name) for name in ("recipient", "street", "city")]
    recipient, street, city = parts
    postal_code = longest(AddressMessage, "postal_code")
    address = orders.Address(recipient, street, city, postal_code, "GB")
    name = longest(order_pb.NewOrderItem, "product_name")
    item = orders.Item(ID, name, PRICE, 100_000)
    return orders.Order(
        ID, ID, orders.Status.CANCELLED, (item,) * lines, CURRENCY, MONEY, MONEY, MONEY, MONEY,
        MONEY, address, LAST, LAST, LAST, VERSION,
    )  # fmt: skip


def price_breaks() -> pricing.PriceBreaks:
    """As many as a product may have."""
    count = rules_of(prices_pb.SetPriceBreaksRequest, "breaks").repeated.max_items
    return pricing.PriceBreaks(ID, PRICE, CURRENCY, [catalog.Break(INT32_MAX, PRICE)] * count)


def quote() -> orders.Quote:
    """A quote of the largest order."""
    whole = order()
    steps = [
        pricing.Step(each, f"for many, {LINES_MAX} lines", -MONEY) for each in pricing.StepKind
    ]
    return orders.Quote(whole.items, CURRENCY, pricing.Price(MONEY, MONEY, MONEY, MONEY, steps))


def product() -> catalog.Product:
    """A product with the longest of everything."""
    pairs_max = rules_of(catalog_pb.CreateProductRequest, "attributes").map.max_pairs
    return catalog.Product(
        ID, "s" * 64, LONGEST_VALUE, longest(catalog_pb.CreateProductRequest, "description"), PRICE,
        CURRENCY, catalog.ProductStatus.ARCHIVED, (ID,) * 20,
        {f"{n:040}": WIDE * 120 for n in range(pairs_max)}, LAST, LAST, VERSION,
    )  # fmt: skip


def category() -> catalog.Category:
    """A category with the longest of everything."""
    name = longest(catalog_pb.CreateCategoryRequest, "name")
    return catalog.Category(ID, name, ID, LAST, LAST, VERSION)


async def of_orders(buyer: Buyer) -> dict[str, Message]:
    """The largest answers about orders and their prices."""
    listed = orders.ListedOrder(order(orders.listed_items(PER_PAGE_MAX)), LINES_MAX)
    whole = orders_wire.to_order(order())
    reason = longest(order_pb.CancelOrderRequest, "reason")
    actor = orders.Actor(orders.ActorKind.STAFF, ID)
    status = orders.Status.CANCELLED
    move = orders.PastMove(ID, status, status, actor, reason, LAST)
    return {
        "CreateOrder": whole,
        "GetOrder": whole,
        "GetPriceBreaks": pricing_wire.to_breaks(price_breaks()),
        "SetPriceBreaks": pricing_wire.to_breaks(price_breaks()),
        "QuoteOrder": orders_wire.to_quote(quote()),
        "UpdateOrder": whole,
        "ListOrders": await orders_wire.to_list(query(), page(listed)),
        "ListUserOrders": await orders_wire.to_user_list(query(), page(listed)),
        "CancelOrder": whole,
        "WatchOrder": orders_wire.to_watched(order(), is_last=True),
        "ListOrderHistory": orders_wire.to_history(query(), page(move), ID, for_staff=True),
        "GetOrderUser": orders_wire.to_order_user(buyer),
    }


def of_catalog() -> dict[str, Message]:
    """The largest answers about what is sold."""
    thing = product()
    return {
        "CreateProduct": catalog_wire.to_product(thing),
        "GetProduct": catalog_wire.to_product(thing),
        "UpdateProduct": catalog_wire.to_product(thing),
        "BatchGetProducts": catalog_wire.to_batch([ID] * PER_PAGE_MAX, [thing] * PER_PAGE_MAX),
        "CreateCategory": catalog_wire.to_category(category()),
        "GetCategory": catalog_wire.to_category(category()),
        "UpdateCategory": catalog_wire.to_category(category()),
        "ListCategories": catalog_wire.to_category_list(query(), page(category())),
        "ListProducts": catalog_wire.to_list(query(), page(thing)),
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


def create_order() -> order_pb.CreateOrderRequest:
    """The largest order that anybody may place."""
    line = order_pb.NewOrderItem(
        product_id=ID,
        product_name=longest(order_pb.NewOrderItem, "product_name"),
        unit_price=f"{PRICE}",
        quantity=100_000,
    )
    return order_pb.CreateOrderRequest(
        items=[line] * LINES_MAX,
        shipping_address=orders_wire.to_order(order(1)).shipping_address,
        user_id=ID,
        currency=CURRENCY,
        request_id="~" * 128,
    )
