"""The audit log by the real doors: who was refused, who signed in, who did what to whom."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

from tests.e2e.conftest import Rest, error_of

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

    events = await listed(admin, lambda found: len(found) >= 6, subject=user["id"])
    told = {(each["action"].rpartition("/")[2], each["outcome"]) for each in events}
    assert told == {
        ("CreateUser", "OK"),
        ("Login", "BAD_CREDENTIALS"),
        ("Login", "OK"),
        ("GetUser", "USER_NOT_FOUND"),
        ("SuspendUser", "OK"),
        ("DeleteUser", "OK"),
    }
    by_admin = [each for each in events if each.get("actor_role") == "ADMIN"]
    assert {each["address"] for each in by_admin} == {"127.0.0.1"}
    assert {each["address"] for each in events if not each["actor_id"]} == {""}, "he was erased"
    assert email not in str(events)


async def test_the_log_is_for_admins(staff: Rest, anyone: Rest) -> None:
    error_of(await staff("GET", "/audit-events"), 403)
    error_of(await anyone("GET", "/audit-events"), 401)


async def test_its_pages_are_those_of_every_list(admin: Rest) -> None:
    answer = (await admin("GET", "/audit-events?per_page=1&sort=first_at:asc")).json()
    assert set(answer["meta"]) >= {"page", "per_page", "total", "next_page_token"}
    assert error_of(await admin("GET", "/audit-events?sort=actor"), 422)["code"] == (
        "UNKNOWN_SORT_FIELD"
    )
    refused = error_of(await admin("GET", "/audit-events?outcome=fine"), 422)
    assert refused["code"] == "INVALID_FILTER"
