"""The one room where the surroundings of every process are made: its environment, umask and limits.

Whoever calls `emporium` lives in a shell of their own, with proxies, locales and defaults for other
programs. Of its variables only those that are listed here enter: the commands themselves call
`enter`, and each child gets what one of the other functions gives.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from server import secret_files
from server.local.errors import LocalError
from server.local.process import dotenv
from server.local.process.launch import settle
from server.settings import SECRETS, variables

CHECKOUT = Path(__file__).parents[3]  # the folder of the package `server`
# A program of ours: imports neither from the current folder nor from where PYTHON* variables say.
PYTHON = (sys.executable, "-I")

# Where programs, their libraries and the certificates of outside databases are.
EVERYWHERE = ("PATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
# Files in the caller's home set up clients of databases, so nobody is at home there.
FIXED = {"HOME": "/", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
# What a person wants to see.
SCREEN = (
    *("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE"),
)
# Options that hold secrets; each may stand in the file that `<NAME>_FILE` names instead.
SECRET_OPTIONS = (
    *("DATABASE_URL", "DATABASE_PASSWORDS", "MONGODB_URI", "MONGODB_PASSWORDS"),
    "POSTGRES_PASSWORD",
)
# What options of commands are read from; a test holds them together.
OPTIONS = (
    *("EMPORIUM_HOME", "CORS_ORIGINS", "EDGE_TRUSTED_HOPS", "EDGE_HEAP_MB"),
    *("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_USER"),
    *SECRET_OPTIONS,
)
# For `emporium import --target`, which may lead far away. What is on loopback is never proxied.
PROXIES = tuple(
    name
    for lower in ("http_proxy", "https_proxy", "grpc_proxy", "no_proxy", "no_grpc_proxy")
    for name in (lower, lower.upper())
)
COMPLETION = ("_EMPORIUM_", "_TYPER_", "COMP_")  # how a shell asks what can follow
# Of the variables that a service reads: an admin's access to the databases of all services.
NOT_FOR_SERVICES = frozenset(
    name + suffix
    for name in ("DATABASE_URL", "MONGODB_URI")
    for suffix in ("", secret_files.SUFFIX)
)
# Nor these: all parts of a cluster are on loopback, and share no certificate.
NOT_ON_LOOPBACK = frozenset(name for name in variables() if name.startswith("TLS_"))
# What stands in `.env` for Compose alone.
COMPOSE = (
    *("USER_DATABASE_PASSWORD", "ORDER_DATABASE_PASSWORD"),
    *("MONGODB_PASSWORD", "USER_MONGODB_PASSWORD", "ANALYTICS_MONGODB_PASSWORD", "TLS_FOLDER"),
)


def for_program() -> dict[str, str]:
    """For a program that takes its settings from its command line."""
    return _named(EVERYWHERE) | FIXED


def for_service() -> dict[str, str]:
    """For a process of a service; the cluster's own settings come on top."""
    return for_program() | _named(variables() - NOT_FOR_SERVICES - NOT_ON_LOOPBACK)


def for_supervisor() -> dict[str, str]:
    """For the process that runs a cluster, and hands the services' settings on."""
    return for_service() | _named(SCREEN)


def enter(*, at_home: bool = False) -> list[str]:
    """Makes this process's own surroundings what a command needs; gives warnings to be shown.

    What `.env` in the checkout says counts where the environment says nothing. With `at_home` the
    caller's home stays theirs, for what is written there. Raises `LocalError` for a secret whose
    file is of no use.
    """
    files = {f"{name}{secret_files.SUFFIX}" for name in SECRET_OPTIONS}
    known = {*OPTIONS, *files, *variables()}
    said, warnings = dotenv.read(CHECKOUT / ".env", known | set(COMPOSE))
    kept = {*EVERYWHERE, *SCREEN, *PROXIES, *known, *(["HOME"] if at_home else [])}
    environment = {name: value for name, value in said.items() if name in known}
    environment |= {"HOME": FIXED["HOME"]} | _named(kept)
    environment |= {n: value for n, value in os.environ.items() if n.startswith(COMPLETION)}
    warnings += secret_files.warnings(environment, SECRET_OPTIONS)
    environment = _absolute(_revealed(environment))
    os.environ.clear()
    os.environ.update(environment)
    settle()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a locale may lack the marks that we print
    return warnings


def _revealed(environment: dict[str, str]) -> dict[str, str]:
    """`environment` with the secrets of the commands, as their options are read from it."""
    try:
        found = secret_files.revealed(environment, SECRET_OPTIONS)
    except secret_files.SecretFileError as error:
        remedy = "It comes from the environment or from .env."
        raise LocalError(str(error), remedy) from error
    read = {f"{name}{secret_files.SUFFIX}" for name in SECRET_OPTIONS}
    return {name: value for name, value in found.items() if name not in read}


def _absolute(environment: dict[str, str]) -> dict[str, str]:
    """`environment` with the files of services' secrets named as any folder finds them."""
    files = {f"{name}{secret_files.SUFFIX}" for name in SECRETS} & environment.keys()
    return environment | {n: str(Path(environment[n]).absolute()) for n in files if environment[n]}


def _named(names: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}
