"""The TypeScript client by its own tests, and by what judges its code."""

from pathlib import Path

import pytest

from tests.node import ended
from tests.typescript import SOURCE

pytestmark = pytest.mark.timeout(240)  # the first one builds it
FUNCTION_LINES_MAX = 70


async def test_its_own_tests_pass(typescript: Path) -> None:
    done = await ended("npm", "run", "--silent", "test", folder=typescript)
    assert done.code == 0, done.output


async def test_eslint_and_prettier_find_nothing(typescript: Path) -> None:
    done = await ended("npm", "run", "--silent", "lint", folder=typescript)
    assert done.code == 0, done.output


async def test_eslint_finds_what_is_planted(typescript: Path) -> None:
    planted = typescript / "src" / "planted.ts"
    lines = "  void Promise.resolve();\n" * FUNCTION_LINES_MAX
    planted.write_text(
        f"export async function planted(given: any) {{\n  fetch(given);\n{lines}}}\n"
    )
    try:
        done = await ended("node_modules/.bin/eslint", "src/planted.ts", folder=typescript)
    finally:
        planted.unlink()
    assert done.code != 0
    for rule in ("no-explicit-any", "no-floating-promises", "max-lines-per-function"):
        assert rule in done.output


async def test_a_page_needs_nothing_of_node(typescript: Path) -> None:
    """A bundler for pages refuses what these have not; the entry for Node.js is the control."""
    bundle = ("node_modules/.bin/esbuild", "--bundle", "--platform=browser", "--log-level=silent")
    web = await ended(*bundle, "--minify", "dist/src/web.js", folder=typescript)
    assert web.code == 0
    assert (await ended(*bundle, "dist/src/node.js", folder=typescript)).code != 0


def test_the_lock_names_no_host() -> None:
    assert '"resolved"' not in (SOURCE / "package-lock.json").read_text()
