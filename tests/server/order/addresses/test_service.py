"""Saved addresses through the gRPC door: whose they are, the default, and orders to them."""

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from emporium.order.v1 import address_service_pb2 as pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import personal_data_service_pb2 as held_pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.type.v1.address_pb2 import Address
from server.kit.postgres import Pool
from server.kit.postgres.transaction import UnitOfWork
from server.order.addresses import rules, store
from tests.server.conftest import Token
from tests.server.order.doors import HOME, MISSING, Door, address_of, get, item, order_of
from tests.server.refusals import refused

WORK = Address(recipient="Ann", street="2 Mill Lane", city="York", country_code="GB")


def reading(saved: pb.SavedAddress, **fields: Any) -> pb.GetAddressRequest:
    return pb.GetAddressRequest(**{"user_id": saved.user_id, "address_id": saved.id, **fields})


def change(saved: pb.SavedAddress, **fields: Any) -> pb.UpdateAddressRequest:
    return pb.UpdateAddressRequest(user_id=saved.user_id, address_id=saved.id, **fields)


def deletion(saved: pb.SavedAddress, **fields: Any) -> pb.DeleteAddressRequest:
    return pb.DeleteAddressRequest(user_id=saved.user_id, address_id=saved.id, **fields)


async def saved_by(door: Door, count: int) -> list[pb.SavedAddress]:
    return [await door("CreateAddress", address_of(door.user_id)) for _ in range(count)]


async def defaults(door: Door) -> list[str]:
    request = pb.ListAddressesRequest(user_id=door.user_id, per_page=100)
    found = (await door("ListAddresses", request)).addresses
    return [each.id for each in found if each.is_default]


async def test_the_first_is_the_default_until_another_is_made_it(ann: Door) -> None:
    home = await ann("CreateAddress", address_of(ann.user_id, label="Home"))
    work = await ann("CreateAddress", address_of(ann.user_id, address=WORK))
    assert (home.label, home.address, home.is_default) == ("Home", HOME, True)
    assert (work.label, work.address, work.is_default) == ("", WORK, False)
    moved = await ann("UpdateAddress", change(work, is_default=True))
    assert moved.is_default
    assert moved.etag != work.etag
    assert await defaults(ann) == [work.id]
    seen = await ann("GetAddress", reading(home))
    assert (seen.is_default, seen.etag != home.etag) == (False, True)
    third = await ann("CreateAddress", address_of(ann.user_id, is_default=True))
    assert await defaults(ann) == [third.id]
    await ann("DeleteAddress", deletion(third))
    assert await defaults(ann) == [work.id]  # the one that was saved last of those left
    await ann("DeleteAddress", deletion(home))
    await ann("DeleteAddress", deletion(work))
    assert await defaults(ann) == []
    assert (await ann("CreateAddress", address_of(ann.user_id))).is_default


async def test_the_default_is_not_left_without_another(ann: Door) -> None:
    home, work = await saved_by(ann, 2)
    found = await refused(ann("UpdateAddress", change(home, is_default=False)))
    assert (found.reason, found.fields) == ("DEFAULT_ADDRESS_REQUIRED", ["is_default"])
    same = await ann("UpdateAddress", change(work, is_default=False))
    assert same == work  # what it is already is no change


async def test_what_is_sent_is_changed_and_nothing_else(ann: Door) -> None:
    home = await ann("CreateAddress", address_of(ann.user_id, label="Home"))
    moved = await ann("UpdateAddress", change(home, address=WORK, etag=home.etag))
    assert (moved.label, moved.address, moved.is_default) == ("Home", WORK, True)
    found = await refused(ann("UpdateAddress", change(home, label="x", etag=home.etag)))
    assert found.reason == "ETAG_MISMATCH"
    cleared = change(home)
    cleared.update_mask.paths.append("label")
    assert (await ann("UpdateAddress", cleared)).label == ""
    cleared.update_mask.paths.append("address")
    assert (await refused(ann("UpdateAddress", cleared))).reason == "INVALID_UPDATE_MASK"
    assert (await refused(ann("UpdateAddress", change(home)))).reason == "NOTHING_TO_UPDATE"
    found = await refused(ann("DeleteAddress", deletion(home, etag=home.etag)))
    assert found.reason == "ETAG_MISMATCH"


