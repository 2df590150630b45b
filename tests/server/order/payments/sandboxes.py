"""The sandbox provider as a process of the tests, which they end and start again."""

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import httpx

from tests.waiting import until

SECRET = "what the sandbox signs with"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


class SandboxProcess:
    """`python -m server.sandbox` on a port of its own; its store outlives it."""

    def __init__(self, folder: Path, notices_url: str = "", late_seconds: float = 0.5) -> None:
        self._folder = folder
        self._notices_url = notices_url
        self._late_seconds = late_seconds
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        (folder / "secret.json").write_text(json.dumps({"secret": SECRET}))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "server.sandbox", f"--port={self._port}"),
            f"--store={self._folder / 'sandbox.sqlite'}",
            f"--secret-file={self._folder / 'secret.json'}",
            f"--notices-url={self._notices_url}",
            f"--late-seconds={self._late_seconds}",
        )
        await until(self._listens)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        return True

    async def kill(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    def pause(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    async def charges(self) -> dict[str, dict[str, str]]:
        """What it knows of every charge, by our key."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            answer = await client.get("/v1/charges")
        return {each["key"]: each for each in answer.json()["charges"]}
