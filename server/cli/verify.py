"""`emporium verify`: whether all that should be the same is: orders, reports, money and goods."""

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
        bool, typer.Option("--repair", help="Set right what follows from the rest.")
    ] = False,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Compare orders with reports, payments with ledger and provider, stocks with movements.

    Ends with 1 where something differs, and says what must be decided by a person.
    """
    # Imported late: the drivers are slow to load, and the other commands do not need them.
    from server.ops.verify import verified

    record = require_running(home)
    mongodb = Mongo(mongodb_uri=record.mongodb_uri, mongodb_database=ANALYTICS.mongo)
    database_url = record.postgres[ORDER.name]
    report = done(verified(database_url, mongodb, record.sandbox_url, repair=repair))
    Console().print("\n".join(report.lines), soft_wrap=True, markup=False, highlight=False)
    if report.drifts:
        raise typer.Exit(1)
