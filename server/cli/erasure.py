"""`emporium erasure`: how far the erasure of a deleted account is."""

import asyncio
import uuid
from typing import Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.local.errors import LocalError
from server.local.home.record import require_running
from server.services import USER


def erasure(
    user_id: Annotated[uuid.UUID, typer.Argument(help="The id that the account had.")],
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Show what each store has erased of a person whose account was deleted."""
    # Imported late: the driver is slow to load, and the other commands do not need it.
    from server.kit.errors import EmporiumError
    from server.ops.erasures import described
    from server.settings import SettingsError

    database_url = require_running(home).postgres[USER.name]
    try:
        lines = asyncio.run(described(database_url, str(user_id)))
    except (EmporiumError, SettingsError) as error:
        raise LocalError(str(error)) from error
    Console().print("\n".join(lines), soft_wrap=True, markup=False, highlight=False)
