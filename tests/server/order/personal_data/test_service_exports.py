"""What is handed out of a buyer beside the orders themselves."""

from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1 import personal_data_service_pb2 as held_pb
from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.postgres import Pool
from tests.server.order.doors import Door, item, order_of
from tests.server.order.personal_data.test_service import order, user_service
from tests.server.refusals import refused

__all__ = ["order", "user_service"]  # fixtures


def note_of(order: pb.Order, text: str) -> pb.CreateOrderNoteRequest:
    return pb.CreateOrderNoteRequest(order_id=order.id, text=text)


async def test_an_export_has_what_became_of_orders_and_all_notes_on_them(
    ann: Door, bob: Door, staff: Door, user_service: Door, order: pb.Order, mug: Product
) -> None:
    other = await bob("CreateOrder", order_of(item(mug)))
    for door, text, about in (
        (ann, "Ring twice", order),
        (staff, "Rude", order),
        (bob, "x", other),
    ):
        await door("CreateOrderNote", note_of(about, text))
    await staff("UpdateOrder", pb.UpdateOrderRequest(order_id=order.id, status=pb.Order.PAID))
    asked = held_pb.ExportBuyerRequest(user_id=ann.user_id)
    _, history, notes, *_ = (await user_service("ExportBuyer", asked)).parts
    assert (history.record_count, notes.record_count) == (2, 2)
    assert [(each["to_status"], each["actor_kind"]) for each in history.records] == [
        ("PENDING", "BUYER"),
        ("PAID", "STAFF"),
    ]
    assert [each["text"] for each in notes.records] == ["Ring twice", "Rude"]
    assert staff.user_id not in str(history) + str(notes)
    for part in ("order_history", "order_notes"):
        page = held_pb.ExportBuyerRequest(user_id=ann.user_id, part=part, page_token=order.id)
        assert (await refused(user_service("ExportBuyer", page))).reason == "INVALID_PAGE_TOKEN"


async def test_much_history_comes_in_pages_each_move_once(
    ann: Door, order: pb.Order, user_service: Door, order_pool: Pool
) -> None:
    await order_pool.execute(
        "INSERT INTO order_moves (id, order_id, after, occurred_at)"
        " SELECT gen_random_uuid(), $1, 'PAID', now() FROM generate_series(1, 1100)",
        order.id,
    )
    ids: list[str] = []
    pages: list[int] = []
    token = ""
    while token or not pages:
        asked = held_pb.ExportBuyerRequest(
            user_id=ann.user_id, part="order_history", page_token=token
        )
        [part] = (await user_service("ExportBuyer", asked)).parts
        ids += [record["id"] for record in part.records]
        token = part.next_page_token
        pages.append(len(part.records))
    assert (pages, len(set(ids))) == ([500, 500, 101], 1101)
