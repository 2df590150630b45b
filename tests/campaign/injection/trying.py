"""sqlmap on operations, parameter by parameter, two at a time on two cores."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.campaign.injection import sqlmap
from tests.campaign.injection.parameters import Operation, Parameter
from tests.campaign.injection.requests import Request
from tests.campaign.programs import CORES

Call = Callable[[Operation, Parameter], Request]


@dataclass(frozen=True)
class Tried:
    """What came of one parameter, and the status of the good call that it was tried in."""

    parameter: Parameter
    good: int
    verdict: sqlmap.Verdict

    def __str__(self) -> str:
        verdict = self.verdict
        found = [*verdict.found, *(f"{times} x {status}" for status, times in verdict.faults)]
        if not verdict.complete:
            found.append(f"not tried to its end: {verdict.last_line}")
        return f"{self.parameter}: {', '.join(found)}"


class Trying:
    """Calls made by `call`, to `port` of 127.0.0.1; a folder for each in `folder`."""

    def __init__(self, port: int, folder: Path, call: Call) -> None:
        self._port = port
        self._folder = folder
        self._call = call
        self._free = asyncio.Semaphore(len(CORES))

    async def of(self, operation: Operation) -> list[Tried]:
        """All parameters of the operation."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._tried(operation, each, self._folder / f"{number}"))
                for number, each in enumerate(operation.parameters)
            ]
        return [task.result() for task in tasks]

    async def _tried(self, operation: Operation, parameter: Parameter, name: Path) -> Tried:
        folder = name.with_name(f"{operation.name}.{name.name}")
        folder.mkdir(parents=True)
        async with self._free:
            good = await asyncio.to_thread(self._call, operation, parameter)
            status = await self._asked(good.unmarked)
            marked = await asyncio.to_thread(self._call, operation, parameter)
            return Tried(parameter, status, await sqlmap.tried(marked, self._port, folder))

    async def _asked(self, good: Request) -> int:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._port}") as client:
            answer = await client.request(
                good.verb, good.target, headers=good.headers, content=good.body
            )
        return answer.status_code


def clean(tried: Sequence[Tried]) -> bool:
    """Whether nothing was found in any, and nothing broke."""
    return all(each.verdict.is_clean for each in tried)
