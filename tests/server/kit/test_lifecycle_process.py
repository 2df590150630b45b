"""How a service process begins and ends, and what it says of bad settings."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from server.kit import auth
from server.local.home.ports import free_ports
from server.settings import Postgres
from tests.server.conftest import NewDatabase

SERVING = health_pb2.HealthCheckResponse.SERVING


class Process:
    """`python -m server user` and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self, event: str) -> dict[str, Any]:
        """Reads on until the line of that event."""
        assert self.process.stdout
        while text := await self.process.stdout.readline():
            line: dict[str, Any] = json.loads(text)
            if line["event"] == event:
                return line
        raise AssertionError(f"ended without {event}")

    async def ended(self) -> tuple[int | None, str]:
        """The exit code, and what stands on standard error."""
        _, complaints = await self.process.communicate()
        return self.process.returncode, complaints.decode()


@pytest.fixture
def keys(tmp_path: Path, signer: auth.Signer) -> dict[str, str]:
    key = auth.new_key("user-1")
    private = {
        "SIGNING_KEY_FILE": key,
        "SERVICE_KEY_FILE": auth.new_key("service:user-1"),
        "SECRET_FILE": {"secret": "s" * 43},
    }
    for name, content in private.items():
        (tmp_path / name).write_text(json.dumps(content))
        (tmp_path / name).chmod(0o600)
    (tmp_path / "jwks.json").write_text(json.dumps(auth.jwks([key])))
    files = {name: str(tmp_path / name) for name in private}
    return {**files, "JWKS_FILE": str(tmp_path / "jwks.json")}


@asynccontextmanager
async def user_process(environment: dict[str, str]) -> AsyncIterator[Process]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", "user"),
        env={
            **kept,
            "GRPC_PORT": "0",
            "METRICS_PORT": "0",
            "DRAIN_SECONDS": "0",
            "MONGODB_URI": "mongodb://127.0.0.1:1",  # nobody listens there: it serves without
            **environment,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
async def test_a_process_serves_until_it_is_asked_to_stop(
    new_database: NewDatabase, keys: dict[str, str], asked: signal.Signals
) -> None:
    database = await new_database("user")
    async with user_process({**keys, "DATABASE_URL": database.database_url}) as user:
        serving = await user.line("serving")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{serving['port']}") as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)  # its types know of no methods
            assert (await health.Check(health_pb2.HealthCheckRequest())).status == SERVING
        user.process.send_signal(asked)
        await user.line("stopped")
        assert await user.ended() == (0, "")


BAD_SETTINGS = {
    "no database": ({}, "DATABASE_URL is not set"),
    "a bad number": ({"GRPC_PORT": "http"}, "GRPC_PORT must be a whole number"),
    "no key": (
        {"SIGNING_KEY_FILE": "missing.json"},
        "SIGNING_KEY_FILE names no file to read",
    ),
    "no secret": ({"SECRET_FILE": "missing.json"}, "SECRET_FILE names no file to read"),
    "no key set": ({"JWKS_FILE": "missing.json"}, "JWKS_FILE names no file to read"),
    "no schema": ({}, "run `emporium migrate`"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
async def test_bad_settings_are_one_line_and_exit_code_1(
    keys: dict[str, str], scratch: Postgres, name: str
) -> None:
    changes, complaint = BAD_SETTINGS[name]
    database = {} if name == "no database" else {"DATABASE_URL": scratch.database_url}
    async with user_process({**keys, **database, **changes}) as user:
        code, said = await asyncio.wait_for(user.ended(), 30)
    (line,) = said.splitlines()[-1:]
    assert code == 1
    assert line.startswith("emporium: ")
    assert complaint in line
    assert "Traceback" not in said


async def test_a_bad_host_is_one_line_too(keys: dict[str, str], new_database: NewDatabase) -> None:
    database = await new_database("user")
    environment = {**keys, "DATABASE_URL": database.database_url, "GRPC_HOST": "256.1.1.1"}
    async with user_process(environment) as user:
        code, said = await asyncio.wait_for(user.ended(), 30)
    assert code == 1
    assert said.splitlines()[-1].startswith("emporium: cannot listen where GRPC_HOST")
    assert "Traceback" not in said


async def test_a_database_that_never_comes_up_is_one_line_too(keys: dict[str, str]) -> None:
    (port,) = free_ports(1)
    url = f"postgresql://a:b@127.0.0.1:{port}/c"
    environment = {**keys, "DATABASE_URL": url, "CONNECT_TIMEOUT_SECONDS": "0.2"}
    async with user_process(environment) as user:
        code, said = await asyncio.wait_for(user.ended(), 30)
    assert code == 1
    assert said.startswith("emporium: PostgreSQL cannot be reached")
    assert said.count("\n") == 1
