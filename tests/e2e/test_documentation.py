"""The pages of the API's documentation in a real browser, which calls nobody but the edge."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio
from playwright.async_api import Browser, Page, Request, async_playwright

from server.local.cluster import Cluster
from tests.system_packages import require

CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 20_000.0
# ReDoc's own, which the page's policy keeps it from.
BLOCKED = "https://cdn.redoc.ly/redoc/logo-mini.svg"


@dataclass
class Seen:
    """What a page has sent out, and what went wrong in it."""

    asked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def failure(self, request: Request) -> None:
        self.failed.append(f"{request.url}: {request.failure}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    require("chromium")
    # The sandbox wants a user who is not root; the pages are ours.
    async with async_playwright() as programs:
        running = await programs.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, cluster: Cluster) -> AsyncIterator[Page]:
    context = await browser.new_context(base_url=cluster.edge_url)
    context.set_default_timeout(PATIENCE_MS)
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def seen(page: Page) -> Seen:
    found = Seen()
    page.on("request", lambda request: found.asked.append(request.url))
    page.on("requestfailed", found.failure)
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on(
        "console",
        lambda said: found.complaints.append(said.text) if said.type == "error" else None,
    )
    return found


async def test_one_signs_in_and_tries_a_call_in_swagger_ui(
    page: Page, seen: Seen, cluster: Cluster
) -> None:
    await page.goto("/api/docs")
    operation = page.locator("#operations-OrderService-ListOrders")
    await operation.locator(".opblock-summary-control").click()
    await operation.locator("button.execute").click()
    status = operation.locator(".live-responses-table .response-col_status").last
    await status.filter(has_text="401").wait_for()

    await page.locator("button.authorize").first.click()
    bearer = page.locator(".auth-container", has_text="http, Bearer")
    await bearer.locator("input").fill(cluster.token("staff"))
    await bearer.locator("button.authorize").click()
    await bearer.locator("button.btn-done").click()
    await operation.locator("button.execute").click()
    await status.filter(has_text="200").wait_for()
    answer = await operation.locator(".live-responses-table .microlight").first.inner_text()
    assert '"status": "success"' in answer

    assert seen.failed == []
    assert [each for each in seen.complaints if "401" not in each] == []
    assert all(url.startswith((f"{cluster.edge_url}/", "data:")) for url in seen.asked)


async def test_redoc_shows_every_operation(page: Page, seen: Seen, cluster: Cluster) -> None:
    await page.goto("/api/redoc")
    await page.get_by_text("GET/api/v1/orders").first.wait_for(state="attached")
    await page.get_by_placeholder("Search...").fill("suspend")
    await page.locator("[data-role='search:results'] label").first.wait_for()

    others = [url for url in seen.asked if not url.startswith((cluster.edge_url, "blob:", "data:"))]
    assert set(others) <= {BLOCKED}
    assert seen.failed == [f"{BLOCKED}: csp"] * len(seen.failed)
    assert [each for each in seen.complaints if BLOCKED not in each] == []
