"""`emporium down`: ends what runs in a home."""

import signal

from rich.console import Console

from server.cli import options as shared
from server.local.errors import LocalError
from server.local.home import orphans as leftovers
from server.local.home.folder import Home
from server.local.home.record import read

# The supervisor ends its children one group after another, each within 20 s.
PATIENCE_SECONDS = 75.0


def down(home: shared.Home = shared.DEFAULT_HOME) -> None:
    """Stop the cluster in a home, also one whose supervisor has been killed. The data stay."""
    console, place = Console(), Home.at(home)
    record = read(place)
    if record is None:
        console.print(f"Nothing runs in {place.directory}.", soft_wrap=True)
        return
    if record.is_alive:
        record.supervisor.send(signal.SIGTERM)
        if not leftovers.await_end([record.supervisor], PATIENCE_SECONDS):
            raise LocalError(
                f"the supervisor (process {record.supervisor.pid}) does not end",
                f"kill -9 {record.supervisor.pid}, then run `emporium down` again.",
            )
    with place.held():
        for name in leftovers.sweep(place):
            console.print(f"Ended {name}, left behind by a supervisor that was killed.")
    console.print("Stopped.")