async def test_addresses_are_their_owners_and_staffs(ann: Door, bob: Door, staff: Door) -> None:
    [home] = await saved_by(ann, 1)
    calls: list[tuple[str, Any]] = [
        ("CreateAddress", address_of(ann.user_id)),
        ("GetAddress", reading(home)),
        ("ListAddresses", pb.ListAddressesRequest(user_id=ann.user_id)),
        ("UpdateAddress", change(home, label="Mine")),
        ("DeleteAddress", deletion(home)),
    ]
    for name, request in calls:
        found = await refused(bob(name, request))
        assert (found.code, found.reason) == (StatusCode.NOT_FOUND, "USER_NOT_FOUND"), name
    foreign = await refused(bob("GetAddress", reading(home, user_id=bob.user_id)))
    assert foreign.reason == "ADDRESS_NOT_FOUND"
    assert await staff("GetAddress", reading(home)) == home
    assert (await staff("UpdateAddress", change(home, label="Hers"))).label == "Hers"
    await staff("DeleteAddress", deletion(home))
    assert (await refused(ann("GetAddress", reading(home)))).reason == "ADDRESS_NOT_FOUND"


async def test_a_repeat_saves_nothing_more(ann: Door) -> None:
    request = address_of(ann.user_id, request_id=str(uuid.uuid4()))
    first = await ann("CreateAddress", request)
    assert await ann("CreateAddress", request) == first
    request.label = "another"
    assert (await refused(ann("CreateAddress", request))).reason == "IDEMPOTENCY_KEY_REUSED"
    assert await defaults(ann) == [first.id]


async def test_of_many_at_once_one_is_the_default_and_none_is_too_many(ann: Door) -> None:
    found = await asyncio.gather(
        *(ann("CreateAddress", address_of(ann.user_id, is_default=True)) for _ in range(55)),
        return_exceptions=True,
    )
    saved = [each for each in found if isinstance(each, pb.SavedAddress)]
    assert len(saved) == rules.ADDRESSES_MAX
    full = await refused(ann("CreateAddress", address_of(ann.user_id)))
    assert (full.code, full.reason) == (StatusCode.FAILED_PRECONDITION, "TOO_MANY_ADDRESSES")
    assert len(await defaults(ann)) == 1
    both = saved[:2]
    await asyncio.gather(*(ann("UpdateAddress", change(each, is_default=True)) for each in both))
    assert await defaults(ann) in ([both[0].id], [both[1].id])


async def test_a_default_that_is_deleted_while_another_is_made_it(ann: Door) -> None:
    for _ in range(10):
        [first, second] = await saved_by(ann, 2)
        await ann("UpdateAddress", change(first, is_default=True))
        await asyncio.gather(
            ann("DeleteAddress", deletion(first)),
            ann("UpdateAddress", change(second, is_default=True)),
        )
        assert await defaults(ann) == [second.id]
        await ann("DeleteAddress", deletion(second))


