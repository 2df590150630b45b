"""The helper process, with the calls of a cluster's preparation."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from server.local.errors import LocalError
from server.local.home.ports import free_ports
from server.local.process import helper as helpers
from server.local.process.helper import Helper
from tests.waiting import until

NOWHERE = "postgresql://admin:secret@127.0.0.1:1/postgres"


@pytest_asyncio.fixture(loop_scope="session")
async def helper(tmp_path: Path) -> AsyncIterator[Helper]:
    running = Helper("server.local.preparation", tmp_path / "log")
    yield running
    await running.stop()


def home(tmp_path: Path) -> dict[str, str]:
    return {"directory": str(tmp_path), "data": str(tmp_path)}


def children() -> list[psutil.Process]:
    """The helper processes of this test."""
    found = psutil.Process(os.getpid()).children()
    # Other tests' processes may have ended without having been waited for.
    alive = [child for child in found if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if "server.local.preparation" in child.cmdline()]


async def test_a_call_is_answered_while_another_waits(helper: Helper, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    waiting = asyncio.create_task(helper.call("await_serving", port=port))
    await helper.call("make_keys", home=home(tmp_path))
    assert (tmp_path / "keys" / "jwks.json").exists()
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(children()) == 1


async def test_an_error_keeps_its_problem_and_its_remedy(helper: Helper, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="cannot be reached") as raised:
        await helper.call(
            "prepare_postgres", home=home(tmp_path), admin_dsn=NOWHERE, own_postgres=False
        )
    assert "DATABASE_URL" in raised.value.remedy
    assert "secret" not in str(raised.value)


async def test_an_unforeseen_error_is_reported_and_its_traceback_logged(
    helper: Helper, tmp_path: Path
) -> None:
    with pytest.raises(LocalError, match=r"make_keys: .* unexpected keyword"):
        await helper.call("make_keys", home=home(tmp_path), tea="black")
    assert "Traceback" in (tmp_path / "log").read_text()


async def test_a_killed_helper_fails_its_calls_and_the_next_call_starts_another(
    helper: Helper, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    waiting = asyncio.create_task(helper.call("await_serving", port=port))
    await helper.call("make_keys", home=home(tmp_path))
    (child,) = children()
    child.send_signal(signal.SIGKILL)
    with pytest.raises(LocalError, match="helper process has ended"):
        await waiting
    await helper.call("make_keys", home=home(tmp_path))
    assert [each.pid for each in children()] != [child.pid]


async def test_an_idle_helper_ends_and_the_next_call_starts_another(
    helper: Helper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "IDLE_SECONDS", 0.0)
    await helper.call("make_keys", home=home(tmp_path))

    async def none_is_left() -> bool:
        return not children()

    await until(none_is_left)
    await helper.call("make_keys", home=home(tmp_path))


async def test_a_stopped_helper_leaves_no_process(helper: Helper, tmp_path: Path) -> None:
    await helper.call("make_keys", home=home(tmp_path))
    (child,) = children()
    await helper.stop()
    assert not child.is_running()
