"""Steps of payments and of shipments in the lives of orders: in part, and in any order."""

from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import rule

from emporium.order.v1 import shipping_service_pb2 as shipping_pb
from emporium.order.v1.payment_service_pb2 import Payment
from tests.server.order.doors import capture, payment_of, refund, void
from tests.server.order.orders.life import Lives
from tests.server.order.orders.life_model import (
    DELIVERED,
    DONE,
    PAID,
    PENDING,
    REFUNDED,
    SHIPPED,
    Kept,
    Paid,
    reason,
)
from tests.server.order.shipping.doing import heard, send, shipments_of

_REFUNDABLE = (PAID, SHIPPED, DELIVERED)
_PART = Decimal("1.00")


class PaidLives(Lives):
    """All steps."""

    orders = Lives.orders

    @rule(kept=orders, amount=st.sampled_from([None, "1.00", "2.55"]), takes=st.booleans())
    def pay(self, kept: Kept, amount: str | None, takes: bool) -> None:
        request = payment_of(kept.order, amount=amount, capture=takes)
        found = self.shop.call(self.shop.buyer, "CreatePayment", request)
        left = kept.total - kept.held - kept.captured
        asked = left if amount is None else Decimal(amount)
        if kept.is_deleted:
            assert reason(found) == "ORDER_NOT_FOUND"
        elif kept.status != PENDING or not left:
            assert reason(found) == "ORDER_NOT_PAYABLE"
        elif asked > left:
            assert reason(found) == "PAYMENT_TOO_LARGE"
        else:
            assert reason(found) == DONE
            captured = asked if takes else Decimal(0)
            kept.payments.append(Paid(found.id, asked, not takes, captured))
            self.paid(kept)
        self.agree(kept)

    def paid(self, kept: Kept) -> None:
        if kept.captured == kept.total:
            self.moved(kept, PAID, None)

    @rule(kept=orders, number=st.integers(0, 3), takes=st.booleans())
    def decide(self, kept: Kept, number: int, takes: bool) -> None:
        """Captures what is held, or lets it go."""
        made = self.one_of(kept, number)
        if made is None:
            return
        request = (capture if takes else void)(_ref(made))
        name = "CapturePayment" if takes else "VoidPayment"
        found = self.shop.call(self.shop.staff, name, request)
        if not made.is_held:
            assert reason(found) == "ILLEGAL_PAYMENT_MOVE"
        else:
            assert reason(found) == DONE
            made.is_held = False
            if takes:
                made.captured = made.amount
                self.paid(kept)
        self.agree(kept)

    @rule(
        kept=orders,
        number=st.integers(0, 3),
        is_part=st.booleans(),
        restock=st.sampled_from([None, None, True, False]),
    )
    def refund(self, kept: Kept, number: int, is_part: bool, restock: bool | None) -> None:
        made = self.one_of(kept, number)
        if made is None:
            return
        asked = _PART if is_part else made.left
        fields = {"amount": "1.00"} if is_part else {}
        request = refund(_ref(made), restock=restock, **fields)
        found = self.shop.call(self.shop.staff, "RefundPayment", request)
        if kept.status == PENDING or not made.left:
            assert reason(found) == "ILLEGAL_PAYMENT_MOVE"
        elif asked > made.left:
            assert reason(found) == "PAYMENT_TOO_LARGE"
        elif restock is not None and kept.captured - kept.refunded > asked:
            assert reason(found) == "VALIDATION_FAILED"
        else:
            assert reason(found) == DONE
            made.refunded += asked
            if kept.refunded == kept.captured and kept.status in _REFUNDABLE:
                self.moved(kept, REFUNDED, restock)
        self.agree(kept)

    def one_of(self, kept: Kept, number: int) -> Paid | None:
        """A payment that was made here; those that staff record by the way are not known by id."""
        made = [each for each in kept.payments if each.id != "external"]
        return made[number % len(made)] if made and not kept.is_deleted else None

    @rule(kept=orders, position=st.integers(1, 3), count=st.integers(1, 3))
    def ship(self, kept: Kept, position: int, count: int) -> None:
        request = send(kept.order, (position, count))
        found = self.shop.call(self.shop.staff, "CreateShipment", request)
        if kept.is_deleted:
            assert reason(found) == "ORDER_NOT_FOUND"
        elif kept.status != PAID:
            assert reason(found) == "ORDER_NOT_SHIPPABLE"
        elif position > len(kept.sent):
            assert reason(found) == "VALIDATION_FAILED"
        elif count > kept.left[position - 1]:
            assert reason(found) == "SHIPMENT_EXCEEDS_ORDER"
        else:
            assert reason(found) == DONE
            kept.sent[position - 1] += count
            kept.arrived.append(False)
            if not any(kept.left):
                self.moved(kept, SHIPPED, None)
        self.agree(kept)

    @rule(kept=orders)
    def deliver(self, kept: Kept) -> None:
        """The first shipment that has not arrived."""
        if all(kept.arrived) or kept.is_deleted:
            return
        listed = self.shop.call(self.shop.staff, "ListShipments", shipments_of(kept.order))
        delivered = shipping_pb.Shipment.DELIVERED
        assert [each.status == delivered for each in listed.shipments] == kept.arrived
        first = kept.arrived.index(False)
        told = heard(listed.shipments[first], delivered)
        assert reason(self.shop.call(self.shop.staff, "CreateTrackingEvent", told)) == DONE
        kept.arrived[first] = True
        if all(kept.arrived) and kept.status == SHIPPED:
            self.moved(kept, DELIVERED, None)
        self.agree(kept)


def _ref(made: Paid) -> Payment:
    return Payment(id=made.id)
