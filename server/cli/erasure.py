"""`emporium erasure`: how far the erasure of a deleted account is."""

import uuid
from typing import Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.work import done
from server.local.home.record import require_running
from server.services import USER


def erasure(
    user_id: Annotated[uuid.UUID, typer.Argument(help="The id that the account had.")],
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Show what each store has erased of a person whose account was deleted."""
    # Imported late: the driver is slow to load, and the other commands do not need it.
    from server.ops.erasures import described

    database_url = require_running(home).postgres[USER.name]
    lines = done(described(database_url, str(user_id)))
    Console().print("\n".join(lines), soft_wrap=True, markup=False, highlight=False)
