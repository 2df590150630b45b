"""The audit log by the real doors: who was refused, who signed in, who did what to whom."""

import asyncio
import ipaddress
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg

from server.kit.audit.wire import from_bytes, to_bytes
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, violated_fields
from tests.server.cli.running import emporium
from tests.server.kit.audit.records import NOON, record

PASSWORD = "correct horse battery"


async def listed(
    admin: Rest, wanted: Callable[[list[Any]], bool], **filters: str
) -> list[dict[str, Any]]:
    """The records with those filters, as soon as they are what is wanted."""
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    while True:
        data = await admin.data("GET", f"/audit-events?per_page=100&{query}")
        events: list[dict[str, Any]] = data["audit_events"]
        if wanted(events):
            return events
        await asyncio.sleep(0.1)


async def test_an_admin_reads_what_became_of_an_account(
    admin: Rest, anyone: Rest, staff: Rest
) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    person = {"email": email, "full_name": "Ann Example", "password": PASSWORD}
    user = await anyone.data("POST", "/users", person)
    login = {"email": email, "password": PASSWORD}
    error_of(await anyone("POST", "/auth/login", login | {"password": "not this one"}), 401)
    await anyone.data("POST", "/auth/login", login)
    error_of(await staff("GET", f"/users/{user['id']}"), 404)
    await admin.data("POST", f"/users/{user['id']}:suspend", {})
    assert (await admin("DELETE", f"/users/{user['id']}")).status_code == 204

    events = await listed(admin, lambda found: len(found) >= 8, subject=user["id"])
    assert all(each["address"] for each in events if each.get("actor_role") == "ADMIN")
    told = {(each["action"].rpartition("/")[2], each["outcome"]) for each in events}
    assert told == {
        ("CreateUser", "OK"),
        ("Login", "BAD_CREDENTIALS"),
        ("Login", "OK"),
        ("GetUser", "USER_NOT_FOUND"),
        ("SuspendUser", "OK"),
        ("DeleteUser", "OK"),
        ("EraseBuyer", "OK"),
        ("EraseActivity", "OK"),
    }
    assert {each["address"] for each in events if not each["actor_id"]} == {""}, "he was erased"
    assert email not in str(events)


async def test_what_staff_do_in_other_services_is_kept_too(
    admin: Rest, staff: Rest, products: list[Any]
) -> None:
    line = {"product_id": products[0]["id"], "quantity": 1}
    order = await admin.data("POST", "/orders", {"items": [line]})
    await staff.data("GET", f"/orders/{order['id']}")
    await staff.data("GET", "/reports/sales?from=2010-12-01&to=2010-12-01")
    error_of(await staff("GET", f"/orders/{uuid.uuid4()}"), 404)

    read = await listed(
        admin,
        lambda found: any(order["id"] in each["resource"] for each in found),
        action="emporium.order.v1.OrderService/GetOrder",
        outcome="ok",
    )
    [event] = [each for each in read if order["id"] in each["resource"]]
    assert (event["service"], event["actor_role"]) == ("order", "STAFF")
    assert event["subject_id"] == order["user_id"]
    assert str(ipaddress.ip_address(event["address"]))
    report = "emporium.analytics.v1.ReportService/GetSalesReport"
    [event, *_] = await listed(admin, bool, action=report)
    assert (event["service"], event["actor_role"]) == ("analytics", "STAFF")


async def test_what_a_role_alone_allows_is_kept_though_it_is_one_s_own(
    admin: Rest, staff: Rest, products: list[Any]
) -> None:
    """A price that a clerk gives himself, and an order that he calls paid."""
    line = {"product_id": products[0]["id"], "quantity": 1}
    plain = await staff.data("POST", "/orders", {"items": [line]})
    cheap = await staff.data("POST", "/orders", {"items": [line | {"unit_price": "0.01"}]})
    await staff.data("PATCH", f"/orders/{cheap['id']}", {"status": "PAID"})
    await staff.data("PATCH", f"/orders/{plain['id']}", {"status": "CANCELLED"})

    async def kept(action: str) -> list[str]:
        found = await listed(
            admin,
            lambda found: any(cheap["id"] in each["resource"] for each in found),
            action=f"emporium.order.v1.OrderService/{action}",
            outcome="ok",
        )
        return [each["resource"] for each in found]

    for action in ("CreateOrder", "UpdateOrder"):
        resources = await kept(action)
        assert any(cheap["id"] in each for each in resources)
        assert not any(plain["id"] in each for each in resources)


