"""`emporium --version`."""

from importlib import metadata
from typing import Annotated

import typer


def _show(wanted: bool) -> None:
    if wanted:
        print(f"emporium {metadata.version('emporium')}")
        raise typer.Exit


def version(
    *,
    asked: Annotated[
        bool, typer.Option("--version", callback=_show, is_eager=True, help="Show it and exit.")
    ] = False,
) -> None:
    """Runs Emporium on this machine."""
