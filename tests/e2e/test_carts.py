"""Saved addresses and carts by REST and by the client: from a visitor's cart to an order."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from emporium import Address, Emporium, NotFound
from server.local.cluster import Cluster
from server.local.home import keys
from tests.e2e.conftest import Rest, error_of, new_email, target

HOME = {"recipient": "Ann", "street": "1 High Street", "city": "Leeds", "country_code": "GB"}


@pytest.fixture
async def mug(staff: Rest) -> dict[str, Any]:
    body = {"sku": uuid.uuid4().hex, "name": "Mug", "unit_price": "2.50"}
    made: dict[str, Any] = await staff.data("POST", "/products", body)
    return made


@pytest.fixture
async def ann(cluster: Cluster, http: httpx.AsyncClient, admin: Rest) -> tuple[Rest, str]:
    """Somebody new, and the account's id."""
    user = await admin.data("POST", "/users", {"email": new_email(), "full_name": "Ann"})
    return Rest(http, keys.token(cluster.home, user["id"], "CUSTOMER", 600)), user["id"]


async def test_from_a_visitors_cart_to_an_order_by_rest(
    anyone: Rest, ann: tuple[Rest, str], mug: dict[str, Any]
) -> None:
    customer, user_id = ann
    made = await anyone("POST", "/carts", {})
    cart = made.json()["data"]
    assert (made.status_code, made.headers["location"]) == (201, f"/api/v1/carts/{cart['id']}")
    assert "cache-control" in made.headers
    path, secret = f"/carts/{cart['id']}", {"cart-secret": cart["secret"]}
    line = await anyone("PATCH", f"{path}/items/{mug['id']}", {"quantity": 2}, headers=secret)
    assert line.status_code == 200, line.text
    assert line.json()["data"]["line_total"] == "5.00"
    error = error_of(await anyone("GET", path), 404)
    assert error["code"] == "CART_NOT_FOUND"
    in_the_query = await anyone("GET", f"{path}?secret={cart['secret']}")
    assert error_of(in_the_query, 400)["code"] == "UNKNOWN_FIELD"
    seen = await anyone("GET", path, headers=secret)
    assert seen.json()["data"]["quote"]["subtotal"] == "5.00"
    assert cart["secret"] not in seen.text
    known = {**secret, "if-none-match": seen.headers["etag"]}
    assert (await anyone("GET", path, headers=known)).status_code == 304
    saved = await customer.data("POST", f"/users/{user_id}/addresses", {"address": HOME})
    assert saved["is_default"]
    merged = await customer("POST", f"{path}:merge", {}, headers=secret)
    assert merged.status_code == 200, merged.text
    mine = merged.json()["data"]
    assert (mine["user_id"], mine["items"][0]["quantity"]) == (user_id, 2)
    own = f"/carts/{mine['id']}"
    await customer.data("PATCH", own, {"shipping_address_id": saved["id"]})
    orders = await asyncio.gather(*(customer.data("POST", f"{own}:checkout", {}) for _ in range(4)))
    assert {each["id"] for each in orders} == {orders[0]["id"]}
    assert orders[0]["shipping_address"]["street"] == HOME["street"]
    assert (await customer.data("GET", own))["order_id"] == orders[0]["id"]
    listed = await customer.data("GET", "/orders")
    assert len(listed["orders"]) == 1


async def test_addresses_by_rest(ann: tuple[Rest, str], stranger: Rest) -> None:
    customer, user_id = ann
    path = f"/users/{user_id}/addresses"
    made = await customer("POST", path, {"address": HOME, "label": "Home"})
    home = made.json()["data"]
    assert (made.status_code, made.headers["location"]) == (201, f"/api/v1{path}/{home['id']}")
    work = await customer.data("POST", path, {"address": HOME, "label": "Work"})
    moved = await customer.data("PATCH", f"{path}/{work['id']}", {"is_default": True})
    assert moved["is_default"]
    listed = (await customer.data("GET", path))["addresses"]
    assert [each["is_default"] for each in listed] == [False, True]
    stale = await customer(
        "PATCH", f"{path}/{home['id']}", {"label": "x"}, headers={"if-match": f'"{home["etag"]}"'}
    )
    assert error_of(stale, 412)["code"] == "ETAG_MISMATCH"
    foreign = await stranger("GET", f"{path}/{home['id']}")
    assert error_of(foreign, 404)["code"] == "USER_NOT_FOUND"
    assert (await customer("DELETE", f"{path}/{work['id']}")).status_code == 204
    body = {"items": [], "shipping_address": HOME, "shipping_address_id": home["id"]}
    assert error_of(await customer("POST", "/orders", body), 422)["code"] == "VALIDATION_FAILED"


async def test_the_client_knows_them(cluster: Cluster, mug: dict[str, Any], admin: Rest) -> None:
    user = await admin.data("POST", "/users", {"email": new_email(), "full_name": "Ann"})
    token = keys.token(cluster.home, user["id"], "CUSTOMER", 600)
    async with (
        Emporium(target(cluster, "edge")) as anyone,
        Emporium(target(cluster, "edge"), token=token) as shop,
    ):
        home = await shop.addresses.create(user["id"], Address(**HOME), label="Home")
        cleared = await shop.addresses.update(user["id"], home.id, label=None)
        assert (cleared.label, cleared.is_default) == ("", True)
        assert [each.id async for each in shop.addresses.list(user["id"])] == [home.id]
        cart = await anyone.carts.create()
        await anyone.carts.set_item(cart.id, mug["id"], 3, secret=cart.secret)
        with pytest.raises(NotFound):
            await anyone.carts.get(cart.id)
        mine = await shop.carts.merge(cart.id, cart.secret)
        noted = await shop.carts.update(mine.id, shipping_address_id=home.id)
        assert noted.quote.total_price == "7.50"
        noted = await shop.carts.update(mine.id, shipping_address_id=None)
        assert noted.shipping_address_id == ""
        order = await shop.carts.checkout(
            mine.id, shipping_address_id=home.id, total_price=noted.quote.total_price
        )
        assert order.shipping_address == Address(**HOME)
        assert await shop.carts.checkout(mine.id) == order
        await shop.addresses.delete(user["id"], home.id)
        another = await shop.carts.create()
        await shop.carts.set_item(another.id, mug["id"], 1)
        await shop.carts.remove_item(another.id, mug["id"])
        await shop.carts.delete(another.id)
