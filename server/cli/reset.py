"""`emporium reset`: removes a home, with all that a cluster put into it."""

from typing import Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.local.errors import LocalError
from server.local.home import orphans
from server.local.home.folder import Home

# What makes a folder the home of a cluster: nothing else is removed whole.
SIGNS = ("lock", "logs")


def reset(
    *,
    home: shared.Home = shared.DEFAULT_HOME,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a home for good: its databases, keys, passwords and logs. It must not run."""
    console, place = Console(), Home.at(home)
    if not place.directory.exists():
        console.print(f"There is no home in {place.directory}.", soft_wrap=True, markup=False)
        return
    if not all((place.directory / sign).exists() for sign in SIGNS):
        raise LocalError(
            f"{place.directory} is no home of a cluster", "Name the right one with --home."
        )
    with place.locked():
        if not yes:
            question = f"Remove {place.directory} with its databases, keys and logs for good?"
            typer.confirm(question, abort=True)
        orphans.end_all(place)
        left = place.remove()
    kept = f"; what is not its own stays there: {', '.join(left)}" if left else ""
    console.print(f"Removed {place.directory}{kept}.", soft_wrap=True, markup=False)