async def test_without_the_lock_there_are_too_many(
    ann: Door, order_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a book that is read and not locked."""
    await saved_by(ann, rules.ADDRESSES_MAX - 1)

    async def read(unit: UnitOfWork, user_id: str) -> rules.Book | None:
        found = await unit.fetch(store._LOCK_BOOK.replace("FOR UPDATE", ""), user_id)
        await asyncio.sleep(0.05)  # so that the other has read, too
        return rules.Book(str(found[0]["default_id"]), found[0]["count"])

    monkeypatch.setattr(store, "_locked_book", read)
    monkeypatch.setattr(store, "_TAKE_TURN", "SELECT $1::text")
    await asyncio.gather(*(ann("CreateAddress", address_of(ann.user_id)) for _ in range(2)))
    count = "SELECT count(*) FROM addresses WHERE user_id = $1"
    assert await order_pool.fetchval(count, ann.user_id) == rules.ADDRESSES_MAX + 1


async def test_the_database_knows_no_address_without_a_default(ann: Door, order_pool: Pool) -> None:
    [mine, other] = await saved_by(ann, 2)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await order_pool.execute("DELETE FROM address_books WHERE user_id = $1", ann.user_id)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await order_pool.execute("DELETE FROM addresses WHERE id = $1", mine.id)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await order_pool.execute(
            "UPDATE address_books SET default_id = $2 WHERE user_id = $1", ann.user_id, MISSING
        )
    await order_pool.execute("DELETE FROM addresses WHERE id = $1", other.id)


async def test_an_order_keeps_a_copy_of_the_address_that_it_names(
    ann: Door, bob: Door, staff: Door, mug: Product
) -> None:
    [home] = await saved_by(ann, 1)
    request = order_of(item(mug), shipping_address_id=home.id, request_id=str(uuid.uuid4()))
    order = await ann("CreateOrder", request)
    assert order.shipping_address == HOME
    quote = order_pb.QuoteOrderRequest(items=[item(mug)], shipping_address_id=home.id.upper())
    assert (await ann("QuoteOrder", quote)).total_price == order.total_price
    await ann("UpdateAddress", change(home, address=WORK))
    assert (await ann("GetOrder", get(order))).shipping_address == HOME
    for_ann = order_of(item(mug), shipping_address_id=home.id, user_id=ann.user_id)
    assert (await staff("CreateOrder", for_ann)).shipping_address == WORK
    for door in (bob, staff):  # it is the buyer's, whoever orders
        for name, asked in (("CreateOrder", order_of(*request.items)), ("QuoteOrder", quote)):
            asked.shipping_address_id = home.id
            found = await refused(door(name, asked))
            assert (found.reason, found.fields) == ("ADDRESS_NOT_FOUND", ["shipping_address_id"])
    await ann("DeleteAddress", deletion(home))
    assert await ann("CreateOrder", request) == order  # a repeat gets the first answer


async def test_an_order_takes_one_address(ann: Door, mug: Product) -> None:
    [home] = await saved_by(ann, 1)
    both = {"shipping_address": HOME, "shipping_address_id": home.id}
    found = await refused(ann("CreateOrder", order_of(item(mug), **both)))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")


async def test_addresses_are_exported_and_go_with_their_owner(
    ann: Door, anyone: Door, staff: Door, token: Token, order_pool: Pool
) -> None:
    user_service = Door(anyone.channel, token("SERVICE", "user"))
    [home, work] = await saved_by(ann, 2)
    asked = held_pb.ExportBuyerRequest(user_id=ann.user_id, part="addresses")
    [part] = (await user_service("ExportBuyer", asked)).parts
    assert [each["id"] for each in part.records] == [home.id, work.id]
    assert [each["is_default"] for each in part.records] == [True, False]
    assert part.records[0]["address"]["street"] == HOME.street
    asked.page_token = home.id
    [part] = (await user_service("ExportBuyer", asked)).parts
    assert [each["id"] for each in part.records] == [work.id]
    asked.page_token = MISSING
    assert (await refused(user_service("ExportBuyer", asked))).reason == "INVALID_PAGE_TOKEN"
    now = Timestamp()
    now.GetCurrentTime()
    erase = held_pb.EraseBuyerRequest(user_id=ann.user_id, erased_at=now)
    receipt = await user_service("EraseBuyer", erase)
    assert receipt.erased["addresses"] == 2
    for table in ("addresses", "address_books"):
        left = await order_pool.fetchval(
            f"SELECT count(*) FROM {table} WHERE user_id = $1", ann.user_id
        )
        assert left == 0
    found = await refused(staff("CreateAddress", address_of(ann.user_id)))
    assert (found.reason, found.fields) == ("USER_ERASED", ["user_id"])
