"""A service's process, when it does not do what it should."""

import sys
from pathlib import Path

import pytest

from server.local.engines import service as services
from server.local.engines.health import is_serving
from server.local.engines.service import ServiceProcess
from server.local.errors import ChildDied, LocalError
from server.local.home.ports import free_ports

LISTENS_WITHOUT_SPEAKING = """
import socket, sys
print("I listen", flush=True)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()
"""


def process(tmp_path: Path, port: int, *command: str) -> ServiceProcess:
    made = ServiceProcess("order", "order", tmp_path / "log", port, {})
    made.child.command = [*command]
    return made


async def test_a_process_that_ends_before_it_is_ready_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ChildDied, match="order ended with code 3"):
        await process(tmp_path, 1, sys.executable, "-c", "raise SystemExit(3)").start()


async def test_a_process_that_never_becomes_ready_times_out_with_its_last_log_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "READY_TIMEOUT_SECONDS", 1.0)
    (port,) = free_ports(1)
    mute = process(tmp_path, port, sys.executable, "-c", LISTENS_WITHOUT_SPEAKING, str(port))
    with pytest.raises(LocalError, match="not ready in 1 s") as raised:
        await mute.start()
    assert "I listen" in raised.value.problem
    assert not mute.child.running


async def test_a_port_without_a_listener_is_not_serving() -> None:
    assert not await is_serving(f"127.0.0.1:{free_ports(1)[0]}")
