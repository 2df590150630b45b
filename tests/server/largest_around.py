"""The largest answers about what is around an order: addresses, carts, webhooks, returns."""

from dataclasses import replace

from google.protobuf.message import Message

from emporium.order.v1 import address_service_pb2 as address_pb
from emporium.order.v1 import cart_service_pb2 as cart_pb
from emporium.order.v1 import return_service_pb2 as return_pb
from emporium.order.v1 import webhook_service_pb2 as webhook_pb
from server.order.addresses import rules as addresses
from server.order.addresses import wire as addresses_wire
from server.order.carts import rules as carts
from server.order.carts import wire as carts_wire
from server.order.carts.rules.cart import LINES_MAX as CART_LINES_MAX
from server.order.orders import rules as orders
from server.order.orders import wire as orders_wire
from server.order.returns import rules as returns
from server.order.returns import wire as returns_wire
from server.order.webhooks import rules as webhooks
from server.order.webhooks import wire as webhooks_wire
from tests.server.largest import (
    CURRENCY,
    ID,
    INT32_MAX,
    LAST,
    MONEY,
    PER_PAGE_MAX,
    PRICE,
    VERSION,
    WIDE,
    longest,
    order,
    page,
    query,
    quote,
    rules_of,
)
from tests.server.largest_goods import product


def answers() -> dict[str, Message]:
    """Of every rpc, by its name."""
    return {**of_addresses(), **of_carts(), **of_webhooks(), **of_returns()}


def of_addresses() -> dict[str, Message]:
    """The largest answers about saved addresses."""
    label = longest(address_pb.CreateAddressRequest, "label")
    address = order().shipping_address
    assert address
    saved = addresses.SavedAddress(ID, ID, label, address, LAST, LAST, VERSION, is_default=True)
    one = addresses_wire.to_saved(saved)
    return {
        **dict.fromkeys(("CreateAddress", "GetAddress", "UpdateAddress"), one),
        "ListAddresses": addresses_wire.to_list(query(), page(saved)),
    }


def of_carts() -> dict[str, Message]:
    """The largest answers about carts."""
    few = carts.Availability.TOO_FEW
    line = carts.CartLine(ID, 100_000, PRICE, CURRENCY, carts.Availability.NOT_SOLD, LAST)
    goods = carts.Goods(product().name, PRICE, CURRENCY, is_sold=True, available=99_999)
    assert goods.availability_of(line.quantity) is few
    cart = replace(
        carts.new_cart(ID, ID, LAST - carts.KEPT),
        items=(line,) * CART_LINES_MAX,
        promotion_codes=("C" * 64,) * 10,
        shipping_method_id=ID,
        shipping_address=order().shipping_address,
        order_id=ID,
        version=VERSION,
    )
    problem = cart_pb.CartProblem(
        reason="PROMOTION_MINIMUM_NOT_REACHED", field="promotion_codes[9]", message="f" * 200
    )
    problems = [problem] * (2 * CART_LINES_MAX)
    seen = carts_wire.to_cart(cart, {ID: goods}, quote(), problems)
    created = carts_wire.to_created(cart, "f" * 43)
    return {
        "CreateCart": created,
        **dict.fromkeys(("GetCart", "UpdateCart", "MergeCart"), seen),
        "UpdateCartItem": carts_wire.to_item(line, goods),
        "CheckoutCart": orders_wire.to_order(order()),
    }


def of_webhooks() -> dict[str, Message]:
    """The largest answers about where events are posted to."""
    asked = webhook_pb.CreateWebhookRequest
    types = rules_of(asked, "event_types").repeated
    webhook = webhooks.Webhook(
        id=ID,
        url=longest(asked, "url"),
        description=longest(asked, "description"),
        event_types=("e" * types.items.string.max_len,) * types.max_items,
        status=webhooks.WebhookStatus.DISABLED,
        created_at=LAST,
        updated_at=LAST,
        version=VERSION,
        previous_until=LAST,
        failing_since=LAST,
        paused_at=LAST,
        pause_reason=WIDE * 200,
    )
    status, due = webhooks.DeliveryStatus.SUCCEEDED, LAST
    delivery = webhooks.Delivery(
        ID, ID, "e" * 100, ID, status, INT32_MAX, due, LAST, LAST, INT32_MAX, WIDE * 200
    )
    shown, posted = webhooks_wire.to_webhook(webhook), webhooks_wire.to_delivery(delivery)
    with_secret = webhooks_wire.to_webhook(webhook)
    with_secret.secret = webhooks.secret_of(bytes(webhooks.SECRET_BYTES))
    return {
        "CreateWebhook": with_secret,
        "GetWebhook": shown,
        "UpdateWebhook": shown,
        "RotateWebhookSecret": with_secret,
        "ListWebhooks": webhooks_wire.to_webhooks(query(), page(webhook)),
        "PingWebhook": posted,
        "RedeliverWebhookDelivery": posted,
        "ListWebhookDeliveries": webhooks_wire.to_deliveries(query(), page(delivery)),
    }


def of_returns() -> dict[str, Message]:
    """Of ReturnService. A return has four moves at most."""
    items = [returns.Line(1_000, 100_000, 100_000, 0, 100_000, MONEY)] * 1_000
    reason = longest(return_pb.UpdateReturnRequest, "reason")
    staff = orders.Actor(orders.ActorKind.STAFF, ID)
    refunded = returns.Status.REFUNDED
    moves = [returns.Move(ID, refunded, refunded, staff, reason, LAST)] * 4
    comment = longest(return_pb.CreateReturnRequest, "comment")
    returned = returns.Return(
        ID, ID, ID, refunded, items, returns.Reason.NOT_AS_DESCRIBED, comment, CURRENCY, MONEY,
        MONEY, 1, MONEY, moves, LAST, LAST, VERSION,
    )  # fmt: skip
    first = returns.listed_items(PER_PAGE_MAX)
    listed = returns.ListedReturn(replace(returned, items=items[:first]), INT32_MAX)
    whole = returns_wire.to_return(returned, for_staff=True)
    return {
        "CreateReturn": whole,
        "GetReturn": whole,
        "UpdateReturn": whole,
        "ListReturns": returns_wire.to_list(query(), page(listed)),
    }
