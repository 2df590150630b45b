"""`pgbench` with the statements of one order, as a service has sent them, of products at random.

Each order has ids of its own, and counts the stock that it has locked, as the service does in
Python: that costs the database a few microseconds an order, of about a thousand.
"""

import asyncio
import json
import re
import resource
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from server.local.engines.binaries import postgres_folder
from tests.bench.compare import Measure, Run, run_of
from tests.bench.goods import PRODUCT_ID
from tests.bench.h2load import LoadFailed
from tests.bench.machine import (
    SERVER_CORE,
    clients_cpu_seconds,
    ended_children_cpu_seconds,
)
from tests.bench.stage import Stage
from tests.bench.statements import Statement

CLIENTS = 32
_SHOWN_MAX = 500  # letters of what it says where it fails: each client says the same

_PARAMETER = re.compile(r"\$(\d+)")
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_VARIES = re.compile(rf"{_UUID}|@[rm]\d+@|@n@")
_DONE = re.compile(r"number of transactions actually processed: (\d+)/(\d+)")
_RATE = re.compile(r"tps = ([\d.]+) \(without initial connection time\)")


def of_one_order(sent: Sequence[Statement], product_ids: Sequence[str]) -> Sequence[Statement]:
    """Those of `sent` that belong to the order of these products: reads, then a transaction."""
    [inserting] = [n for n, each in enumerate(sent) if "INSERT INTO orders" in each.text]
    process = sent[inserting].process
    begins = [n for n, each in enumerate(sent) if each.process == process and _is("BEGIN", each)]
    begin = max(n for n in begins if n < inserting)
    reads = [each for each in sent[:begin] if any(_names(each, one) for one in product_ids)]
    whole = [each for each in sent[begin:] if each.process == process]
    commit = next(n for n, each in enumerate(whole) if _is("COMMIT", each))
    return [*reads, *whole[: commit + 1]]


def script(
    sent: Sequence[Statement],
    another: Sequence[Statement],
    product_ids: Sequence[str],
    products: int,
) -> str:
    """The statements of one order of `product_ids` as they are of any others of so many.

    Every UUID of theirs that is not in `another` order's statements is a new one each time.
    """
    share = products // len(product_ids)
    picks = [
        f"\\set p{n} random({n * share + 1}, {(n + 1) * share})" for n in range(len(product_ids))
    ]
    known = {one: f"{PRODUCT_ID.format(f':p{n}::int')}::text" for n, one in enumerate(product_ids)}
    same = {one for each in another for one in _uuids(each)}
    texts = (_statement(each, product_ids, known, same) for each in sent)
    return "\n".join([*picks, *texts, ""])


def _statement(
    sent: Statement, product_ids: Sequence[str], known: Mapping[str, str], same: Collection[str]
) -> str:
    expressions = {**known, **_counts(len(product_ids))}
    values = {n: _counted(value, product_ids) for n, value in sent.values.items()}
    text = sent.text
    if "INSERT INTO" in text:
        new = sorted(_uuids(sent) - {*same})
        expressions |= {one: f"(SELECT u{n} FROM ids)" for n, one in enumerate(new)}
        made = ", ".join(f"uuidv7()::text AS u{n}" for n in range(len(new)))
        text = f"WITH ids AS MATERIALIZED (SELECT {made}), {text.removeprefix('WITH ')}"
    text = _PARAMETER.sub(lambda found: _expression(values[int(found[1])], expressions), text)
    if "FOR UPDATE" not in text:
        return f"{text.removesuffix(';')};"
    counts = ", ".join(
        f"max({column} + 1) FILTER (WHERE product_id = {PRODUCT_ID.format(f':p{n}::int')})"
        f" AS {column[0]}{n}"
        for n in range(len(product_ids))
        for column in ("reserved", "movements")
    )
    return f"SELECT {counts} FROM ({text}) AS locked \\gset"


