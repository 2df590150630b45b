"""What there is in a shop that trades, and all the ways in which it may come to differ."""

from typing import Any

from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1 import pricing_service_pb2 as pricing_pb
from emporium.order.v1.payment_service_pb2 import Payment
from server.ops.verify.report import Mend
from tests.server.ops.verify.trading import Trade
from tests.server.order.doors import adjust, item, new_product, refund, update, void

AGE = """
    UPDATE payment_operations SET created_at = now() - interval '2 hours',
        due_at = now() + interval '1 day'
    WHERE id = $1::uuid
"""


async def goods(trade: Trade) -> tuple[str, str]:
    """A product and a promotion, ordered twice."""
    mug = await trade.staff("CreateProduct", new_product())
    await trade.staff("AdjustStock", adjust(mug, 10))
    promotion = await trade.staff(
        "CreatePromotion",
        pricing_pb.CreatePromotionRequest(code=mug.sku[:8], name="Ten percent", percentage="10"),
    )
    for _ in range(2):
        await trade.ordered(item(mug, 2), promotion_codes=[promotion.code])
    return mug.id, promotion.id


async def in_every_state(trade: Trade) -> None:
    """Payments of every kind, as they should be."""
    await trade.paid(amount="4.00")
    refunded = await trade.paid()
    await trade.staff("RefundPayment", refund(refunded, amount="4.00"))
    await trade.paid(capture=False)
    await trade.staff("VoidPayment", void(await trade.paid(capture=False)))
    await trade.paid("tok_declined")
    # Given back otherwise than through the provider, who does not know of it.
    given_back = await trade.paid()
    await trade.staff("UpdateOrder", update(ref(given_back), status=pb.Order.REFUNDED))
    by_staff = await trade.ordered()
    await trade.staff("UpdateOrder", update(by_staff, status=pb.Order.PAID))
    await trade.ordered()


def ref(payment: Payment) -> pb.Order:
    return pb.Order(id=payment.order_id)


async def planted(trade: Trade) -> dict[tuple[str, str], Mend]:
    """Spoils a shop in every way; what is to be found, and what becomes of it."""
    decide, possible = Mend.PERSON, Mend.POSSIBLE
    expected: dict[tuple[str, str], Mend] = {}

    async def spoilt(payment: Payment, statement: str, kinds: str, mend: Mend = decide) -> None:
        await trade.spoil(statement, payment.order_id if "orders" in statement else payment.id)
        expected.update({(payment.order_id, kind): mend for kind in kinds.split(", ")})

    held = await trade.paid(capture=False)
    await trade.done_there(f"{held.id}/captures/", amount="10.00")
    expected |= {(held.order_id, f"{each} by provider"): decide for each in ("held", "captured")}
    given_back = await trade.paid()
    await trade.done_there(f"{given_back.id}/refunds/", amount="1.00")
    expected[given_back.order_id, "refunded by provider"] = decide
    known: dict[str, Any] = {"amount": "5.00", "currency": "GBP", "capture": True}
    stranger = await trade.done_there("", token="tok_approved", **known)
    await trade.done_there("", token="tok_declined", **known)  # nothing has moved
    expected[stranger, "unknown charge"] = decide
    no_id = "f" * 36
    await trade.done_there("", no_id, token="tok_approved", **known)
    expected[no_id, "unknown charge"] = decide
    external = await trade.ordered()
    await trade.staff("UpdateOrder", update(external, status=pb.Order.PAID))
    await trade.spoil("UPDATE payments SET provider = 'sandbox' WHERE order_id = $1", external.id)
    expected[external.id, "missing charge"] = decide
    await spoilt(
        await trade.paid(),
        "UPDATE payments SET currency = 'EUR' WHERE id = $1",
        "currency at provider, ledger currency, currency of payments",
    )
    await spoilt(
        await trade.paid(),
        "UPDATE ledger_entries SET amount = amount - 1"
        " WHERE payment_id = $1 AND account = 'RECEIVABLE'",
        "ledger, ledger captured",
    )
    expected["GBP", "ledger sum"] = decide
    refunded = await trade.paid()
    await trade.staff("RefundPayment", refund(refunded, amount="4.00"))
    await spoilt(
        refunded,
        "DELETE FROM ledger_entries WHERE payment_id = $1 AND operation_id <> payment_id",
        "ledger refunded",
    )
    await spoilt(
        await trade.paid(), "UPDATE payments SET in_progress = true WHERE id = $1", "in progress"
    )
    await spoilt(
        await trade.paid(),
        "UPDATE orders SET captured = 9, refunded = 1 WHERE id = $1",
        "captured, refunded, captured in reports, given back in reports",
        possible,
    )
    await spoilt(
        await trade.paid("tok_declined"),
        "UPDATE orders SET payments_pending = 2, authorized = 3 WHERE id = $1",
        "payments_pending, authorized",
        possible,
    )
    await spoilt(
        await trade.paid(capture=False),
        "UPDATE orders SET authorized = 3 WHERE id = $1",
        "authorized",
        possible,
    )
    lost = await trade.paid("tok_reply_lost")
    await trade.spoil(AGE, lost.id)
    expected[lost.order_id, "open"] = possible
    return expected | await planted_goods(trade)


async def planted_goods(trade: Trade) -> dict[tuple[str, str], Mend]:
    mug, promotion = await goods(trade)
    await trade.spoil("UPDATE stock SET on_hand = 9, reserved = 3 WHERE product_id = $1", mug)
    await trade.spoil("UPDATE promotions SET uses = 5 WHERE id = $1", promotion)
    cup, once = await goods(trade)
    await trade.spoil("DELETE FROM stock_movements WHERE product_id = $1 AND number = 2", cup)
    await trade.spoil("UPDATE promotions SET uses = 1, uses_max = 1 WHERE id = $1", once)
    return {
        (mug, "on_hand"): Mend.POSSIBLE,
        (mug, "reserved"): Mend.POSSIBLE,
        (promotion, "uses"): Mend.POSSIBLE,
        (cup, "movements"): Mend.PERSON,
        (cup, "reserved"): Mend.PERSON,
        (once, "uses"): Mend.PERSON,
    }
