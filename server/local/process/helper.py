"""A short-lived child process that does work whose modules its parent should not load.

A process never gives back the memory of a module, so a supervisor that runs for days has others do
what takes a database driver, gRPC or cryptography.
"""

import asyncio
import itertools
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from server.local.errors import LocalError
from server.local.process.child import launched
from server.local.process.surroundings import PYTHON, for_program

IDLE_SECONDS = 5.0
ANSWER_BYTES_MAX = 1024 * 1024
END_TIMEOUT_SECONDS = 5.0


class Helper:
    """Runs `python -m module`, which answers calls by name: a JSON object a line, both ways.

    The process starts with the first call and ends when nothing has been asked of it for
    `IDLE_SECONDS`; the next call starts another. Calls may run concurrently. A helper whose parent
    is killed reads the end of its input and ends by itself.
    """

    def __init__(self, module: str, log_file: Path) -> None:
        self._module = module
        self._log_file = log_file
        self._numbers = itertools.count()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._lock = asyncio.Lock()  # held while the process starts or ends
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts the process ahead of the first call, so that it loads its modules meanwhile."""
        async with self._lock:
            await self._ensure_started()

    async def call(self, name: str, **arguments: Any) -> Any:
        """The result of the call. Raises `LocalError` when it fails or the process ends."""
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        async with self._lock:
            self._answers[number] = answer
            try:
                await self._ensure_started()
            except BaseException:
                del self._answers[number]
                raise
        self._send({"number": number, "call": name, "arguments": arguments})
        try:
            return await answer
        except asyncio.CancelledError:
            self._send({"number": number, "cancel": True})
            raise
        finally:
            del self._answers[number]
            self._end_when_idle()

    async def stop(self) -> None:
        """Ends the process; calls under way fail."""
        if self._ending is not None:
            self._ending.cancel()
        async with self._lock:
            await self._end()

    async def _ensure_started(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        if self._process is not None:
            return
        with self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *launched([*PYTHON, "-m", self._module]),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=for_program(),
                cwd="/",
                limit=ANSWER_BYTES_MAX,
                start_new_session=True,  # a terminal's Ctrl-C is for the supervisor alone
            )
        self._reading = asyncio.create_task(self._read(self._process), name="read from the helper")

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            return
        with suppress(ConnectionError):  # it has just ended, which `_read` will report
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            message = json.loads(line)
            answer = self._answers.get(message["number"])
            if answer is None or answer.done():
                continue  # cancelled meanwhile
            if "problem" in message:
                answer.set_exception(LocalError(message["problem"], message["remedy"]))
            else:
                answer.set_result(message["result"])
        # From here on a call starts another process; those under way were this one's.
        if self._process is process:
            self._process = None
        for answer in self._answers.values():
            if not answer.done():
                remedy = f"Its log is {self._log_file}."
                answer.set_exception(LocalError("the helper process has ended", remedy))
        await process.wait()

    def _end_when_idle(self) -> None:
        if not self._answers:
            if self._ending is not None:
                self._ending.cancel()
            self._ending = asyncio.create_task(self._idle(), name="end the idle helper")

    async def _idle(self) -> None:
        await asyncio.sleep(IDLE_SECONDS)
        async with self._lock:
            if not self._answers:
                self._ending = None  # so that a call that waits for the lock does not cancel us
                await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or self._reading is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), END_TIMEOUT_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        await self._reading