def _uuids(sent: Statement) -> set[str]:
    return {one for value in sent.values.values() for one in re.findall(_UUID, value)}


def _counts(products: int) -> Mapping[str, str]:
    counts = {f"@{kind}{n}@": f":{kind}{n}::text" for n in range(products) for kind in "rm"}
    return counts | {"@n@": "(random() * 1099511627775)::bigint::text"}


def _counted(value: str, product_ids: Sequence[str]) -> str:
    """`value`, where JSON's numbers of a product's stock are marks for those that were locked."""
    if not value.startswith("'[{"):
        return value
    rows = json.loads(_unquoted(value))
    for row in rows:
        if "reserved" in row:
            n = product_ids.index(row["product_id"])
            row["reserved"] = f"@r{n}@"
            row["movements" if "movements" in row else "number"] = f"@m{n}@"
        elif "number" in row:  # an order's, of 40 bits
            row["number"] = "@n@"
    # With spaces: to pgbench `:null` is one of its variables.
    return _quoted(json.dumps(rows, separators=(", ", ": ")))


def _expression(value: str, expressions: Mapping[str, str]) -> str:
    """`value` in SQL, with its UUIDs and counts as they are this time."""
    if value == "NULL":
        return value
    text = _unquoted(value)
    parts, at = [], 0
    for found in _VARIES.finditer(text):
        if found[0] in expressions:
            parts += [_quoted(text[at : found.start()]), expressions[found[0]]]
            at = found.end()
    parts.append(_quoted(text[at:]))
    if len(parts) == 1:
        return parts[0]
    return f"concat({', '.join(parts)})::{_kind(text)}"


def _kind(text: str) -> str:
    """The type of a parameter that was sent as `text`."""
    if text.startswith("[{"):
        return "json"
    if text.startswith("{"):
        return "uuid[]"
    return "uuid" if re.fullmatch(_UUID, text) else "text"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _unquoted(literal: str) -> str:
    return literal[1:-1].replace("''", "'")


def _is(word: str, sent: Statement) -> bool:
    return sent.text.startswith(word)


def _names(sent: Statement, product_id: str) -> bool:
    return any(product_id in value for value in sent.values.values())


def running(stage: Stage, database_url: str, file: Path, calls: int) -> Measure:
    """A run of the script in `file` by 32 clients, on the server core; with the database's CPU."""
    command = [str(postgres_folder() / "pgbench"), "--no-vacuum", "--protocol=prepared"]
    command += [f"--client={CLIENTS}", f"--transactions={max(1, calls // CLIENTS)}"]
    command += [f"--file={file}", "--max-tries=1", database_url]

    async def run() -> Run:
        async with stage.admin(database_url) as connection:
            before = _cpu(stage)
            process = await asyncio.create_subprocess_exec(
                *("taskset", "-c", str(SERVER_CORE), *command),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output = (await process.communicate())[0].decode()
            done, rate = _DONE.search(output), _RATE.search(output)
            if not (done and rate and done[1] == done[2]):
                said = output[:_SHOWN_MAX]
                raise LoadFailed(f"pgbench ended with code {process.returncode}\n{said}")
            # The server counts the CPU of those that have ended, and nobody says when they have.
            while await connection.fetchval(_OTHERS):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            count = int(done[1])
            return run_of(count, count / float(rate[1]), before, _cpu(stage))

    return run


async def make_room(stage: Stage) -> None:
    """Ends what connections are idle: the server has a hundred, and rows before may have them."""
    async with stage.admin("/postgres") as connection:
        await connection.execute(_LET_GO)


_LET_GO = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE state = 'idle' AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN%'
"""

_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'pgbench'
"""


def _cpu(stage: Stage) -> dict[str, float]:
    postgres = stage.cluster.pid("postgres")
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "pgbench": ended.ru_utime + ended.ru_stime,
        "database": sum(clients_cpu_seconds(postgres).values())
        + ended_children_cpu_seconds(postgres),
    }