async def test_a_record_that_the_log_never_takes_is_set_aside_and_holds_back_no_other(
    cluster: Cluster, admin: Rest, staff: Rest
) -> None:
    action, far = "emporium.order.v1.OrderService/GetOrder", NOON + timedelta(days=36_500)
    bad = record(service="order", action=action, first_at=far, last_at=far)
    connection = await asyncpg.connect(cluster.record.postgres["order"])
    try:
        waits = "INSERT INTO audit_waiting (id, event) VALUES ($1, $2)"
        await connection.execute(waits, bad.id, to_bytes(bad))
        missing = str(uuid.uuid4())
        error_of(await staff("GET", f"/orders/{missing}"), 404)
        await listed(
            admin,
            lambda found: any(missing in each["resource"] for each in found),
            action=action,
            outcome="order_not_found",
        )
        why, kept = "SELECT refused, event FROM audit_waiting WHERE id = $1", None
        while kept is None or not kept["refused"]:
            kept = await connection.fetchrow(why, bad.id)
        assert "audit_events[0].first_at: must be of the last 30 days" in kept["refused"]
        assert from_bytes(kept["event"]) == bad.without_origin()
    finally:
        await connection.execute("DELETE FROM audit_waiting WHERE id = $1", bad.id)
        await connection.close()


async def test_a_body_that_the_edge_refuses_is_kept_as_the_caller_was_told(
    admin: Rest, anyone: Rest
) -> None:
    """The edge may have begun the call when it finds out, and then cuts it off."""
    of_logins = "/audit-events?action=emporium.user.v1.AuthService/Login&outcome="
    found: list[Any] = []
    while not found:
        json = {"content-type": "application/json"}
        answer = await anyone("POST", "/auth/login", content=b'{"email": 5}', headers=json)
        assert error_of(answer, 400)["code"] == "MALFORMED_REQUEST"
        found = (await admin.data("GET", f"{of_logins}malformed_request"))["audit_events"]
    assert not (await admin.data("GET", f"{of_logins}deadline_exceeded"))["audit_events"]


async def test_the_log_is_for_admins(staff: Rest, anyone: Rest) -> None:
    error_of(await staff("GET", "/audit-events"), 403)
    error_of(await anyone("GET", "/audit-events"), 401)


async def test_its_pages_are_those_of_every_list(admin: Rest) -> None:
    answer = (await admin("GET", "/audit-events?per_page=1&sort=first_at:asc")).json()
    assert set(answer["meta"]) >= {"page", "per_page", "total", "next_page_token"}
    assert error_of(await admin("GET", "/audit-events?sort=actor"), 422)["code"] == (
        "UNKNOWN_SORT_FIELD"
    )
    for query in ("outcome=fine", "actor=me", "action=Login"):
        refused = error_of(await admin("GET", f"/audit-events?{query}"), 422)
        assert refused["code"] == "INVALID_FILTER"
        assert violated_fields(refused) == {query.partition("=")[0]}


async def test_the_command_line_lists_it(cluster: Cluster, admin: Rest) -> None:
    async def said(*options: str) -> tuple[int, list[str]]:
        home = ("--home", str(cluster.home.directory))
        ended = await asyncio.to_thread(emporium, "audit", *home, *options)
        return ended.returncode, (ended.stdout + ended.stderr).splitlines()

    reading = "emporium.user.v1.AuditService/ListAuditEvents"
    await said()  # an admin's reading, which is kept
    await listed(admin, bool, action=reading, outcome="ok")
    code, lines = await said("--action", reading, "--outcome", "ok", "--limit", "1")
    assert (code, len(lines)) == (0, 1)
    assert f"(admin)  {reading}  OK" in lines[0]
    assert await said("--before", "1970-01-02") == (0, ["no records"])
    code, lines = await said("--outcome", "fine")
    assert code == 1
    assert "must be ok, or the reason of an error" in " ".join(lines)
