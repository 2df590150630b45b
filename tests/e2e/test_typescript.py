"""The TypeScript client and the whole cluster: gRPC and gRPC-Web, through the edge and past it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from server.local.cluster import Cluster
from tests.e2e.conftest import target
from tests.typescript import Calls, called, run

pytestmark = pytest.mark.timeout(240)  # the first one builds the client
NOBODY = "01900000-0000-7000-8000-000000000000"

NODE, WEB = "@emporium/client", "@emporium/client/web"
DOORS = {
    "gRPC to the services": (NODE, "services"),
    "gRPC through the edge": (NODE, "edge"),
    "gRPC-Web through the edge": (WEB, "edge"),
}


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, cluster: Cluster) -> tuple[str, str | Mapping[str, str]]:
    """An entry of the package, and where it is to call."""
    entry, door = DOORS[request.param]
    return entry, cluster.record.grpc if door == "services" else target(cluster, "edge")


def credentials(cluster: Cluster, role: str) -> dict[str, str]:
    """The e-mail and the password of a demo login."""
    login = cluster.login(role)
    return {"email": login.email, "password": login.password}


async def test_who_has_signed_in_orders_once_reads_lists_and_signs_out(
    typescript: Path, cluster: Cluster, door: tuple[str, str], products: list[dict[str, Any]]
) -> None:
    entry, targets = door
    order = {"items": [{"productId": products[0]["id"], "quantity": 2}], "requestId": str(uuid4())}
    calls: Any = [
        ("auth.login", credentials(cluster, "customer")),
        ("catalog.listProducts[]", {"perPage": 3}),
        ("order.createOrder", order),
        ("order.createOrder", order),
        ("order.listOrders", {"perPage": 1, "sort": "created_at:desc"}),
        ("session.logout", {}),
        ("order.listOrders", {}),
    ]
    outcomes = await called(typescript, Calls(targets, calls, entry))

    [login, found, placed, again, listed, _, refused] = outcomes
    assert login["answer"]["user"]["email"] == calls[0][1]["email"]
    assert len({product["id"] for product in found["answer"]}) == len(found["answer"]) > 3
    assert placed["answer"]["items"][0]["quantity"] == 2
    assert again["answer"]["id"] == placed["answer"]["id"]
    assert listed["answer"]["orders"][0]["id"] == placed["answer"]["id"]
    assert (refused["error"]["name"], refused["error"]["reason"]) == (
        "Unauthenticated",
        "UNAUTHENTICATED",
    )


async def test_refusals_are_told_with_reason_fields_and_request_id(
    typescript: Path, cluster: Cluster, door: tuple[str, str]
) -> None:
    entry, targets = door
    calls: Any = [
        ("order.getOrder", {"orderId": NOBODY}),
        ("user.createUser", {"email": "nonsense", "fullName": ""}),
        ("user.listUsers", {}),
        ("order.getOrder", {"orderId": NOBODY}, {"headers": {"x-request-id": "of-my-own"}}),
        ("user.createUser", {"fullName": {"repeated": 5_000_000}}),
    ]
    token = cluster.token("customer")
    outcomes = await called(typescript, Calls(targets, calls, entry, {"token": token}))

    missing, invalid, forbidden, identified, large = [outcome["error"] for outcome in outcomes]
    assert (missing["name"], missing["reason"]) == ("NotFound", "ORDER_NOT_FOUND")
    assert missing["requestId"]
    assert (invalid["name"], invalid["reason"]) == ("InvalidRequest", "VALIDATION_FAILED")
    assert {each["field"] for each in invalid["violations"]} >= {"email", "full_name"}
    assert (forbidden["name"], forbidden["reason"]) == ("PermissionDenied", "PERMISSION_DENIED")
    assert identified["requestId"] == "of-my-own"
    assert (large["name"], large["reason"]) == ("TooLarge", "BODY_TOO_LARGE")


async def test_the_example_of_the_readme_runs(typescript: Path, cluster: Cluster) -> None:
    compiled = (typescript / "dist" / "example" / "readme.js").read_text()
    staff = credentials(cluster, "staff")
    for shown, real in {
        "localhost:8080": target(cluster, "edge"),
        "staff@emporium.example": staff["email"],
        "the password from cluster.json": staff["password"],
    }.items():
        assert compiled.count(shown) == 1
        compiled = compiled.replace(json.dumps(shown), json.dumps(real))
    (typescript / "readme.js").write_text(compiled)

    done = await run(typescript, "readme.js")

    assert done.code == 0, done.output
    *products, order, refusal = done.output.splitlines()
    assert len(products) > 3
    assert float(order.split()[0]) > 0
    assert refusal.startswith("NOTHING_TO_UPDATE ")
