"""The statements that a service sends, with their values, as PostgreSQL's log has them."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.stage import Stage

_LOG = ("log_statement = 'all'", "log_error_verbosity = 'default'")
_ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \S+ \S+ \[(\d+)\] [^@\n]*@(\S+) ", re.MULTILINE)
_STATEMENT = re.compile(r"LOG:  (?:execute [^:]*|statement): (.*)", re.DOTALL)
_PARAMETERS = re.compile(r"DETAIL:  Parameters: (.*)", re.DOTALL)
_VALUE = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")


@dataclass(frozen=True)
class Statement:
    """One that was sent on a connection, which is known by its server process."""

    process: int
    text: str
    values: Mapping[int, str]  # of its parameters, by number, as SQL has them


class StatementLog:
    """What has been sent to a database since its log began."""

    def __init__(self, log: Path, database: str) -> None:
        self._log = log
        self._database = database
        self._at = log.stat().st_size

    def take(self) -> Sequence[Statement]:
        """What was sent since the last time."""
        with self._log.open("rb") as log:
            log.seek(self._at)
            new = log.read()
        self._at += len(new)
        return statements(new.decode(), self._database)


def statements(log: str, database: str) -> Sequence[Statement]:
    """Those of one database that are in `log`."""
    found: list[Statement] = []
    _, *parts = _ENTRY.split(log)
    for process, where, rest in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if where != database:
            continue
        if sent := _STATEMENT.match(rest):
            found.append(Statement(int(process), sent[1].strip(), {}))
        elif (given := _PARAMETERS.match(rest)) and found:
            values = {int(number): value for number, value in _VALUE.findall(given[1])}
            found[-1] = Statement(found[-1].process, found[-1].text, values)
    return found


@asynccontextmanager
async def logged(stage: Stage, database_url: str) -> AsyncIterator[StatementLog]:
    """A log of all that those send who connect while the block runs."""
    name = database_url.rpartition("/")[2]
    async with stage.admin("/postgres") as connection:
        for setting in _LOG:
            await connection.execute(f"ALTER DATABASE {name} SET {setting}")
        try:
            yield StatementLog(Path(stage.cluster.record["home"], "logs", "postgres.log"), name)
        finally:
            for setting in _LOG:
                await connection.execute(f"ALTER DATABASE {name} RESET {setting.split()[0]}")
