"""`emporium verify`: whether the reports count what was ordered."""

from typing import Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.work import done
from server.local.home.record import require_running
from server.services import ANALYTICS, ORDER
from server.settings import Mongo


def verify(
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Set right what the reports count.")
    ] = False,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Compare each order with what the reports count of it; ends with 1 where something differs."""
    # Imported late: the drivers are slow to load, and the other commands do not need them.
    from server.ops.verify import verified

    record = require_running(home)
    mongodb = Mongo(mongodb_uri=record.mongodb_uri, mongodb_database=ANALYTICS.mongo)
    report = done(verified(record.postgres[ORDER.name], mongodb, repair=repair))
    Console().print("\n".join(report.lines), soft_wrap=True, markup=False, highlight=False)
    if report.drifts:
        raise typer.Exit(1)
