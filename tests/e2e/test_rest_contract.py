"""The REST contract on a good day: envelope, statuses, headers, paging, etags, keys."""

import re
import uuid
from decimal import Decimal
from typing import Any

import httpx
import pytest

from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, new_email, violated_fields

PASSWORD = "correct horse"
ALWAYS = (
    "x-request-id",
    "x-rate-limit-limit",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
    "cache-control",
    "strict-transport-security",
    "content-security-policy",
    "x-frame-options",
    "x-content-type-options",
    "referrer-policy",
)
NEVER = re.compile(r"grpc-|x-http-status|x-envoy-|^server$|x-body-|x-query-|x-emporium-door")


def new_user(**fields: Any) -> dict[str, Any]:
    return {"email": new_email(), "full_name": "Ann Example", "password": PASSWORD, **fields}


def new_order(products: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": [{"product_id": each["id"], "quantity": 2} for each in products]}


async def test_a_user_is_created_read_changed_and_deleted(
    anyone: Rest, http: httpx.AsyncClient
) -> None:
    created = await anyone("POST", "/users", new_user(age=33))
    assert created.status_code == 201
    user = created.json()["data"]
    assert created.headers["location"] == f"/api/v1/users/{user['id']}"
    assert (user["role"], user["status"], user["age"]) == ("CUSTOMER", "ACTIVE", 33)
    assert "password" not in created.text

    login = await anyone.data("POST", "/auth/login", {"email": user["email"], "password": PASSWORD})
    owner = Rest(http, login["access_token"])
    read = await owner("GET", f"/users/{user['id']}")
    assert read.json()["data"] == user
    assert read.headers["etag"] == f'"{user["etag"]}"'

    changed = await owner.data("PATCH", f"/users/{user['id']}", {"full_name": "Ann Other"})
    assert (changed["full_name"], changed["email"]) == ("Ann Other", user["email"])

    deleted = await owner("DELETE", f"/users/{user['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    gone = await owner("GET", f"/users/{user['id']}")
    assert error_of(gone, 404)["code"] == "USER_NOT_FOUND"


async def test_a_password_is_changed_by_its_owner(anyone: Rest, http: httpx.AsyncClient) -> None:
    user = await anyone.data("POST", "/users", new_user())
    credentials = {"email": user["email"], "password": PASSWORD}
    login = await anyone.data("POST", "/auth/login", credentials)
    owner, new = Rest(http, login["access_token"]), "battery staple"

    wrong = await owner("POST", "/auth/password", {"current_password": new, "password": new})
    assert error_of(wrong, 403)["code"] == "WRONG_PASSWORD"
    common = {"current_password": PASSWORD, "password": "password1"}
    refused = error_of(await owner("POST", "/auth/password", common), 422)
    assert (refused["code"], violated_fields(refused)) == ("PASSWORD_TOO_COMMON", {"password"})
    body = {"current_password": PASSWORD, "password": new}
    changed = await owner("POST", "/auth/password", body)
    assert (changed.status_code, changed.content) == (204, b"")
    assert error_of(await anyone("POST", "/auth/login", credentials), 401)["code"]
    assert await anyone.data("POST", "/auth/login", credentials | {"password": new})


async def test_an_admin_suspends_reinstates_and_gives_a_role(admin: Rest) -> None:
    opened = {"email": new_email(), "full_name": "Ann Example"}
    user = await admin.data("POST", "/users", opened)
    path, key = f"/users/{user['id']}", {"Idempotency-Key": str(uuid.uuid4())}

    outdated = await admin("POST", f"{path}:suspend", headers={"If-Match": '"9"'})
    assert error_of(outdated, 412)["code"] == "ETAG_MISMATCH"
    suspended = await admin("POST", f"{path}:suspend", headers={"If-Match": '"1"', **key})
    assert (suspended.status_code, suspended.json()["data"]["status"]) == (200, "DISABLED")
    reinstated = await admin.data("POST", f"{path}:reinstate", {})
    assert (reinstated["status"], reinstated["etag"]) == ("ACTIVE", "3")
    again = await admin("POST", f"{path}:suspend", headers={"If-Match": '"1"', **key})
    assert again.json()["data"] == suspended.json()["data"]
    assert (await admin.data("GET", path)) == reinstated

    promoted = await admin.data("POST", f"{path}:setRole", {"role": "STAFF"})
    assert promoted["role"] == "STAFF"
    assert error_of(await admin("GET", f"{path}:setRole"), 405)["code"] == "METHOD_NOT_ALLOWED"
    assert error_of(await admin("POST", f"{path}:fly"), 404)["code"] == "ROUTE_NOT_FOUND"


async def test_an_update_mask_clears_what_is_left_out(
    anyone: Rest, http: httpx.AsyncClient
) -> None:
    user = await anyone.data("POST", "/users", new_user(age=33))
    login = await anyone.data("POST", "/auth/login", {"email": user["email"], "password": PASSWORD})
    owner = Rest(http, login["access_token"])
    path = f"/users/{user['id']}"

    cleared = await owner.data("PATCH", path, {"update_mask": "age"})
    assert "age" not in cleared
    assert cleared["full_name"] == user["full_name"]
    assert await owner.data("GET", path) == cleared

    error = error_of(await owner("PATCH", path, {"update_mask": "email"}), 422)
    assert (error["code"], violated_fields(error)) == ("INVALID_UPDATE_MASK", {"update_mask"})


async def test_an_order_is_priced_by_the_shop(
    customer: Rest, products: list[dict[str, Any]], cluster: Cluster
) -> None:
    order = await customer.data("POST", "/orders", new_order(products))
    lines = [Decimal(each["unit_price"]) * 2 for each in products]
    assert order["user_id"] == cluster.login("customer").user_id
    assert order["status"] == "PENDING"
    assert Decimal(order["total_price"]) == sum(lines)
    assert await customer.data("GET", f"/orders/{order['id']}") == order

    user = await customer.data("GET", f"/orders/{order['id']}/user")
    assert user["email"] == cluster.login("customer").email

    mine = await customer.data("GET", f"/users/{order['user_id']}/orders")
    assert order["id"] in [each["id"] for each in mine["orders"]]


async def test_a_customer_cancels_and_deletes_its_order(
    customer: Rest, products: list[dict[str, Any]]
) -> None:
    order = await customer.data("POST", "/orders", new_order(products))
    cancelled = await customer.data("PATCH", f"/orders/{order['id']}", {"status": "CANCELLED"})
    assert cancelled["status"] == "CANCELLED"
    deleted = await customer("DELETE", f"/orders/{order['id']}")
    assert deleted.status_code == 204


async def test_every_answer_has_its_headers_and_no_internals(
    anyone: Rest, customer: Rest, products: list[dict[str, Any]]
) -> None:
    answers = [
        await anyone("GET", f"/products/{products[0]['id']}"),
        await anyone("GET", "/products"),
        await anyone("GET", "/nowhere"),
        await anyone("GET", "/orders"),
        await customer("POST", "/orders", new_order(products)),
        await customer("POST", "/orders", {"items": []}),
        await customer("GET", f"/orders/{uuid.uuid4()}"),
    ]
    for answer in answers:
        missing = [name for name in ALWAYS if name not in answer.headers]
        leaked = [name for name in answer.headers if NEVER.search(name)]
        assert (missing, leaked) == ([], []), f"{answer.request.url}: {answer.status_code}"


async def test_a_list_has_meta_and_leads_on(anyone: Rest) -> None:
    first = (await anyone("GET", "/products?per_page=2&sort=name:asc")).json()
    assert set(first) == {"status", "data", "meta", "request_id"}
    assert set(first["data"]) == {"products"}
    meta = first["meta"]
    assert (meta["page"], meta["per_page"]) == (1, 2)
    assert meta["total"] >= 3

    token = meta["next_page_token"]
    second = (await anyone("GET", f"/products?per_page=2&sort=name:asc&page_token={token}")).json()
    by_number = (await anyone("GET", "/products?per_page=2&sort=name:asc&page=2")).json()
    assert second["data"] == by_number["data"]
    assert second["meta"]["page"] == 2


async def test_a_page_beyond_the_end_is_empty(anyone: Rest) -> None:
    answer = (await anyone("GET", "/products?page=5000")).json()
    assert answer["data"] == {"products": []}
    assert answer["meta"]["next_page_token"] == ""


async def test_if_none_match_saves_the_body(anyone: Rest, products: list[dict[str, Any]]) -> None:
    path = f"/products/{products[0]['id']}"
    etag = (await anyone("GET", path)).headers["etag"]
    same = await anyone("GET", path, headers={"if-none-match": etag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    other = await anyone("GET", path, headers={"if-none-match": '"another"'})
    assert other.status_code == 200


async def test_if_match_refuses_an_outdated_change(
    customer: Rest, products: list[dict[str, Any]]
) -> None:
    created = await customer("POST", "/orders", new_order(products))
    path, etag = created.headers["location"], {"if-match": created.headers["etag"]}
    first = await customer("PATCH", path, {"status": "CANCELLED"}, headers=etag)
    assert first.status_code == 200
    assert error_of(await customer("DELETE", path, headers=etag), 412)["code"] == "ETAG_MISMATCH"


async def test_an_idempotency_key_makes_a_create_happen_once(
    customer: Rest, products: list[dict[str, Any]]
) -> None:
    key = {"idempotency-key": str(uuid.uuid4())}
    first = await customer("POST", "/orders", new_order(products), headers=key)
    again = await customer("POST", "/orders", new_order(products), headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["data"] == again.json()["data"]

    other = await customer("POST", "/orders", new_order(products[:1]), headers=key)
    assert error_of(other, 409)["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_sent_request_id_comes_back(anyone: Rest) -> None:
    answer = await anyone("GET", "/products", headers={"x-request-id": "my-id-1"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_an_event_is_recorded_once(customer: Rest, cluster: Cluster) -> None:
    event = {"type": "product.viewed", "properties": {"from": "search"}}
    key = {"idempotency-key": str(uuid.uuid4())}
    first = await customer("POST", "/events", event, headers=key)
    assert first.status_code == 201
    assert first.json()["data"]["user_id"] == cluster.login("customer").user_id
    again = await customer("POST", "/events", event, headers=key)
    assert again.json()["data"] == first.json()["data"]


@pytest.mark.parametrize("encoding", ["gzip", "br"])
async def test_answers_are_compressed_when_asked(anyone: Rest, encoding: str) -> None:
    answer = await anyone("GET", "/products?per_page=100", headers={"accept-encoding": encoding})
    assert answer.headers["content-encoding"] == encoding


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_health_and_readiness_are_told(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "success")
