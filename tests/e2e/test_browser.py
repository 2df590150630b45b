"""The TypeScript client in a browser: pages of allowed origins call by gRPC-Web, and no others."""

from pathlib import Path
from typing import Any

import pytest

from server.local.cluster import Cluster
from tests.clients.typescript.browser import called_by_page
from tests.e2e.conftest import target
from tests.system_packages import require
from tests.typescript import Calls

pytestmark = pytest.mark.timeout(240)  # the first one builds the client
ALLOWED = "http://localhost:3000"  # by envoy/routes.yaml
STRANGE = "http://localhost:3001"
NOBODY = "01900000-0000-7000-8000-000000000000"


def calls(cluster: Cluster) -> Calls:
    login = cluster.login("customer")
    asked: Any = [
        ("auth.login", {"email": login.email, "password": login.password}),
        ("catalog.listProducts[]", {"perPage": 3}),
        ("order.createOrder", {"items": []}, {"headers": {"x-request-id": "of-a-page"}}),
        ("order.getOrder", {"orderId": NOBODY}, {"timeoutMs": 5000}),
        ("session.logout", {}),
    ]
    return Calls(target(cluster, "edge"), asked)


async def test_a_page_signs_in_reads_a_list_and_is_told_refusals(
    typescript: Path, cluster: Cluster, tmp_path: Path
) -> None:
    require("chromium")
    outcomes = await called_by_page(typescript, calls(cluster), ALLOWED, tmp_path)

    login, products, invalid, missing, logout = outcomes
    assert login["answer"]["user"]["email"] == cluster.login("customer").email
    assert len(products["answer"]) > 3
    assert invalid["error"]["name"] == "InvalidRequest"
    assert [each["field"] for each in invalid["error"]["violations"]] == [
        "items",
        "total_price",
    ]
    assert invalid["error"]["requestId"] == "of-a-page"
    assert missing["error"]["reason"] == "ORDER_NOT_FOUND"
    assert "answer" in logout


async def test_a_page_of_another_origin_reaches_nothing(
    typescript: Path, cluster: Cluster, tmp_path: Path
) -> None:
    require("chromium")
    asked = calls(cluster)
    few = asked._replace(calls=asked.calls[:2])
    outcomes = await called_by_page(typescript, few, STRANGE, tmp_path)

    assert len(outcomes) == 2
    assert {outcome["error"]["name"] for outcome in outcomes} == {"Unavailable"}
