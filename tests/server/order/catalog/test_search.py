"""Search through the gRPC door: which products words find, and in which order."""

import asyncio
import uuid
from typing import Any

import pytest

from emporium.order.v1 import catalog_service_pb2 as pb
from server.order.catalog.store import searching
from tests.server.order.doors import Door, new_product
from tests.server.refusals import Refused, refused


def word() -> str:
    """One that no other product has."""
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:12])


async def made(staff: Door, name: str, **fields: Any) -> pb.Product:
    product: pb.Product = await staff("CreateProduct", new_product(name=name, **fields))
    return product


async def found(door: Door, q: str, **fields: Any) -> list[str]:
    """The ids, over all pages, of which none has a gap."""
    request, ids = pb.ListProductsRequest(q=q, **fields), []
    while True:
        answer = await door("ListProducts", request)
        ids += [each.id for each in answer.products]
        if not answer.meta.next_page_token:
            assert answer.meta.total == len(ids)
            return ids
        request.page_token = answer.meta.next_page_token


async def test_each_word_begins_a_word_of_the_product(staff: Door, anyone: Door) -> None:
    one = word()
    pot = await made(staff, f"Enamel {one.title()}, red", description="Holds\nhalf a litre")
    for q in (one, one[:5], f"ENAM {one}", f"lit {one[:7]}", f"red/{one}", f"{one} half"):
        assert await found(anyone, q) == [pot.id], q
    assert await found(anyone, f"{one} {word()}") == []


async def test_the_name_counts_for_more_than_the_description(staff: Door, anyone: Door) -> None:
    one = word()
    told = await made(staff, "A thing", description=f"Goes with {one}")
    named = await made(staff, f"{one} of tin")
    assert await found(anyone, one) == [named.id, told.id]
    assert await found(anyone, one, sort="relevance:asc") == [told.id, named.id]
    assert await found(anyone, one, sort="name") == [told.id, named.id]
    assert await found(anyone, one, sort="created_at:desc", per_page=1) == [named.id, told.id]


MISTAKES = {
    "another letter": lambda text: text[:5] + "q" + text[6:],
    "a letter less": lambda text: text[:5] + text[6:],
    "a letter more": lambda text: text[:5] + "q" + text[5:],
    "two exchanged": lambda text: text[:5] + text[6] + text[5] + text[7:],
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_what_is_misspelt_is_found_nevertheless(
    staff: Door, anyone: Door, mistake: str
) -> None:
    one = word()
    pot = await made(staff, f"Enamel {one}")
    await made(staff, f"Enamel {word()}")
    wrong = MISTAKES[mistake](one)
    assert await found(anyone, wrong) == await found(anyone, f"enamel {wrong}") == [pot.id]


@pytest.mark.parametrize(
    ("q", "name"), [("taepot", "Teapot"), ("teapto", "Teapot"), ("cnadle", "Candle")]
)
async def test_short_words_are_too(staff: Door, anyone: Door, q: str, name: str) -> None:
    one = word()
    pot = await made(staff, f"{name} {one}")
    assert await found(anyone, f"{q} {one}") == [pot.id]


async def test_what_is_spelt_right_comes_without_what_looks_alike(
    staff: Door, anyone: Door
) -> None:
    one = word()
    right = await made(staff, f"{one}a")
    await made(staff, f"{one}b")
    assert await found(anyone, f"{one}a") == [right.id]
    assert len(await found(anyone, f"{one}c")) == 2


async def test_pages_run_through_ties_without_gap_or_repeat(staff: Door, anyone: Door) -> None:
    one = word()
    ids = [(await made(staff, f"{one} mug")).id for _ in range(7)]
    assert await found(anyone, one, per_page=2) == ids[::-1]
    assert await found(anyone, f"{one}z", per_page=2) == ids[::-1]  # misspelt
    assert await found(anyone, one, per_page=3, sort="name:asc") == ids
    second = await anyone("ListProducts", pb.ListProductsRequest(q=one, per_page=3, page=2))
    assert [each.id for each in second.products] == ids[3:0:-1]
    beyond = await anyone("ListProducts", pb.ListProductsRequest(q=one, per_page=3, page=9))
    assert (list(beyond.products), beyond.meta.total) == ([], 7)


async def test_other_filters_narrow_what_words_find(staff: Door, anyone: Door) -> None:
    one = word()
    mugs = await staff("CreateCategory", pb.CreateCategoryRequest(name="Mugs"))
    cheap = await made(staff, one, unit_price="1.00", attributes={"colour": "red"})
    dear = await made(staff, one, unit_price="9.00", categories=[mugs.id])
    draft = await made(staff, one, status="DRAFT")
    assert set(await found(anyone, one)) == {cheap.id, dear.id}
    assert set(await found(staff, one)) == {cheap.id, dear.id, draft.id}
    assert await found(anyone, one, price_max="2") == [cheap.id]
    assert await found(anyone, one, attribute=["colour:red"]) == [cheap.id]
    assert await found(anyone, one, category=mugs.id) == [dear.id]
    assert await found(staff, one, status="draft") == [draft.id]
    assert await found(anyone, one, status="draft") == []
    assert await found(anyone, one[:-1], price_max="0.50") == []


async def test_no_more_are_ranked_than_is_said(
    staff: Door, anyone: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = word()
    for _ in range(5):
        await made(staff, one)
    assert len(await found(anyone, f"{one}z")) == 5
    monkeypatch.setattr(searching, "RANKED_MAX", 3)
    assert len(await found(anyone, one)) == 3
    # Among those that are looked at may be some that look alike only at first.
    assert len(await found(anyone, f"{one}z")) <= 3


@pytest.mark.parametrize("q", ["...", "a b c d e f g h i"])
async def test_words_are_one_to_eight(anyone: Door, q: str) -> None:
    refusal = await refused(anyone("ListProducts", pb.ListProductsRequest(q=q)))
    assert (refusal.reason, refusal.fields) == ("INVALID_FILTER", ["q"])


async def test_relevance_is_an_order_of_what_words_find(anyone: Door) -> None:
    request = pb.ListProductsRequest(sort="relevance:desc")
    assert (await refused(anyone("ListProducts", request))).reason == "UNKNOWN_SORT_FIELD"


@pytest.mark.parametrize(
    "q", ["'", "a'b", "!x", "a:*", "(a|b)&", "\\", "ﬁg", "é", "中", "<->", "🎁"]
)
async def test_any_text_is_taken_or_refused(anyone: Door, q: str) -> None:
    request = pb.ListProductsRequest(q=q)
    answer: Any
    [answer] = await asyncio.gather(anyone("ListProducts", request), return_exceptions=True)
    if not isinstance(answer, pb.ListProductsResponse):
        assert Refused(answer).reason == "INVALID_FILTER"
