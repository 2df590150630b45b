"""What moves a stock, what is refused, and of what others are told."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit import errors
from server.order.stock.rules import (
    ENDED,
    PAID,
    PUT_BACK,
    SENT,
    Cause,
    Change,
    Claim,
    Edit,
    EventType,
    Held,
    Kind,
    Line,
    OutOfStock,
    Stock,
    adjusted,
    check_edit,
    edited,
    reserved,
    settled,
)
from server.order.stock.rules.changes import StockIsOwed, StockTooHigh, StockTooLow
from tests.server.order.samples import NOW

MUG, CUP = "mug", "cup"
CAUSE = Cause(at=NOW, order_id="order")


def stock(product_id: str = MUG, **fields: Any) -> Stock:
    return Stock(product_id, **{"tracked": True, "version": 1, **fields})


def claim(*lines: tuple[str | None, int]) -> Claim:
    return Claim([Line(*line) for line in lines], CAUSE)


def by_id(*stocks: Stock) -> dict[str, Stock]:
    return {each.product_id: each for each in stocks}


def told(change: Change) -> EventType | None:
    return change.event.type if change.event else None


def test_an_order_reserves_each_product_once_and_says_so() -> None:
    stocks = by_id(stock(on_hand=9, reserved=1, movements=6), stock(CUP, on_hand=1))
    changes = reserved(stocks, claim((MUG, 2), (CUP, 1), (None, 7), (MUG, 3)))
    assert [change.stock.reserved for change in changes] == [6, 1]
    [movement, _] = [change.movement for change in changes]
    assert movement is not None
    assert (movement.kind, movement.number) == (Kind.RESERVED, 7)
    assert (movement.on_hand_delta, movement.reserved_delta) == (0, 5)
    assert (movement.on_hand, movement.reserved, movement.order_id) == (9, 6, "order")


def test_what_is_not_tracked_or_has_no_stock_is_left_alone() -> None:
    stocks = by_id(stock(tracked=False))
    assert reserved(stocks, claim((MUG, 2), (CUP, 1))) == []


def test_every_line_of_which_there_is_too_little_is_named_with_what_is_left() -> None:
    stocks = by_id(stock(on_hand=5, reserved=2), stock(CUP, on_hand=0), stock("pot", on_hand=9))
    with pytest.raises(OutOfStock) as raised:
        reserved(stocks, claim((MUG, 2), (CUP, 1), ("pot", 1), (MUG, 2)))
    assert [tuple(each) for each in raised.value.violations] == [
        ("items[0].quantity", "3 left"),
        ("items[1].quantity", "0 left"),
        ("items[3].quantity", "3 left"),
    ]
    assert raised.value.message == "items[0].quantity: 3 left, and 2 more lines"


def test_one_more_line_is_one() -> None:
    with pytest.raises(OutOfStock, match=r"0 left, and 1 more line$"):
        reserved(by_id(stock(on_hand=0)), claim((MUG, 1), (MUG, 1)))


def test_backorders_are_taken_beyond_what_there_is_and_not_beyond_all_count() -> None:
    owed = stock(on_hand=1, backorders=True)
    [change] = reserved(by_id(owed), claim((MUG, 5)))
    assert change.stock.available == -4
    with pytest.raises(OutOfStock):
        reserved(by_id(replace(owed, reserved=999_999_999)), claim((MUG, 2)))


def test_what_was_paid_leaves_the_shop_and_what_ended_is_free_again() -> None:
    stocks = by_id(stock(on_hand=5, reserved=3))
    held = [Held(MUG, reserved=3, committed=0)]
    [paid] = settled(stocks, held, claim((MUG, 3)), PAID)
    assert (paid.stock.on_hand, paid.stock.reserved) == (2, 0)
    [ended] = settled(stocks, held, claim((MUG, 3)), ENDED)
    assert (ended.stock.on_hand, ended.stock.reserved) == (5, 0)


def test_a_refund_puts_back_what_was_committed_where_that_is_chosen() -> None:
    stocks = by_id(stock(on_hand=2))
    held = [Held(MUG, reserved=0, committed=3)]
    [back] = settled(stocks, held, claim((MUG, 3)), PUT_BACK)
    assert back.stock.on_hand == 5
    assert settled(stocks, held, claim((MUG, 3)), ENDED) == []


def test_of_what_is_owed_only_what_is_there_is_committed_until_the_rest_is_sent() -> None:
    stocks = by_id(stock(on_hand=2, reserved=5, backorders=True))
    [paid] = settled(stocks, [Held(MUG, 5, 0)], claim((MUG, 5)), PAID)
    assert (paid.stock.on_hand, paid.stock.reserved) == (0, 3)
    whole = replace(claim((MUG, 5)), gone={MUG: 5})
    with pytest.raises(OutOfStock) as raised:
        settled(by_id(paid.stock), [Held(MUG, 3, 2)], whole, SENT)
    assert [*raised.value.violations] == [errors.Violation("items[0].quantity", "0 left")]
    come = replace(paid.stock, on_hand=4)
    [sent] = settled(by_id(come), [Held(MUG, 3, 2)], whole, SENT)
    assert (sent.stock.on_hand, sent.stock.reserved) == (1, 0)


@pytest.mark.parametrize(("gone", "moves"), [(1, 0), (2, 0), (3, 1), (5, 3)])
def test_of_what_is_owed_as_much_is_committed_as_is_sent(gone: int, moves: int) -> None:
    stocks = by_id(stock(on_hand=3, reserved=3, backorders=True))
    part = replace(claim((MUG, 1)), gone={MUG: gone})
    changes = settled(stocks, [Held(MUG, 3, 2)], part, SENT)
    assert sum(change.movement.on_hand_delta for change in changes if change.movement) == -moves


def test_what_was_sent_is_not_put_back() -> None:
    part = replace(claim((MUG, 3)), gone={MUG: 2})
    [back] = settled(by_id(stock(on_hand=2)), [Held(MUG, 0, 3)], part, PUT_BACK)
    assert back.stock.on_hand == 3
    part = replace(part, gone={MUG: 3})
    assert settled(by_id(stock(on_hand=2)), [Held(MUG, 0, 3)], part, PUT_BACK) == []


def test_a_refund_of_what_is_owed_in_part_gives_back_both_parts() -> None:
    stocks = by_id(stock(on_hand=0, reserved=3, backorders=True))
    changes = settled(stocks, [Held(MUG, 3, 2)], claim((MUG, 5)), PUT_BACK)
    kinds = [change.movement.kind for change in changes if change.movement]
    assert kinds == [Kind.RELEASED, Kind.RESTOCKED]
    assert (changes[-1].stock.on_hand, changes[-1].stock.reserved) == (2, 0)


def test_the_first_adjustment_begins_to_track_and_later_ones_do_not() -> None:
    begun = adjusted(Stock(MUG), 5, CAUSE).stock
    assert (begun.tracked, begun.on_hand, begun.version) == (True, 5, 1)
    opted_out = replace(begun, tracked=False, version=2)
    assert not adjusted(opted_out, 5, CAUSE).stock.tracked


def test_what_is_reserved_cannot_be_taken_nor_more_be_had_than_can_be_counted() -> None:
    with pytest.raises(StockTooLow, match="2 can be taken; 5 are on hand, 3 of them reserved"):
        adjusted(stock(on_hand=5, reserved=3), -3, CAUSE)
    assert adjusted(stock(on_hand=5, reserved=3), -2, CAUSE).stock.available == 0
    assert adjusted(stock(on_hand=5, reserved=3, backorders=True), -5, CAUSE).stock.on_hand == 0
    with pytest.raises(StockTooHigh):
        adjusted(stock(on_hand=1_000_000_000), 1, CAUSE)


@pytest.mark.parametrize(
    ("before", "reserving", "event"),
    [
        (stock(on_hand=9, low_stock_at=5), 3, None),
        (stock(on_hand=9, low_stock_at=5), 4, EventType.RAN_LOW),
        (stock(on_hand=9, reserved=4, low_stock_at=5), 1, None),
        (stock(on_hand=1, low_stock_at=0), 1, EventType.RAN_LOW),
        (stock(on_hand=1), 1, None),
    ],
)
def test_that_it_runs_low_is_told_once(
    before: Stock, reserving: int, event: EventType | None
) -> None:
    [change] = reserved(by_id(before), claim((MUG, reserving)))
    assert told(change) is event
    assert change.stock.events == before.events + (event is not None)


@pytest.mark.parametrize(
    ("before", "event"),
    [
        (stock(on_hand=3, reserved=3), EventType.CAME_BACK),
        (stock(on_hand=3, reserved=2), None),
        (stock(on_hand=3, reserved=3, backorders=True), None),
        (stock(on_hand=3, reserved=3, tracked=False), None),
        (Stock(MUG), None),
    ],
)
def test_that_it_is_back_is_told_once(before: Stock, event: EventType | None) -> None:
    assert told(adjusted(before, 1, CAUSE)) is event


def test_staff_set_what_they_send_and_nothing_else() -> None:
    before = stock(on_hand=3, low_stock_at=1)
    change = edited(before, Edit({"backorders": True}, before.etag), CAUSE)
    assert change.stock == replace(before, backorders=True, version=2, updated_at=NOW)
    assert change.movement is None
    assert edited(before, Edit({"tracked": True}, ""), CAUSE) == (before, None, None)
    decided = edited(Stock(MUG), Edit({"tracked": False}, ""), CAUSE).stock
    assert decided.version == 1
    with pytest.raises(errors.NothingToUpdate):
        check_edit(Edit({}, ""))
    with pytest.raises(errors.Outdated):
        edited(before, Edit({"tracked": False}, "0-0"), CAUSE)


def test_a_line_that_is_drawn_anew_is_crossed_too() -> None:
    change = edited(stock(on_hand=3), Edit({"low_stock_at": 3}, ""), CAUSE)
    assert told(change) is EventType.RAN_LOW


def test_backorders_end_when_nothing_is_owed() -> None:
    owed = stock(on_hand=1, reserved=3, backorders=True)
    with pytest.raises(StockIsOwed, match="3 are reserved and 1 on hand"):
        edited(owed, Edit({"backorders": False}, ""), CAUSE)
    assert not edited(replace(owed, on_hand=3), Edit({"backorders": False}, ""), CAUSE).event


@given(st.data())
def test_whatever_happens_nothing_is_sold_twice_and_movements_add_up(data: st.DataObject) -> None:
    """Any order of steps of any orders: as the store makes them, which keeps what each has."""
    now = stock(on_hand=data.draw(st.integers(0, 9)), backorders=data.draw(st.booleans()))
    began, held = now.on_hand, dict[int, Held]()
    movements = []
    for number in data.draw(st.lists(st.integers(0, 3), max_size=20)):
        has = held.get(number)
        try:
            if has is None:
                changes = reserved(by_id(now), claim((MUG, data.draw(st.integers(1, 4)))))
            else:
                step = data.draw(st.sampled_from([PAID, SENT, ENDED, PUT_BACK]))
                changes = settled(by_id(now), [has], claim((MUG, 1)), step)
        except OutOfStock:
            continue
        has = has or Held(MUG, 0, 0)
        for change in changes:
            assert change.movement is not None
            movements.append(change.movement)
            now = change.stock
            has = Held(
                MUG,
                has.reserved + change.movement.reserved_delta,
                has.committed - change.movement.on_hand_delta,
            )
        held[number] = has
        assert now.on_hand >= 0
        assert now.reserved >= 0
        assert now.backorders or now.reserved <= now.on_hand
    assert now.on_hand == began + sum(each.on_hand_delta for each in movements)
    assert now.reserved == sum(each.reserved_delta for each in movements)
    assert [each.number for each in movements] == [*range(1, len(movements) + 1)]
