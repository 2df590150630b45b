"""What one call may ask for and get, however it is asked: rows, lines and bytes."""

import json
from typing import Any

import pytest

from emporium import Emporium, InvalidRequest, OrderLine
from emporium.limits import BODY_BYTES_MAX, MESSAGE_BYTES_MAX
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target, violated_fields

LINES = 1_000
LISTED, LISTED_OF_MANY = 20, 5  # on a page of the default size, and on one of 100 orders
DAY, DAY_AFTER = "2009-09-09", "2009-09-10"
ON_THE_DAY = {"placed_after": DAY, "placed_before": DAY_AFTER}


@pytest.fixture
async def long_orders(staff: Rest) -> list[str]:
    """The ids of some orders with as many and as long lines as can be, latest first."""
    line = {"product_name": "🎁" * 200, "unit_price": "1.00", "quantity": 1}
    ids = []
    for hour in range(3):
        body = {"items": [line] * LINES, "order_date": f"{DAY}T0{hour}:00:00Z"}
        made = await staff.data("POST", "/orders", body)
        assert (len(made["items"]), made["item_count"]) == (LINES, LINES)
        ids.append(made["id"])
    return ids[::-1]


async def test_lists_show_the_first_lines_and_get_shows_all_by_every_door(
    long_orders: list[str], staff: Rest, cluster: Cluster
) -> None:
    by_id = long_orders[0]
    owner = (await staff.data("GET", f"/orders/{by_id}"))["user_id"]
    for path in ("/orders", f"/users/{owner}/orders"):
        answer = await staff("GET", path, params={**ON_THE_DAY, "per_page": "100"})
        listed: list[dict[str, Any]] = answer.json()["data"]["orders"]
        assert [each["id"] for each in listed[:3]] == long_orders
        assert {len(each["items"]) for each in listed} == {LISTED_OF_MANY}
        assert {each["item_count"] for each in listed} == {LINES}
        assert len(answer.content) < len(listed) * MESSAGE_BYTES_MAX / 100
    whole = await staff.data("GET", f"/orders/{by_id}")
    assert (len(whole["items"]), whole["item_count"]) == (LINES, LINES)

    for door in ("edge", "service"):
        async with Emporium(target(cluster, door), token=cluster.token("staff")) as shop:
            page = await shop.orders.list(placed_after=DAY, placed_before=DAY_AFTER).first_page()
            assert {(len(each.items), each.item_count) for each in page} == {(LISTED, LINES)}
            order = await shop.orders.get(by_id)
            assert (len(order.items), order.item_count) == (LINES, LINES)


async def test_an_export_of_much_comes_in_pages_that_pass_the_edge(
    long_orders: list[str], staff: Rest, admin: Rest
) -> None:
    owner = (await staff.data("GET", f"/orders/{long_orders[0]}"))["user_id"]
    whole = await admin("GET", f"/users/{owner}/export")
    assert whole.is_success, whole.text[:300]
    assert len(whole.content) < MESSAGE_BYTES_MAX
    [first] = [part for part in whole.json()["data"]["parts"] if part["name"] == "orders"]
    ids, token, pages = [record["id"] for record in first["records"]], first["next_page_token"], 1
    assert first["truncated"]
    while token:
        query = {"part": "orders", "page_token": token}
        [part] = (await admin.data("GET", f"/users/{owner}/export", params=query))["parts"]
        ids += [record["id"] for record in part["records"]]
        token, pages = part["next_page_token"], pages + 1
    assert len(set(ids)) == len(ids) == first["record_count"]
    assert set(long_orders) <= set(ids)
    assert pages >= len(long_orders)


async def test_the_longest_order_may_be_written_in_ascii(staff: Rest) -> None:
    line = {"product_name": "🎁" * 200, "unit_price": "1.00", "quantity": 1}
    written = json.dumps({"items": [line] * LINES, "order_date": f"{DAY}T04:00:00Z"})
    assert len(written) > 2 * BODY_BYTES_MAX
    headers = {"content-type": "application/json"}
    made = await staff("POST", "/orders", content=written, headers=headers)
    assert made.status_code == 201
    assert made.json()["data"]["items"][-1]["product_name"] == "🎁" * 200


async def test_a_message_full_of_lines_is_refused_by_one_name(
    staff: Rest, cluster: Cluster
) -> None:
    body: dict[str, Any] = {"items": [{}] * 100_000}
    error = error_of(await staff("POST", "/orders", body), 422)
    assert (error["code"], violated_fields(error)) == ("VALIDATION_FAILED", {"items"})
    for door in ("edge", "service"):
        async with Emporium(target(cluster, door), token=cluster.token("staff")) as shop:
            with pytest.raises(InvalidRequest) as refused:
                await shop.orders.create([OrderLine(quantity=0)] * 100_000)
            assert [each.field for each in refused.value.violations] == ["items"]


async def test_of_a_thousand_broken_lines_the_first_are_named(staff: Rest) -> None:
    body = {"items": [{"product_id": "none", "quantity": 0}] * LINES}
    error = error_of(await staff("POST", "/orders", body), 422)
    assert error["message"].startswith("100 or more fields are invalid: items[0].")
    assert "items[0].quantity" in violated_fields(error)
