"""Payments by every door of a whole cluster, with the sandbox as a process beside it."""

import hashlib
import hmac
import json
import time
import uuid
from typing import Any

from emporium import Emporium, Payment
from server.local.cluster import Cluster
from server.local.home import keys
from server.local.home.folder import read_private
from tests.e2e.conftest import Rest, error_of, target
from tests.waiting import until

NOTICES = "/payment-notices/sandbox"


async def ordered(staff: Rest, cluster: Cluster, price: str = "10.00") -> str:
    """The id of an order of the demo customer."""
    line = {"product_name": "Stove", "unit_price": price, "quantity": 1}
    body = {"items": [line], "user_id": cluster.login("customer").user_id}
    return str((await staff.data("POST", "/orders", body))["id"])


def signed(cluster: Cluster, notice: Any, age: int = 0) -> tuple[bytes, dict[str, str]]:
    """A notice as it is sent, and its headers."""
    secret = read_private(keys.sandbox_secret_file(cluster.home))["secret"].encode()
    body, at = json.dumps(notice).encode(), int(time.time()) - age
    code = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"payment-signature": f"t={at},v1={code}", "content-type": "application/json"}
    return body, headers


async def test_payments_by_rest(staff: Rest, customer: Rest, cluster: Cluster) -> None:
    order_id = await ordered(staff, cluster)
    path = f"/orders/{order_id}/payments"
    key = {"idempotency-key": uuid.uuid4().hex}
    body = {"provider_token": "tok_approved", "amount": "10.00", "capture": False}
    made = await customer("POST", path, body, headers=key)
    assert made.status_code == 201
    payment = made.json()["data"]
    assert made.headers["location"] == f"/api/v1/payments/{payment['id']}"
    expected = {"status": "AUTHORIZED", "amount": "10.00", "captured": "0.00", "refunded": "0.00"}
    assert {name: payment[name] for name in expected} == expected
    assert (await customer("POST", path, body, headers=key)).json()["data"] == payment
    assert (await customer.data("GET", f"/orders/{order_id}"))["payment_status"] == "AUTHORIZED"
    one = f"/payments/{payment['id']}"
    read = await customer("GET", one)
    assert (read.json()["data"], read.headers["etag"]) == (payment, f'"{payment["etag"]}"')
    assert error_of(await customer("POST", f"{one}:capture", {}), 403)
    taken = await staff.data("POST", f"{one}:capture", {})
    assert taken["status"] == "CAPTURED"
    paid = await customer.data("GET", f"/orders/{order_id}")
    assert (paid["status"], paid["payment_status"]) == ("PAID", "PAID")
    refunded = await staff.data("POST", f"{one}:refund", {"amount": "2.50", "reason": "A dent"})
    assert (refunded["status"], refunded["refunded"]) == ("PARTIALLY_REFUNDED", "2.50")
    illegal = error_of(await staff("POST", f"{one}:void", {}), 409)
    assert illegal["code"] == "ILLEGAL_PAYMENT_MOVE"
    listed = (await customer("GET", path)).json()
    assert [each["id"] for each in listed["data"]["payments"]] == [payment["id"]]
    assert listed["meta"]["total"] == 1


async def test_a_decline_is_a_payment(staff: Rest, customer: Rest, cluster: Cluster) -> None:
    path = f"/orders/{await ordered(staff, cluster)}/payments"
    made = await customer("POST", path, {"provider_token": "tok_declined"})
    assert made.status_code == 201
    assert made.json()["data"]["decline_reason"] == "card_declined"


