"""Dead letters of a service's outbox: `python -m server.ops.dead_letters list|replay|skip`.

For containers, where `DATABASE_URL` leads to the service's database; on one machine it is
`emporium dead-letters`.
"""

import argparse
import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from server import settings
from server.kit import errors, outbox, postgres
from server.kit.outbox import DeadLetter
from server.kit.postgres import Pool
from server.kit.telemetry import for_a_person
from server.services import SERVICES
from server.settings import Postgres

_CONNECT_SECONDS = 5.0


async def listed(database_url: str) -> Sequence[DeadLetter]:
    """The oldest dead letters of the outbox at `database_url`. Raises `Unavailable`."""
    async with _connected(database_url) as pool:
        return await outbox.list_dead_letters(pool)


async def replayed(database_url: str, destination: str | None, event_id: str | None) -> int:
    """Sends those of one destination, of one event, or all again; gives their number.

    Raises `Unavailable`.
    """
    async with _connected(database_url) as pool:
        return await outbox.replay(pool, destination=destination, event_id=event_id)


async def skipped(database_url: str, destination: str, event_id: str) -> bool:
    """Drops one for good; False when there is none. Raises `Unavailable`."""
    async with _connected(database_url) as pool:
        return await outbox.skip(pool, destination, event_id)


def described(letter: DeadLetter) -> str:
    """One dead letter, for a person."""
    return (
        f"{letter.destination}  {letter.event_id}  {letter.event_type}\n"
        f"    {letter.aggregate_type} {letter.aggregate_id}, version {letter.aggregate_version};"
        f" since {letter.since:%Y-%m-%d %H:%M:%S} UTC; holds back {letter.held}\n"
        f"    {letter.error}"
    )


@asynccontextmanager
async def _connected(database_url: str) -> AsyncIterator[Pool]:
    database = Postgres(
        database_url=database_url, pool_size_min=1, connect_timeout_seconds=_CONNECT_SECONDS
    )
    async with postgres.connected(database) as pool:
        yield pool


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.ops.dead_letters")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="Show them, the oldest first.")
    replay = commands.add_parser("replay", help="Send them again, with what they hold back.")
    replay.add_argument("--destination", help="Only those of this destination.")
    replay.add_argument("--event", type=uuid.UUID, help="Only the one of this event id.")
    skip = commands.add_parser("skip", help="Drop one for good, and send what it holds back.")
    skip.add_argument("destination")
    skip.add_argument("event", type=uuid.UUID)
    return parser


async def _run(asked: argparse.Namespace, database_url: str) -> str:
    if asked.command == "list":
        letters = await listed(database_url)
        return "\n".join(map(described, letters)) or "no dead letters"
    if asked.command == "replay":
        event = str(asked.event) if asked.event else None
        count = await replayed(database_url, asked.destination, event)
        if event and not count:
            raise errors.NotFound("there is no such dead letter")
        return f"{count} dead letters will be sent again"
    if not await skipped(database_url, asked.destination, str(asked.event)):
        raise errors.NotFound("there is no such dead letter")
    return "1 dead letter was dropped"


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what `arguments` ask for, and gives the process's exit code."""
    asked = _parser().parse_args(arguments)
    try:
        # Whichever service it is, its database is named by the same variable.
        database = settings.from_environment(SERVICES[0].name).postgres
        with for_a_person():
            print(asyncio.run(_run(asked, database.database_url)))
    except (settings.SettingsError, errors.EmporiumError) as error:
        print(f"emporium: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
