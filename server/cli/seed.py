"""`emporium seed`: sample data for a running cluster."""

from rich.console import Console

from server.cli import options as shared
from server.cli.work import done
from server.local.home.record import require_running


def seed(home: shared.Home = shared.DEFAULT_HOME) -> None:
    """Put the sample data into a running cluster. Repeatable: nothing is made twice."""
    # Imported late: the client brings gRPC, which the other commands need not wait for.
    from server.local.preparation import seed as sample

    seeded = done(sample.seed(require_running(home)))
    Console().print(f"{seeded} are there.")