async def test_card_numbers_are_refused_and_stand_in_no_log(
    staff: Rest, customer: Rest, cluster: Cluster
) -> None:
    number = "4000-0566-5566-5556"
    path = f"/orders/{await ordered(staff, cluster)}/payments"
    found = await customer("POST", path, {"provider_token": number})
    assert error_of(found, 422)["code"] == "CARD_NUMBER_REFUSED"
    unknown = await customer("POST", path, {"provider_token": "tok_approved", "card": number})
    assert error_of(unknown, 400)["code"] == "UNKNOWN_FIELD"
    for answer in (found, unknown):
        assert number not in answer.text
    for file in cluster.home.log_file("order").parent.iterdir():
        assert number.encode() not in file.read_bytes()


async def test_a_late_notice_comes_in_by_the_edge(
    staff: Rest, customer: Rest, cluster: Cluster
) -> None:
    order_id = await ordered(staff, cluster)
    body = {"provider_token": "tok_late_notice"}
    made = await customer.data("POST", f"/orders/{order_id}/payments", body)
    assert (made["status"], made["in_progress"]) == ("PENDING", True)

    async def is_paid() -> bool:
        found = await customer.data("GET", f"/orders/{order_id}")
        return bool(found["status"] == "PAID")

    await until(is_paid)


async def test_notices_are_signed_over_their_bytes(anyone: Rest, cluster: Cluster) -> None:
    # The names in it are the provider's, not fields of ours.
    told = {"id": uuid.uuid4().hex, "key": str(uuid.uuid4()), "provider": "x", "more": {"a": [1]}}
    body, headers = signed(cluster, told)
    for _ in range(2):
        answer = await anyone("POST", NOTICES, content=body, headers=headers)
        assert (answer.status_code, answer.json()["data"]) == (200, {})
    forged = await anyone("POST", NOTICES, content=body + b" ", headers=headers)
    assert error_of(forged, 422)["code"] == "NOTICE_NOT_SIGNED"
    old, stale = signed(cluster, told, age=301)
    assert error_of(await anyone("POST", NOTICES, content=old, headers=stale), 422)
    unsigned = {"content-type": "application/json"}
    assert error_of(await anyone("POST", NOTICES, content=body, headers=unsigned), 422)
    elsewhere = await anyone("POST", "/payment-notices/nobody", content=body, headers=headers)
    assert error_of(elsewhere, 404)["code"] == "PAYMENT_PROVIDER_NOT_FOUND"


async def test_notices_are_not_counted(anyone: Rest, cluster: Cluster) -> None:
    body, headers = signed(cluster, {"id": uuid.uuid4().hex, "key": str(uuid.uuid4())})
    notice = await anyone("POST", NOTICES, content=body, headers=headers)
    assert "x-rate-limit-remaining" not in notice.headers
    assert "x-rate-limit-remaining" in (await anyone("GET", "/products?per_page=1")).headers


async def test_by_the_client_while_the_sandbox_is_killed(staff: Rest, cluster: Cluster) -> None:
    order_id = await ordered(staff, cluster)
    async with Emporium(target(cluster, "edge"), token=cluster.token("staff")) as shop:
        declined = await shop.payments.create(order_id, "tok_declined")
        assert declined.status == Payment.DECLINED
        lost = await shop.payments.create(order_id, "tok_reply_lost", amount="4.00")
        assert lost.status == Payment.PENDING
        cluster.kill("sandbox")
        await cluster.until_ready("sandbox")

        async def is_found() -> bool:
            return (await shop.payments.get(lost.id)).status == Payment.CAPTURED

        await until(is_found)
        rest = await shop.payments.create(order_id, "tok_approved", capture=False)
        assert (rest.amount, rest.status) == ("6.00", Payment.AUTHORIZED)
        assert (await shop.payments.void(rest.id)).status == Payment.VOIDED
        await shop.payments.create(order_id, "tok_approved")
        back = await shop.payments.refund(lost.id, amount="1.00", reason="A dent")
        assert back.refunded == "1.00"
        states = [each.status async for each in shop.payments.list(order_id)]
        assert states == [
            Payment.DECLINED,
            Payment.PARTIALLY_REFUNDED,
            Payment.VOIDED,
            Payment.CAPTURED,
        ]
