"""What commands ask the running services of the shop, and how they show what came."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console

from server.cli.work import done
from server.local.home.acting import acting_as
from server.local.home.record import require_running

if TYPE_CHECKING:
    from emporium import Emporium

Result = TypeVar("Result")

Limit = Annotated[int, typer.Option(min=1, max=1_000, help="So many at most.")]
PAGE_MAX = 100


def told(home: Path, work: "Callable[[Emporium], Awaitable[Sequence[str]]]") -> None:
    """Does `work` as an admin of the cluster in `home`, and prints the lines that it gives."""
    record = require_running(home)

    async def asked() -> Sequence[str]:
        # Imported late: the client brings gRPC, which the other commands need not wait for.
        from emporium import Emporium, Targets

        async with Emporium(Targets.of(record.grpc), token=acting_as(record, "admin")) as shop:
            return await work(shop)

    lines = done(asked())
    if lines:
        Console().print("\n".join(lines), soft_wrap=True, markup=False, highlight=False)


async def first(count: int, found: AsyncIterator[Result]) -> list[Result]:
    """The first of them, no more than `count`."""
    taken: list[Result] = []
    async for each in found:
        taken.append(each)
        if len(taken) == count:
            break
    return taken


def line(*parts: str) -> str:
    """One line of what is there."""
    return "  ".join(part for part in parts if part)
