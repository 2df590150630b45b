"""Finds by itself what tests ask of all there is, so that nothing new is forgotten."""

import functools
import importlib
import pkgutil
from collections.abc import Iterable, Iterator

from google.protobuf.descriptor import ServiceDescriptor

import emporium
import server

# Run by Alembic or as a command; importing them does something.
SCRIPTS = {"__main__", "alembic_env", "env"}


@functools.cache
def import_server() -> None:
    """Imports every module of the server, so that every class in it is known."""
    for name in _modules(server.__path__, "server."):
        if name.rpartition(".")[2] not in SCRIPTS:
            importlib.import_module(name)


@functools.cache
def contract() -> tuple[ServiceDescriptor, ...]:
    """Every gRPC service of the contract, in the order of their names."""
    stubs = [
        importlib.import_module(name)
        for name in _modules(emporium.__path__, "emporium.")
        if name.endswith("_pb2")
    ]
    found = [each for stub in stubs for each in stub.DESCRIPTOR.services_by_name.values()]
    return tuple(sorted(found, key=lambda service: service.full_name))


def served_by(service: str) -> list[str]:
    """The full names of the gRPC services that the process `service` answers for."""
    return [each.full_name for each in contract() if each.full_name.split(".")[1] == service]


def _modules(path: Iterable[str], prefix: str) -> Iterator[str]:
    return (found.name for found in pkgutil.walk_packages(path, prefix))
