"""`emporium dead-letters`: the events that a destination did not take, and what becomes of them."""

import uuid
from typing import Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.work import done
from server.local.errors import LocalError
from server.local.home.record import require_running
from server.services import SERVICES

app = typer.Typer(
    name="dead-letters",
    help="Show, send again or drop the events that a destination did not take.",
    no_args_is_help=True,
)

Destination = Annotated[str, typer.Option(help="Only those of this destination.")]


@app.command("list")
def list_(home: shared.Home = shared.DEFAULT_HOME) -> None:
    """Show the dead letters of every service, the oldest first."""
    # Imported late: the driver is slow to load, and the other commands do not need it.
    from server.ops.dead_letters import described, listed

    databases = _databases(home)

    async def lines() -> list[str]:
        return [
            f"{service} to {described(letter)}"
            for service, database_url in databases.items()
            for letter in await listed(database_url)
        ]

    shown = "\n".join(done(lines())) or "no dead letters"
    Console().print(shown, soft_wrap=True, markup=False)


@app.command()
def replay(
    event: Annotated[str, typer.Argument(help="The id of one event; all without.")] = "",
    home: shared.Home = shared.DEFAULT_HOME,
    destination: Destination = "",
) -> None:
    """Send dead letters again, and then what they hold back."""
    from server.ops.dead_letters import replayed

    _require_id(event)
    databases = _databases(home)

    async def count() -> int:
        return sum(
            [
                await replayed(database_url, destination or None, event or None)
                for database_url in databases.values()
            ]
        )

    replayed_count = done(count())
    if event and not replayed_count:
        raise _no_such(event, destination)
    Console().print(f"{replayed_count} dead letters will be sent again")


@app.command()
def skip(
    destination: Annotated[str, typer.Argument(help="Where it did not arrive.")],
    event: Annotated[str, typer.Argument(help="The event's id.")],
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Drop one dead letter for good, and send what it holds back.

    What the event says is then missing at the destination: the sales report, say, is wrong by it.
    """
    from server.ops.dead_letters import skipped

    _require_id(event)
    databases = _databases(home)

    async def count() -> int:
        return sum(
            [await skipped(database_url, destination, event) for database_url in databases.values()]
        )

    if not done(count()):
        raise _no_such(event, destination)
    Console().print("1 dead letter was dropped")


def _databases(home: shared.Home) -> dict[str, str]:
    """The services of the running cluster that have an outbox, each with its database."""
    record = require_running(home)
    names = [service.name for service in SERVICES if service.postgres]
    return {name: record.postgres[name] for name in names if name in record.postgres}


def _no_such(event: str, destination: str) -> LocalError:
    where = f" for {destination}" if destination else ""
    return LocalError(
        f"there is no dead letter {event}{where}",
        "`emporium dead-letters list` shows those that there are.",
    )


def _require_id(event: str) -> None:
    try:
        uuid.UUID(event or str(uuid.UUID(int=0)))
    except ValueError as error:
        raise LocalError(f"{event!r} is not the id of an event", "Ids are UUIDs.") from error
