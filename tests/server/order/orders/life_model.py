"""What orders and goods are by the contract, as the lives of orders play it."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import grpc

from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.postgres import Pool
from server.order.app.payments import Payments
from tests.server.order.doors import Door
from tests.server.order.payments.sandboxes import SandboxProcess
from tests.server.refusals import Refused

DONE = "DONE"
PENDING, PAID, SHIPPED = pb.Order.PENDING, pb.Order.PAID, pb.Order.SHIPPED
DELIVERED, CANCELLED, REFUNDED = pb.Order.DELIVERED, pb.Order.CANCELLED, pb.Order.REFUNDED
Status = pb.Order.Status.ValueType

NEXT: Mapping[int, set[int]] = {
    PENDING: {PAID, CANCELLED},
    PAID: {SHIPPED, REFUNDED},
    SHIPPED: {DELIVERED, REFUNDED},
    DELIVERED: {REFUNDED},
    CANCELLED: set(),
    REFUNDED: set(),
}


@dataclass
class Shop:
    """The service, and the loop in which it runs; the machine runs in a thread."""

    buyer: Door
    staff: Door
    pool: Pool
    payments: Payments
    sandbox: SandboxProcess
    loop: asyncio.AbstractEventLoop

    def run(self, work: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(60)

    def call(self, door: Door, name: str, request: Any) -> Any:
        """What the call gave, or how it was refused."""
        try:
            return self.run(door(name, request))
        except grpc.aio.AioRpcError as error:
            return Refused(error)


@dataclass
class Goods:
    """A product in the model."""

    product: Product
    on_hand: int
    reserved: int = 0


@dataclass
class Paid:
    """A payment in the model: it is authorized, then captured or not, and perhaps given back."""

    id: str
    amount: Decimal
    is_held: bool
    captured: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal:
        return self.captured - self.refunded


@dataclass
class Kept:
    """An order in the model."""

    order: pb.Order
    lines: Mapping[int, int]  # how many of which goods
    status: int = PENDING
    is_deleted: bool = False
    edits: int = field(default=0)
    payments: list[Paid] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)  # of each line, by its position
    arrived: list[bool] = field(default_factory=list)  # each shipment
    has_arrived: bool = False

    @property
    def total(self) -> Decimal:
        return Decimal(self.order.total_price)

    @property
    def held(self) -> Decimal:
        return sum((each.amount for each in self.payments if each.is_held), Decimal(0))

    @property
    def captured(self) -> Decimal:
        return sum((each.captured for each in self.payments), Decimal(0))

    @property
    def refunded(self) -> Decimal:
        return sum((each.refunded for each in self.payments), Decimal(0))

    @property
    def left(self) -> list[int]:
        """How many of each line were not sent."""
        return [
            line.quantity - sent for line, sent in zip(self.order.items, self.sent, strict=True)
        ]

    def send_all(self) -> None:
        if any(self.left):
            self.sent = [line.quantity for line in self.order.items]
            self.arrived.append(False)

    @property
    def fulfilment(self) -> int:
        if self.has_arrived:
            return pb.Fulfilment.DELIVERED
        if not any(self.left):
            return pb.Fulfilment.SHIPPED
        return pb.Fulfilment.PARTIALLY_SHIPPED if any(self.sent) else pb.Fulfilment.UNFULFILLED


def reason(answer: Any) -> str:
    """Why it was refused; `DONE` when it was not."""
    return answer.reason if isinstance(answer, Refused) else DONE
