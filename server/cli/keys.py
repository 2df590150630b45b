"""`emporium keys`: what signs and verifies tokens, and its replacement while everything runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console

from server.cli import options as shared
from server.local.errors import LocalError
from server.local.home import keys
from server.local.home.folder import Home, read_private
from server.local.home.record import read

app = typer.Typer(name="keys", help="List the keys that sign tokens, or replace them.")

# Of clocks that differ, and of a token that is signed just when the key is replaced.
LEEWAY_SECONDS = 30


@app.callback(invoke_without_command=True)
def keys_(context: typer.Context, home: shared.Home = shared.DEFAULT_HOME) -> None:
    """List the keys that tokens are taken of; `emporium keys rotate` replaces them."""
    context.default_map = {name: {"home": home} for name in ("list", "rotate")}
    if not context.invoked_subcommand:
        list_(home)


@app.command("list")
def list_(home: shared.Home = shared.DEFAULT_HOME) -> None:
    """List the keys that tokens are taken of, and what each does."""
    # Imported late: the other commands do not need the cryptography that this loads.
    from server.local import rotation

    place = _home(home)
    signing = {_id_in(keys.file_of(name, place)) for name in keys.names()}
    announced = {_id_in(rotation.next_file(name, place)) for name in keys.names()}
    for key in sorted(keys.public_keys(place), key=lambda each: str(each["kid"])):
        what = "signs" if key["kid"] in signing else "has signed"
        if key["kid"] in announced:
            what = "is announced; the next rotation goes on with it"
        if "exp" in key:
            what += f", is taken until {datetime.fromtimestamp(key['exp'], UTC):%F %T} UTC"
        Console().print(f"{key['kid']} {what}", soft_wrap=True, markup=False, highlight=False)


@app.command()
def rotate(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Such as user or service:order; all of them."),
    ] = None,
    *,
    retire_after: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=86_400,
            metavar="SECONDS",
            help="How long tokens of the keys before are taken; as long as tokens live.",
            show_default=False,
        ),
    ] = None,
    announce_only: Annotated[
        bool,
        typer.Option(
            "--announce-only",
            help="Publish the next keys and stop there, to hand the files out to other machines.",
        ),
    ] = False,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Replace keys while everything runs: no call is refused, and no session ends. Repeatable.

    After a theft use --retire-after 0: tokens of the keys before, of the names that are given, are
    refused at once. Services make themselves new ones, and whoever is signed in goes on with the
    refresh token.
    """
    # Imported late: the other commands do not need the cryptography that this loads.
    from server.local import rotation

    place, wanted = _home(home), _known(names or keys.names())
    with rotation.alone(place):
        announced = rotation.announce(wanted, place)
        if (port := _edge_port(home)) is not None:
            rotation.until_taken(announced, port)
        if not announce_only:
            rotation.switch(wanted, place)
        overlap = _token_seconds()
        rotation.retire(wanted, place, overlap if retire_after is None else retire_after, overlap)
    done = "is announced" if announce_only else "signs from now on"
    for key in announced:
        Console().print(f"{key['kid']} {done}", soft_wrap=True, markup=False, highlight=False)


def _home(directory: Path) -> Home:
    """Its data may lie on a RAM disk. Raises `LocalError` where there are no keys."""
    place = Home.existing(directory)
    record = read(place)
    if record and record.is_alive and record.data:
        place = Home(place.directory, Path(record.data))
    if not keys.public_file(place).exists():
        raise LocalError(f"there are no keys in {directory}", "Name the right one with --home.")
    return place


def _edge_port(directory: Path) -> int | None:
    """None where nothing runs, so that nobody has to take a key first."""
    record = read(Home.at(directory))
    return urlsplit(record.edge_url).port if record and record.is_alive else None


def _known(names: list[str]) -> list[str]:
    for name in names:
        if name not in keys.names():
            raise LocalError(f"there is no key {name}", f"There are {', '.join(keys.names())}.")
    return list(dict.fromkeys(names))


def _token_seconds() -> float:
    """How long the longest token lives that the keys before may have signed."""
    from server.settings import from_environment

    tokens = from_environment("user").tokens
    return max(tokens.token_seconds, tokens.service_token_seconds) + LEEWAY_SECONDS


def _id_in(file: Path) -> str | None:
    return read_private(file).get("kid")
