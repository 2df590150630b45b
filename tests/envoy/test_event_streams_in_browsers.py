"""A page of an allowed origin reads streams, by EventSource and by fetch."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, async_playwright

from server.kit import auth
from tests.envoy.conftest import KEY, Edge, edge_before, signed
from tests.envoy.more_rpcs import source_with
from tests.envoy.ticking import PROTO, WATCH, WATCH_OWN, Ticking, ticking
from tests.server.kit.changing import Changing
from tests.system_packages import require

CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 30_000.0
ALLOWED = "http://localhost:3000/"  # by envoy/routes.yaml
BEATS_OF_A_STREAM = 17

LISTEN = """
url => {
  window.told = [];
  const source = new EventSource(url);
  const tell = event => window.told.push([event.type, event.lastEventId, source.readyState]);
  source.onopen = source.onmessage = tell;
  source.addEventListener("end", event => { source.close(); tell(event); });
}
"""
FETCH = """
async ([url, token]) => {
  const answer = await fetch(url, {
    method: "POST",
    headers: {authorization: "Bearer " + token, "content-type": "application/json",
              "last-event-id": "1"},
    body: "{}",
  });
  return [answer.status, answer.headers.get("content-type"), await answer.text()];
}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def started(tmp_path: Path) -> AsyncIterator[tuple[Edge, Ticking]]:
    require("chromium")
    (tmp_path / "edge").mkdir()
    async with (
        ticking(Changing(auth.Verifier(auth.jwks([KEY])))) as service,
        edge_before(service, tmp_path / "edge", source=source_with(PROTO, tmp_path)) as edge,
    ):
        yield edge, service


@pytest_asyncio.fixture(loop_scope="session")
async def page(started: tuple[Edge, Ticking]) -> AsyncIterator[Page]:
    async with async_playwright() as programs:
        # The sandbox wants a user who is not root. What stands in for the page's server has no
        # address, and the browser would ask a person whether it may call this machine.
        browser = await programs.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"],
        )
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await page.route(ALLOWED, lambda route: route.fulfill(body="", content_type="text/html"))
        await page.goto(ALLOWED)
        yield page
        await browser.close()


async def test_an_event_source_goes_on_where_it_was(
    page: Page, started: tuple[Edge, Ticking]
) -> None:
    edge, service = started
    await service.ticks.become(last=1)
    await page.evaluate(LISTEN, f"http://127.0.0.1:{edge.port}{WATCH}")
    await page.wait_for_function("window.told.length == 2")
    for _ in range(BEATS_OF_A_STREAM + 1):  # and the one that opens the next
        service.beats.beat()
    await page.wait_for_function("window.told.length == 3")
    await service.ticks.become(last=2, is_over=True)
    await page.wait_for_function("window.told.length == 5")
    opened = ["open", None, 1]
    assert await page.evaluate("window.told") == [
        opened,
        ["message", "1", 1],
        opened,
        ["message", "2", 1],
        ["end", "2", 2],
    ]


async def test_fetch_reads_what_needs_a_token(page: Page, started: tuple[Edge, Ticking]) -> None:
    edge, service = started
    await service.ticks.become(last=2, is_over=True)
    url = f"http://127.0.0.1:{edge.port}{WATCH_OWN}"
    status, kind, text = await page.evaluate(FETCH, [url, signed()])
    assert (status, kind) == (200, "text/event-stream")
    assert text.startswith("retry: 2000\n\nid: 2\ndata: ")
    assert text.endswith("event: end\ndata: {}\n\n")
