"""Runs campaigns and prints one table of what they measured.

python -m tests.campaign [NAME...] [--only PART...] [--seed N] [--minutes M] [--size K]
    [--from-round R]
"""

import argparse
import asyncio
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.bench.report import Row, show
from tests.bench.tree import TreeError
from tests.campaign.campaign import Campaign, Setting, UnknownPart, named, names

_SEED_MAX = 2**32


def main(words: Sequence[str] | None = None) -> None:
    """Reads the command line; ends with code 1 when a promise does not hold."""
    known = names()
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaign",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{name}: {_summary(named(name))}" for name in known),
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="which ones; all if none is named")
    parser.add_argument("--only", metavar="PART", action="append", help="only this part of it")
    parser.add_argument("--seed", type=int, help="of all chance; a new one if none is given")
    parser.add_argument("--minutes", type=float, help="that each may take, instead of its own")
    parser.add_argument("--size", type=float, help="times as many at once as in the suite")
    parser.add_argument("--from-round", type=int, default=0, help="go on with this round")
    arguments = parser.parse_args(words)
    if unknown := [name for name in arguments.names if name not in known]:
        parser.error(f"no campaign {', '.join(unknown)}; there are {', '.join(known)}")
    seed = secrets.randbelow(_SEED_MAX) if arguments.seed is None else arguments.seed
    # As Ctrl-C does: end the children, and remove the folders.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(width=max(Console().width, 120))
    rows: list[Row] = []
    began = time.monotonic()
    try:
        for name in arguments.names or known:
            console.print(f"{name}: seed {seed}")
            rows += _run(console, name, seed, arguments)
    except (TreeError, UnknownPart) as error:
        sys.exit(f"campaign: {error}")
    except KeyboardInterrupt:
        sys.exit("campaign: stopped")
    title = f"make campaign, seed {seed}: {time.monotonic() - began:.0f} s"
    show(console, title, rows, ("measured", "compared with"))
    if failed := [row.what for row in rows if row.met is False]:
        again = f"{' '.join(arguments.names)} --seed {seed}".strip()
        sys.exit(
            f"campaign: {len(failed)} promises do not hold; again: make campaign ARGS={again!r}"
        )


def _run(console: Console, name: str, seed: int, arguments: argparse.Namespace) -> list[Row]:
    campaign = named(name)
    minutes = arguments.minutes or campaign.MINUTES
    sizes = (arguments.size, arguments.from_round)
    with tempfile.TemporaryDirectory(prefix="emporium-campaign-") as folder:
        # PostgreSQL's files may lie in here, and it runs as another user when we are root.
        Path(folder).chmod(0o755)
        setting = Setting(seed, minutes, arguments.only or (), Path(folder), console, *sizes)
        return asyncio.run(_bounded(name, campaign, setting))


async def _bounded(name: str, campaign: Campaign, setting: Setting) -> list[Row]:
    try:
        async with asyncio.timeout(setting.minutes * 60):
            return await campaign.run(setting)
    except TimeoutError:
        return [Row(what=f"{name}: not done within {setting.minutes:g} minutes", met=False)]


def _summary(campaign: Campaign) -> str:
    return (campaign.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    main()
