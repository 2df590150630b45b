"""What tests of returns ask for."""

from typing import Any

from emporium.order.v1 import return_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import Order
from tests.server.order.doors import HOME, Door, get, item, order_of, payment_of, update

UNWANTED = pb.Return.UNWANTED


async def delivered(
    staff: Door, buyer: Door, *lines: tuple[Product, int], amounts: tuple[str, ...] = ()
) -> Order:
    """An order of the buyer's that was paid, by so many payments, and has arrived."""
    items = [item(product, quantity) for product, quantity in lines]
    order = await buyer("CreateOrder", order_of(*items, shipping_address=HOME))
    for amount in amounts:
        await buyer("CreatePayment", payment_of(order, amount=amount))
    await buyer("CreatePayment", payment_of(order))
    await staff("UpdateOrder", update(order, status=Order.SHIPPED))
    arrived: Order = await staff("UpdateOrder", update(order, status=Order.DELIVERED))
    return arrived


def ask(order: Order, *parts: tuple[int, int], **fields: Any) -> pb.CreateReturnRequest:
    items = [pb.NewReturnItem(position=at, quantity=count) for at, count in parts]
    given = {"reason": UNWANTED, **fields}
    return pb.CreateReturnRequest(order_id=order.id, items=items, **given)


def move(returned: pb.Return, status: str, **fields: Any) -> pb.UpdateReturnRequest:
    number = pb.Return.Status.Value(status)
    return pb.UpdateReturnRequest(return_id=returned.id, status=number, **fields)


def judged(position: int, accepted: int, refused: int = 0, **fields: Any) -> pb.JudgedItem:
    return pb.JudgedItem(
        position=position, accepted_quantity=accepted, refused_quantity=refused, **fields
    )


def one(returned: pb.Return) -> pb.GetReturnRequest:
    return pb.GetReturnRequest(return_id=returned.id)


def returns_of(order: Order, **fields: Any) -> pb.ListReturnsRequest:
    return pb.ListReturnsRequest(order_id=order.id, **fields)


async def now(door: Door, order: Order) -> Order:
    """The order as it is now."""
    found: Order = await door("GetOrder", get(order))
    return found
