"""Bad input through the REST door: each gets one clear answer, and nothing is half-written."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, new_email, violated_fields

MEGABYTE = 1024 * 1024
MISSING = str(uuid.uuid4())


def user_body(**fields: Any) -> dict[str, Any]:
    return {
        "email": new_email(),
        "full_name": "Ann Example",
        "password": "correct horse",
        **fields,
    }


@pytest.mark.parametrize(
    ("verb", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "ROUTE_NOT_FOUND"),
        ("GET", "/api/v2/users", 404, "ROUTE_NOT_FOUND"),
        ("PUT", "/products", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/products?colour=red", 400, "UNKNOWN_FIELD"),
        ("GET", "/products?per_page=ten", 400, "MALFORMED_REQUEST"),
        ("GET", "/products?per_page=101", 422, "VALIDATION_FAILED"),
        ("GET", "/products?sort=shoe_size:asc", 422, "UNKNOWN_SORT_FIELD"),
        ("GET", "/products?page_token=forged", 422, "INVALID_PAGE_TOKEN"),
        ("GET", "/products/not-a-uuid", 422, "VALIDATION_FAILED"),
        ("GET", f"/products/{MISSING}", 404, "PRODUCT_NOT_FOUND"),
    ],
)
async def test_what_is_asked_for_must_exist(
    anyone: Rest, verb: str, path: str, status: int, code: str
) -> None:
    assert error_of(await anyone(verb, path), status)["code"] == code


@pytest.mark.parametrize("path", ["/products", "/users", "/orders", f"/users/{MISSING}/orders"])
@pytest.mark.parametrize("name", ["page", "per_page"])
async def test_zero_is_not_the_same_as_left_out(admin: Rest, path: str, name: str) -> None:
    error = error_of(await admin("GET", f"{path}?{name}=0"), 422)
    assert (error["code"], violated_fields(error)) == ("VALIDATION_FAILED", {name})
    assert (await admin("GET", f"{path}?{name}=1")).status_code == 200
    assert (await admin("GET", path)).status_code == 200


@pytest.mark.parametrize("spelt", [str.lower, str.upper, str.capitalize])
async def test_a_status_is_spelt_alike_in_a_body_and_in_a_filter(
    staff: Rest, products: list[dict[str, Any]], spelt: Callable[[str], str]
) -> None:
    items = [{"product_id": products[0]["id"], "quantity": 1}]
    order = await staff.data("POST", "/orders", {"items": items, "user_id": str(uuid.uuid4())})
    changed = await staff.data("PATCH", f"/orders/{order['id']}", {"status": spelt("paid")})
    assert changed["status"] == "PAID"
    listed = f"/users/{order['user_id']}/orders?status={spelt('paid')}"
    assert (await staff.data("GET", listed))["orders"] == [changed]


async def test_what_is_no_status_is_refused_alike_in_a_body_and_in_a_filter(staff: Rest) -> None:
    by_body = error_of(await staff("PATCH", f"/orders/{MISSING}", {"status": "piad"}), 422)
    by_filter = error_of(await staff("GET", "/orders?status=piad"), 422)
    names = "status: must be one of PENDING, PAID, SHIPPED, DELIVERED, CANCELLED, REFUNDED"
    assert {by_body["message"], by_filter["message"]} == {names}
    assert (violated_fields(by_body), violated_fields(by_filter)) == ({"status"}, {"status"})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "MALFORMED_REQUEST"),
        (b"[1, 2]", "MALFORMED_REQUEST"),
        (b'{"email": 7}', "MALFORMED_REQUEST"),
        (b'{"age": "old"}', "MALFORMED_REQUEST"),
        (b"\xff\xfe", "MALFORMED_REQUEST"),
        (b'{"emial": "ann@example.com"}', "UNKNOWN_FIELD"),
    ],
)
async def test_a_body_must_be_readable(anyone: Rest, body: bytes, code: str) -> None:
    answer = await anyone(
        "POST", "/users", content=body, headers={"content-type": "application/json"}
    )
    assert error_of(answer, 400)["code"] == code


async def test_a_typo_is_named_and_nothing_is_created(anyone: Rest, admin: Rest) -> None:
    body = user_body(ful_name="typo")
    error = error_of(await anyone("POST", "/users", body), 400)
    assert (error["code"], violated_fields(error)) == ("UNKNOWN_FIELD", {"ful_name"})
    assert (await admin.data("GET", f"/users?email={body['email']}"))["users"] == []


async def test_a_typo_inside_a_line_is_named(
    customer: Rest, products: list[dict[str, Any]]
) -> None:
    line = {"product_id": products[0]["id"], "quantity": 1, "qauntity": 3}
    error = error_of(await customer("POST", "/orders", {"items": [line]}), 400)
    assert (error["code"], violated_fields(error)) == ("UNKNOWN_FIELD", {"items.qauntity"})


async def test_a_null_among_lines_is_named_and_nothing_is_placed(
    customer: Rest, products: list[dict[str, Any]]
) -> None:
    before = await customer.data("GET", "/orders")
    line = {"product_id": products[0]["id"], "quantity": 1}
    for items in ([None], [None, line], [line, None], [line, None, line]):
        error = error_of(await customer("POST", "/orders", {"items": items}), 400)
        assert (error["code"], violated_fields(error)) == ("MALFORMED_REQUEST", {"items"})
    assert await customer.data("GET", "/orders") == before


async def test_every_violated_field_is_named(anyone: Rest) -> None:
    body = user_body(email="nonsense", full_name="  ", password="short", age=0)
    error = error_of(await anyone("POST", "/users", body), 422)
    assert violated_fields(error) == {"email", "full_name", "password", "age"}


@pytest.mark.parametrize("name", ["A\0B", "Ada \u202enimdA", "Ada\n", "Ada\x1b[2J", "\u200b"])
async def test_what_no_name_may_hold_is_refused(anyone: Rest, name: str) -> None:
    error = error_of(await anyone("POST", "/users", user_body(full_name=name)), 422)
    assert violated_fields(error) == {"full_name"}


async def test_what_is_no_code_is_told_in_words(anyone: Rest) -> None:
    body = {"email": new_email(), "password": "correct horse", "totp_code": "12345"}
    error = error_of(await anyone("POST", "/auth/login", body), 422)
    ((found,),) = [each["field_violations"] for each in error["details"]]
    assert (found["field"], found["description"]) == ("totp_code", "must be six digits")


async def test_deep_nesting_is_refused(anyone: Rest) -> None:
    body = b'{"full_name":' + b"[" * 5000 + b"]" * 5000 + b"}"
    answer = await anyone(
        "POST", "/users", content=body, headers={"content-type": "application/json"}
    )
    assert error_of(answer, 400)["code"] == "MALFORMED_REQUEST"


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
async def test_one_byte_too_many_is_refused_by_both_versions(
    version: str, http: httpx.AsyncClient, http2: httpx.AsyncClient
) -> None:
    client = {"HTTP/1.1": http, "HTTP/2": http2}[version]
    filler = json.dumps(user_body(full_name="")).encode()
    body = filler.replace(b'""', b'"' + b"a" * (MEGABYTE + 1 - len(filler)) + b'"')
    assert len(body) == MEGABYTE + 1
    headers = {"content-type": "application/json"}
    answer = await client.post("/api/v1/users", content=body, headers=headers)
    assert answer.http_version == version
    assert error_of(answer, 413)["code"] == "BODY_TOO_LARGE"

    fits = body.replace(b"aa", b"a", 1)
    answer = await client.post("/api/v1/users", content=fits, headers=headers)
    assert error_of(answer, 422)["code"] == "VALIDATION_FAILED"


def same_but_for_the_id(foreign: dict[str, Any], missing: dict[str, Any], its_id: str) -> bool:
    """Whether an answer about `its_id` tells no more than the one about an id that nobody has."""
    return bool(json.loads(json.dumps(foreign).replace(its_id, MISSING)) == missing)


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("GET", "/orders/{}", None),
        ("PATCH", "/orders/{}", {"status": "CANCELLED"}),
        ("DELETE", "/orders/{}", None),
        ("GET", "/orders/{}/user", None),
    ],
)
async def test_a_foreign_order_and_a_missing_one_get_the_same_answer(
    verb: str,
    path: str,
    body: dict[str, Any] | None,
    customer: Rest,
    stranger: Rest,
    products: list[dict[str, Any]],
) -> None:
    line = {"product_id": products[0]["id"], "quantity": 1}
    order_id = (await customer.data("POST", "/orders", {"items": [line]}))["id"]
    foreign = error_of(await stranger(verb, path.format(order_id), body), 404)
    missing = error_of(await stranger(verb, path.format(MISSING), body), 404)
    assert foreign["code"] == "ORDER_NOT_FOUND"
    assert same_but_for_the_id(foreign, missing, order_id)


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("GET", "/users/{}", None),
        ("PATCH", "/users/{}", {"full_name": "Somebody Else"}),
        ("DELETE", "/users/{}", None),
        ("GET", "/users/{}/orders", None),
    ],
)
async def test_a_foreign_account_and_a_missing_one_get_the_same_answer(
    verb: str, path: str, body: dict[str, Any] | None, stranger: Rest, cluster: Cluster
) -> None:
    user_id = cluster.login("customer").user_id
    foreign = error_of(await stranger(verb, path.format(user_id), body), 404)
    missing = error_of(await stranger(verb, path.format(MISSING), body), 404)
    assert foreign["code"] == "USER_NOT_FOUND"
    assert same_but_for_the_id(foreign, missing, user_id)


async def test_an_email_is_taken_in_another_case(anyone: Rest) -> None:
    body = user_body()
    await anyone.data("POST", "/users", body)
    error = error_of(await anyone("POST", "/users", {**body, "email": body["email"].upper()}), 409)
    assert (error["code"], violated_fields(error)) == ("EMAIL_TAKEN", {"email"})


@pytest.mark.parametrize(
    ("line", "code"),
    [({"unit_price": "0.01"}, "PRICE_NOT_ALLOWED"), ({"product_name": "x"}, "STAFF_ONLY_FIELD")],
)
async def test_a_customer_never_sets_a_price(
    customer: Rest, products: list[dict[str, Any]], line: dict[str, Any], code: str
) -> None:
    body = {"items": [{"product_id": products[0]["id"], "quantity": 1, **line}]}
    error = error_of(await customer("POST", "/orders", body), 403)
    assert error["code"] == code


async def test_a_customer_orders_for_itself_and_now(
    customer: Rest, products: list[dict[str, Any]]
) -> None:
    items = [{"product_id": products[0]["id"], "quantity": 1}]
    for field, value in (("user_id", MISSING), ("order_date", "2010-12-01T08:26:00Z")):
        error = error_of(await customer("POST", "/orders", {"items": items, field: value}), 403)
        assert (error["code"], violated_fields(error)) == ("STAFF_ONLY_FIELD", {field})


async def test_an_illegal_move_is_refused(staff: Rest, products: list[dict[str, Any]]) -> None:
    items = [{"product_id": products[0]["id"], "quantity": 1}]
    order = await staff.data("POST", "/orders", {"items": items})
    answer = await staff("PATCH", f"/orders/{order['id']}", {"status": "DELIVERED"})
    assert error_of(answer, 409)["code"] == "ILLEGAL_STATUS_MOVE"


async def test_roles_are_kept_apart(customer: Rest, staff: Rest) -> None:
    for rest, path in ((customer, "/reports/sales"), (customer, "/users"), (staff, "/users")):
        assert error_of(await rest("GET", path), 403)["code"] == "PERMISSION_DENIED"
    product = {"sku": "X1", "name": "X", "unit_price": "1.00"}
    error = error_of(await customer("POST", "/products", product), 403)
    assert error["code"] == "PERMISSION_DENIED"
