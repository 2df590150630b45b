"""What a process prints and publishes; in processes of their own, because both are global."""

import asyncio
import json
import sys
import urllib.request
from typing import Any

import pytest
import structlog

from server.kit.telemetry import for_a_person, telemetry
from server.local.home.ports import free_ports
from server.settings import Server, SettingsError

TALKER = """
import asyncio, logging, structlog
from server.kit.telemetry import telemetry
from server.settings import Server

log = structlog.get_logger()

async def talk():
    {talk}

with telemetry(Server(metrics_port=0, log_level={level!r}), "user"):
    asyncio.run(talk())
"""


async def printed(talk: str, level: str = "info") -> list[dict[str, Any]]:
    """The lines that a process prints which does `talk`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", TALKER.format(talk=talk.replace("\n", "\n    "), level=level)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await process.communicate()
    assert (process.returncode, complaints.decode()) == (0, "")
    return [json.loads(line) for line in output.splitlines()]


async def test_a_line_is_one_json_object_with_time_level_and_service() -> None:
    (line,) = await printed('log.info("call", method="a/B", text="two\\nlines é", n=1.5)')
    assert line.pop("at").startswith("20")
    assert line == {
        "level": "info",
        "service": "user",
        "event": "call",
        "method": "a/B",
        "text": "two\nlines é",
        "n": 1.5,
    }


async def test_a_header_that_grpc_cannot_decode_is_not_quoted() -> None:
    said = await printed(
        'grpc = logging.getLogger("grpc._cython.cygrpc")\n'
        'grpc.error("Invalid encoding on %s", b"Bearer secret")\n'
        'grpc.error("another %s", "trouble")'
    )
    assert [line["event"] for line in said] == ["another trouble"]


async def test_an_answer_that_finds_nobody_is_no_error() -> None:
    said = await printed(
        'grpc = logging.getLogger("grpc._cython.cygrpc")\n'
        'grpc.error("ExecuteBatchError raised in core by servicer method [/a/B]")\n'
        'grpc.error("another error raised by servicer method [/a/B]")'
    )
    assert [line["event"] for line in said] == ["another error raised by servicer method [/a/B]"]


async def test_what_json_cannot_say_is_said_as_text() -> None:
    (line,) = await printed('log.info("odd", value=object, error=ValueError("no"))')
    assert (line["value"], line["error"]) == ("<class 'object'>", "no")


async def test_a_traceback_is_one_field() -> None:
    (line,) = await printed('log.error("call", exc_info=ValueError("no"))')
    assert "ValueError: no" in line["exception"]


async def test_what_libraries_log_is_printed_the_same_way() -> None:
    talk = 'logging.getLogger("asyncpg").warning("%s is odd", "this")\n'
    talk += 'logging.getLogger("asyncpg").info("chatter")'
    (line,) = await printed(talk)
    assert (line["event"], line["level"], line["logger"], line["service"]) == (
        "this is odd",
        "warning",
        "asyncpg",
        "user",
    )


async def test_an_error_that_nobody_awaits_is_printed_too() -> None:
    talk = "import gc\n"
    talk += "asyncio.get_running_loop().call_soon(lambda: 1 / 0)\nawait asyncio.sleep(0)"
    (line,) = await printed(talk)
    assert line["level"] == "error"
    assert "ZeroDivisionError" in line["exception"]


@pytest.mark.parametrize(
    ("level", "events"), [("debug", ["d", "i", "w"]), ("info", ["i", "w"]), ("warning", ["w"])]
)
async def test_the_level_is_a_setting(level: str, events: list[str]) -> None:
    talk = 'log.debug("d")\nlog.info("i")\nlog.warning("w")'
    assert [line["event"] for line in await printed(talk, level)] == events


async def test_lines_of_other_threads_and_of_the_last_moment_are_not_lost() -> None:
    talk = 'await asyncio.to_thread(log.info, "there")\nlog.info("here")\nlog.info("last")'
    assert [line["event"] for line in await printed(talk)] == ["there", "here", "last"]


async def test_a_full_disk_costs_lines_and_no_call() -> None:
    """Whoever logs goes on, and the lines that follow are written when there is room again."""
    talk = """
import os, sys
room, full = os.dup(1), os.open("/dev/full", os.O_WRONLY)
os.dup2(full, 1)
log.warning("lost at once")
log.info("lost soon")
await asyncio.sleep(0.05)
try:
    raise ValueError("told")
except ValueError:
    log.exception("lost too")
os.dup2(room, 1)
log.warning("written")"""
    assert [line["event"] for line in await printed(talk)] == ["written"]


def test_a_person_is_told_warnings_beside_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    log, before = structlog.get_logger(), structlog.get_config()
    with for_a_person():
        log.info("mongo.step_applied", step="0001")
        log.warning("mongo.waiting", error="refused")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "! mongo.waiting error=refused\n")
    assert structlog.get_config() == before


async def test_metrics_are_published_while_the_block_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.kit.telemetry.process.configure_logs", lambda level, service: None)
    (port,) = free_ports(1)
    with telemetry(Server(metrics_port=port), "user"):
        page = await asyncio.to_thread(fetch, port)
        assert "python_info" in page
        with (
            pytest.raises(SettingsError, match="METRICS_PORT: Address already in use"),
            telemetry(Server(metrics_port=port), "order"),
        ):
            raise AssertionError("unreachable")
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(fetch, port)


def fetch(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        page: bytes = answer.read()
    return page.decode()
