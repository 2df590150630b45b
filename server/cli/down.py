"""`emporium down`: stops what runs in a home."""

import signal

from rich.console import Console

from server.cli import options as shared
from server.local.errors import LocalError
from server.local.home import orphans
from server.local.home.folder import Home
from server.local.home.record import read

# The supervisor ends its children one group after another, each within 20 s.
TIMEOUT_SECONDS = 75.0


def down(home: shared.Home = shared.DEFAULT_HOME) -> None:
    """Stop the cluster in a home, also one whose supervisor has been killed. The data stay."""
    console, place = Console(), Home.at(home)
    record = read(place)
    if record is None:
        why = "" if place.is_there else ": there is no home"
        console.print(f"Nothing runs in {place.directory}{why}.", soft_wrap=True, markup=False)
        return
    if record.is_alive:
        record.supervisor.send(signal.SIGTERM)
        if not orphans.await_end([record.supervisor], TIMEOUT_SECONDS):
            raise LocalError(
                f"the supervisor (process {record.supervisor.pid}) does not end",
                f"kill -9 {record.supervisor.pid}, then run `emporium down` again.",
            )
    with place.locked():
        for name in orphans.end_all(place):
            console.print(f"Ended {name}, which a killed supervisor had left running.")
    console.print("Stopped.")
