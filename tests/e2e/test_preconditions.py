"""Preconditions and keys through the REST door: what cannot be read fails closed."""

import uuid
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.conftest import Rest, error_of, violated_fields


@pytest_asyncio.fixture
async def order(customer: Rest, products: list[dict[str, Any]]) -> dict[str, Any]:
    """A fresh order of the customer's, which has never been changed."""
    placed: dict[str, Any] = await customer.data("POST", "/orders", lines(products))
    return placed


def lines(products: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": [{"product_id": products[0]["id"], "quantity": 1}]}


@pytest.mark.parametrize(
    "sent", ['""', "", 'W/"{}"', '"{}', '"99"', '"98", "99"', 'W/"{}", "99"', "99", '"{}" "99"']
)
@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
async def test_an_if_match_that_does_not_hold_changes_nothing(
    customer: Rest, order: dict[str, Any], verb: str, sent: str
) -> None:
    body = {"status": "CANCELLED"} if verb == "PATCH" else None
    headers = {"if-match": sent.replace("{}", order["etag"])}
    answer = await customer(verb, f"/orders/{order['id']}", body, headers=headers)
    assert error_of(answer, 412)["code"] == "ETAG_MISMATCH"
    assert await customer.data("GET", f"/orders/{order['id']}") == order


@pytest.mark.parametrize("sent", ['"{}"', "{}", "*", '"99", "{}"', 'W/"99","{}" ,', 'W/"{}", "{}"'])
async def test_an_if_match_that_holds_lets_pass(
    customer: Rest, order: dict[str, Any], sent: str
) -> None:
    headers = {"if-match": sent.replace("{}", order["etag"])}
    answer = await customer(
        "PATCH", f"/orders/{order['id']}", {"status": "CANCELLED"}, headers=headers
    )
    assert answer.status_code == 200, answer.text


async def test_the_etag_that_was_read_is_good_for_a_change(
    customer: Rest, order: dict[str, Any]
) -> None:
    read = await customer("GET", f"/orders/{order['id']}", headers={"accept-encoding": "gzip, br"})
    answer = await customer(
        "PATCH",
        f"/orders/{order['id']}",
        {"status": "CANCELLED"},
        headers={"if-match": read.headers["etag"]},
    )
    assert answer.status_code == 200, answer.text


async def test_an_empty_etag_in_the_body_is_no_way_around(
    customer: Rest, order: dict[str, Any]
) -> None:
    path = f"/orders/{order['id']}"
    for answer in (
        await customer("PATCH", path, {"status": "CANCELLED", "etag": ""}),
        await customer("DELETE", f"{path}?etag="),
        await customer(
            "PATCH",
            path,
            {"status": "CANCELLED", "etag": order["etag"]},
            headers={"if-match": '"99"'},
        ),
    ):
        assert error_of(answer, 412)["code"] == "ETAG_MISMATCH"
    assert await customer.data("GET", path) == order


@pytest.mark.parametrize("sent", ["*", '"{}"', 'W/"{}"', '"99"'])
@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
async def test_an_if_none_match_changes_nothing(
    customer: Rest, order: dict[str, Any], verb: str, sent: str
) -> None:
    body = {"status": "CANCELLED"} if verb == "PATCH" else None
    path = f"/orders/{order['id']}"
    headers = {"if-none-match": sent.replace("{}", order["etag"])}
    error = error_of(await customer(verb, path, body, headers=headers), 412)
    assert error["code"] == "ETAG_MISMATCH"
    assert "If-Match" in error["message"]
    assert await customer.data("GET", path) == order


async def test_an_if_none_match_creates_nothing(
    customer: Rest, products: list[dict[str, Any]]
) -> None:
    before = (await customer.data("GET", "/orders"))["orders"]
    answer = await customer("POST", "/orders", lines(products), headers={"if-none-match": "*"})
    assert error_of(answer, 412)["code"] == "ETAG_MISMATCH"
    assert (await customer.data("GET", "/orders"))["orders"] == before


async def test_a_create_has_nothing_that_if_match_could_hold_for(
    customer: Rest, products: list[dict[str, Any]]
) -> None:
    answer = await customer("POST", "/events", {"type": "view"}, headers={"if-match": '"1"'})
    assert error_of(answer, 412)["code"] == "ETAG_MISMATCH"


@pytest.mark.parametrize("sent", ["*", "", '""', '"x', "a,b", 'W/"x"', '"x", "y"'])
async def test_a_key_that_cannot_be_read_places_no_order(
    customer: Rest, products: list[dict[str, Any]], sent: str
) -> None:
    for _ in range(2):
        answer = await customer(
            "POST", "/orders", lines(products), headers={"idempotency-key": sent}
        )
        error = error_of(answer, 422)
        assert (error["code"], violated_fields(error)) == ("VALIDATION_FAILED", {"request_id"})


async def test_a_key_is_a_key_as_it_was_sent(
    customer: Rest, products: list[dict[str, Any]]
) -> None:
    bare = str(uuid.uuid4())
    ids = []
    for sent in (bare, f'"{bare}"') * 2:
        placed = await customer.data(
            "POST", "/orders", lines(products), headers={"idempotency-key": sent}
        )
        ids.append(placed["id"])
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]
    # By every door: the field holds the same key.
    placed = await customer.data("POST", "/orders", {**lines(products), "request_id": bare})
    assert placed["id"] == ids[0]
