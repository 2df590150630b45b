"""Finds by itself what tests ask of all there is, so that nothing new is forgotten."""

import functools
import importlib
import pkgutil
from collections.abc import Iterator

import server

# Run by Alembic or as a command; importing them does something.
SCRIPTS = {"__main__", "alembic_env", "env"}


@functools.cache
def import_server() -> None:
    """Imports every module of the server, so that every class in it is known."""
    for name in _modules():
        importlib.import_module(name)


def _modules() -> Iterator[str]:
    for root in server.__path__:
        for found in pkgutil.walk_packages([root], "server."):
            if found.name.rpartition(".")[2] not in SCRIPTS:
                yield found.name
