"""A page of a real browser that makes calls by the TypeScript client."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.node import ended
from tests.typescript import CALLERS, Calls

_PAGE = b'<!doctype html><title>Calls</title><script type="module" src="/page.js"></script>'
# A test's browser has its rights already, and little shared memory in a container.
_CHROMIUM = (
    "chromium",
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
)


async def called_by_page(package: Path, calls: Calls, origin: str, home: Path) -> list[Any]:
    """What came of each call by a page of `origin`, which is `http://` and a host and port."""
    bundle = home / "page.js"
    build = ("node_modules/.bin/esbuild", f"{CALLERS.name}/page.js", "--bundle", "--format=esm")
    assert (await ended(*build, f"--outfile={bundle}", folder=package)).code == 0
    files = {"/": _PAGE, "/page.js": bundle.read_bytes()}
    files["/calls.json"] = json.dumps(calls._asdict()).encode()
    async with _served(files) as (port, told):
        # The browser finds the origin's host and port at the server's.
        found = f"--host-resolver-rules=MAP {origin.removeprefix('http://')} 127.0.0.1:{port}"
        profile = f"--user-data-dir={home / 'profile'}"
        browser = await asyncio.create_subprocess_exec(
            *_CHROMIUM, found, profile, f"{origin}/", stderr=subprocess.DEVNULL
        )
        try:
            lines = await told
        finally:
            browser.terminate()
            await browser.wait()
    return [json.loads(line) for line in lines.splitlines()]


@asynccontextmanager
async def _served(files: dict[str, bytes]) -> AsyncIterator[tuple[int, asyncio.Future[str]]]:
    """A server of `files` on a free port, and what a page will have told it."""
    loop = asyncio.get_running_loop()
    told = loop.create_future()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(files.get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self._answer(b"")
            loop.call_soon_threadsafe(told.set_result, body.decode())

        def _answer(self, content: bytes | None) -> None:
            self.send_response(404 if content is None else 200)
            is_script = self.path.endswith(".js")
            self.send_header("content-type", "text/javascript" if is_script else "text/html")
            self.send_header("content-length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            """Tests print nothing that passes."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
