"""A child process: how it is started, awaited and ended."""

import asyncio
import os
import re
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from server.local.errors import ChildDied, LocalError
from server.local.process.identity import ProcessRecord, start_of
from server.local.process.remedies import remedy_for
from server.local.process.surroundings import PYTHON, for_program

LAUNCHER = Path(__file__).with_name("launch.py")
TAIL_BYTES = 16_384
# Addresses in Envoy's code, below what it has to say.
_is_trace = re.compile(r"\b(envoy_bug|backtrace)\b").search
LINE_LENGTH_MAX = 400


def launched(
    command: Sequence[str], death_signal: signal.Signals = signal.SIGKILL, user: str | None = None
) -> list[str]:
    """`command`, to be started by `launch.py` with this process as its parent."""
    instructions = [str(os.getpid()), str(int(death_signal)), user or "-"]
    return [*PYTHON, "-S", str(LAUNCHER), *instructions, *command]


@dataclass(kw_only=True)
class Child:
    """A program and how to run it. It may be started again after it has ended.

    The child leads a session of its own, so that a terminal's Ctrl-C reaches the supervisor alone,
    which then ends its children in order. When the supervisor is killed, the kernel sends the child
    `death_signal` (on Linux).
    """

    name: str
    command: list[str]
    log_file: Path
    environment: Mapping[str, str] = field(default_factory=for_program)
    folder: Path = Path("/")
    user: str | None = None  # the user to run as, when we are root
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    stop_timeout_seconds: float = 20.0
    spawned: Callable[[], None] | None = None  # called when a process has started
    record: ProcessRecord | None = None  # of the latest process
    _process: asyncio.subprocess.Process | None = None
    _log_from: int = 0  # where the latest process began to write

    @property
    def pid(self) -> int:
        """The process id; 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether the process was started and has not been seen to end."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Starts the process, which need not be ready yet."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._log_from = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *launched(self.command, self.death_signal, self.user),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                cwd=self.folder,
                start_new_session=True,
            )
        self.record = ProcessRecord(self.name, self._process.pid, start_of(self._process.pid))
        if self.spawned is not None:
            self.spawned()

    async def wait(self) -> int:
        """Waits for its end; returns the exit code, or minus the signal."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return await self._process.wait()

    async def stop(self) -> None:
        """Sends `stop_signal`, waits, and kills it after `stop_timeout_seconds`."""
        if self._process is None or self._process.returncode is not None:
            return
        self.send(self.stop_signal)
        try:
            await asyncio.wait_for(self._process.wait(), self.stop_timeout_seconds)
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; nothing happens when the process has just ended."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def require_running(self) -> None:
        """Raises `ChildDied`, with the last log lines and a remedy where one is known."""
        if not self.running:
            raise self.died()

    async def while_running(self, work: Coroutine[None, None, None]) -> None:
        """Awaits `work`, which needs this process. Raises `ChildDied` when that ends first."""
        working, ending = asyncio.create_task(work), asyncio.create_task(self.wait())
        try:
            await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
            self.require_running()
            await working
        finally:
            for task in (working, ending):
                task.cancel()
            await asyncio.gather(working, ending, return_exceptions=True)

    def died(self) -> ChildDied:
        """The error for a child that has ended."""
        tail = self.tail()
        returncode = self._process.returncode if self._process else None
        return ChildDied(self.name, returncode, tail, remedy_for(tail))

    def not_ready(self, seconds: float) -> LocalError:
        """The error for a child that runs but is not ready in time."""
        tail = self.tail()
        lines = "".join(f"\n    {line}" for line in tail)
        problem = (
            f"{self.name} was not ready in {seconds:.0f} s; its last log lines:{lines or ' none'}"
        )
        return LocalError(problem, remedy_for(tail))

    def tail(self, lines: int = 12) -> list[str]:
        """The last lines that the latest process has logged."""
        try:
            with self.log_file.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                begun = self._log_from if self._log_from <= end else 0  # or it was emptied since
                log.seek(max(begun, end - TAIL_BYTES))
                text = log.read().decode("utf-8", "replace")
                said = [line for line in text.splitlines() if not _is_trace(line)]
                return [line[:LINE_LENGTH_MAX] for line in said[-lines:]]
        except FileNotFoundError:
            return []


async def run_once(child: Child) -> None:
    """Runs a child to its end. Raises `ChildDied` unless its exit code is 0."""
    await child.start()
    try:
        returncode = await child.wait()
    except BaseException:
        child.send(signal.SIGKILL)
        raise
    if returncode != 0:
        raise child.died()
