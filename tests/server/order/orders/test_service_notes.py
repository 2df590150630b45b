"""Notes on orders through the gRPC door: who writes and who reads them, and how many."""

import asyncio
from typing import Any

import pytest
from grpc import StatusCode

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as pb
from server.order.orders.rules import notes as rules
from tests.server.order.doors import MISSING, Door, get, item, order_of
from tests.server.refusals import refused

Kind = pb.OrderMove.Actor.Kind


def note(order: pb.Order, text: str = "Ring twice", **fields: Any) -> pb.CreateOrderNoteRequest:
    return pb.CreateOrderNoteRequest(order_id=order.id, text=text, **fields)


async def texts(door: Door, order: pb.Order) -> list[str]:
    answer = await door("ListOrderNotes", pb.ListOrderNotesRequest(order_id=order.id))
    assert answer.meta.total == len(answer.notes)
    return [each.text for each in answer.notes]


async def test_a_buyers_note_is_read_by_both_and_staffs_by_staff_unless_they_say_so(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    await ann("CreateOrderNote", note(order, "Ring twice\nplease"))
    await staff("CreateOrderNote", note(order, "Rings twice? Odd."))
    shown = await staff("CreateOrderNote", note(order, "We shall.", visible_to_buyer=True))
    assert await texts(ann, order) == ["Ring twice\nplease", "We shall."]
    assert await texts(staff, order) == ["Ring twice\nplease", "Rings twice? Odd.", "We shall."]
    assert await ann("GetOrder", get(order)) == order  # a note is no change of it
    request = pb.ListOrderNotesRequest(order_id=order.id, sort="created_at:desc", per_page=1)
    for door, name in ((ann, ""), (staff, staff.user_id)):
        [told] = (await door("ListOrderNotes", request)).notes
        assert (told.author.kind, told.author.user_id) == (Kind.STAFF, name)
        shown.author.user_id = name
        assert told == shown


async def test_a_buyer_hides_no_note(ann: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    found = await refused(ann("CreateOrderNote", note(order, visible_to_buyer=False)))
    assert (found.code, found.reason) == (StatusCode.PERMISSION_DENIED, "STAFF_ONLY_FIELD")
    assert found.fields == ["visible_to_buyer"]
    assert await texts(ann, order) == []


async def test_staff_delete_any_note_and_buyers_what_buyers_wrote(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order, other = [await ann("CreateOrder", order_of(item(mug))) for _ in range(2)]
    mine = await ann("CreateOrderNote", note(order))
    shown = await staff("CreateOrderNote", note(order, "No.", visible_to_buyer=True))

    def delete(order: pb.Order, note_id: str) -> pb.DeleteOrderNoteRequest:
        return pb.DeleteOrderNoteRequest(order_id=order.id, note_id=note_id)

    for door, request in (
        (ann, delete(order, shown.id)),
        (ann, delete(order, MISSING)),
        (staff, delete(other, shown.id)),
    ):
        assert (await refused(door("DeleteOrderNote", request))).reason == "ORDER_NOTE_NOT_FOUND"
    await ann("DeleteOrderNote", delete(order, mine.id))
    assert await texts(ann, order) == ["No."]
    await staff("DeleteOrderNote", delete(order, shown.id))
    assert await texts(staff, order) == []


async def test_a_foreign_order_has_no_notes(ann: Door, bob: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    made = await ann("CreateOrderNote", note(order))
    for name, request in (
        ("CreateOrderNote", note(order)),
        ("CreateOrderNote", note(order, request_id="a-key")),
        ("ListOrderNotes", pb.ListOrderNotesRequest(order_id=order.id)),
        ("DeleteOrderNote", pb.DeleteOrderNoteRequest(order_id=order.id, note_id=made.id)),
    ):
        assert (await refused(bob(name, request))).reason == "ORDER_NOT_FOUND"
    assert await texts(ann, order) == ["Ring twice"]


async def test_a_repeat_writes_no_second_note(ann: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    request = note(order, request_id="once")
    assert await ann("CreateOrderNote", request) == await ann("CreateOrderNote", request)
    assert await texts(ann, order) == ["Ring twice"]


async def test_an_order_has_so_many_notes_however_many_come_at_once(
    ann: Door, mug: catalog_pb.Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "NOTES_MAX", 3)
    order = await ann("CreateOrder", order_of(item(mug)))
    answers = await asyncio.gather(
        *(ann("CreateOrderNote", note(order, f"{n}")) for n in range(8)), return_exceptions=True
    )
    assert sum(isinstance(each, pb.OrderNote) for each in answers) == 3
    assert len(await texts(ann, order)) == 3
    found = await refused(ann("CreateOrderNote", note(order)))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "TOO_MANY_ORDER_NOTES")
