"""Tells whether a process id still means the process that was started."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

START_TIME_FIELD = 19  # of /proc/PID/stat, counted after the name in brackets


@dataclass(frozen=True)
class ProcessRecord:
    """A process as recorded: a pid alone may have been reused."""

    name: str
    pid: int
    started: str  # of `start_of`

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return bool(self.started) and start_of(self.pid) == self.started

    def send(self, number: int) -> None:
        """Sends a signal if this very process still runs."""
        if self.is_alive:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(self.pid).send_signal(number)


def start_of(pid: int) -> str:
    """When process `pid` started, unique among all processes ever; empty when it has ended.

    On Linux that is this boot's id and the clock tick, because wall-clock times move when the
    clock is set.
    """
    try:
        if sys.platform != "linux":
            return f"{psutil.Process(pid).create_time():.6f}"
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        if fields[0] == "Z":
            return ""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{fields[START_TIME_FIELD]}"
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return ""
