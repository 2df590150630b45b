"""Ends the processes of a supervisor that was killed before it could stop them.

On Linux the kernel has ended its children already; this is for other systems, and for children that
are still shutting down.
"""

import shutil
import signal
from pathlib import Path

import psutil

from server.local.home.folder import RAM_DISK, RAM_PREFIX, Home
from server.local.home.record import ClusterRecord, read
from server.local.process.identity import ProcessRecord

TIMEOUT_SECONDS = 15.0
FAST_SHUTDOWN = {"postgres": signal.SIGINT}  # on SIGTERM it would wait for its clients


def end_all(home: Home) -> list[str]:
    """Ends the recorded processes of a dead supervisor and removes its record and RAM disk folder.

    Returns the names of those that were still alive. Only processes whose start time is the
    recorded one are ended. The caller holds the home's lock.
    """
    record = read(home)
    if record is None:
        return []
    alive = [process for process in record.processes if process.is_alive]
    end(list(reversed(alive)))
    _remove_ram_folder(record)
    home.record_file.unlink(missing_ok=True)
    return [process.name for process in alive]


def end(processes: list[ProcessRecord]) -> None:
    """Asks the processes to end, in this order, and kills those that have not after a while."""
    for process in processes:
        process.send(FAST_SHUTDOWN.get(process.name, signal.SIGTERM))
    await_end(processes, TIMEOUT_SECONDS)
    for process in processes:
        process.send(signal.SIGKILL)
    await_end(processes, TIMEOUT_SECONDS)


def await_end(processes: list[ProcessRecord], timeout_seconds: float) -> bool:
    """Waits until the processes have ended; returns whether they did in time."""
    handles = []
    for process in processes:
        try:
            if process.is_alive:
                handles.append(psutil.Process(process.pid))
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(handles, timeout_seconds)
    return not alive


def _remove_ram_folder(record: ClusterRecord) -> None:
    folder = Path(record.data)
    if folder.parent == RAM_DISK and folder.name.startswith(RAM_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
