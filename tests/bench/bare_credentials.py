"""What logins and refreshes are compared with: the one thing that each cannot do without.

    python -m tests.bench.bare_credentials bcrypt COST THREADS COUNT
    python -m tests.bench.bare_credentials update URI DATABASE AT_ONCE COUNT

`bcrypt` compares a password with its hash COUNT times. `update` changes documents by
`find_one_and_update`, each journalled by a majority before the next change of the same one. Prints
how many a second were done, and the CPU microseconds of one.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import uvloop
from bson.binary import Binary
from pymongo import AsyncMongoClient, WriteConcern

_PASSWORD = b"correct horse battery"
_COLLECTION = "bench_bare_updates"


def hashes(known: bytes, threads: int, count: int) -> None:
    """The limit that the cores set: nothing but the function itself, on so many threads."""
    with ThreadPoolExecutor(threads) as executor:
        found = [executor.submit(bcrypt.checkpw, _PASSWORD, known) for _ in range(count)]
        assert all(each.result() for each in found)


async def updates(uri: str, database: str, at_once: int, count: int) -> None:
    """As many chains of changes as there are documents, each change by what the last one left."""
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(uri)
    collection = client[database][_COLLECTION].with_options(
        write_concern=WriteConcern("majority", j=True)
    )

    async def chain() -> None:
        value = Binary(secrets.token_bytes(32))
        inserted = await collection.insert_one({"value": value})
        for _ in range(count // at_once):
            new = Binary(secrets.token_bytes(32))
            found = await collection.find_one_and_update(
                {"_id": inserted.inserted_id, "value": value}, {"$set": {"value": new}}
            )
            assert found
            value = new

    try:
        await asyncio.gather(*(chain() for _ in range(at_once)))
    finally:
        await collection.delete_many({})
        await client.close()


def main() -> None:
    """Measures what it is asked for."""
    what, *rest = sys.argv[1:]
    if what == "bcrypt":
        cost, threads, count = map(int, rest)
        known = bcrypt.hashpw(_PASSWORD, bcrypt.gensalt(cost))
        _measured(count, lambda: hashes(known, threads, count))
    else:
        uri, database, *numbers = rest
        at_once, count = map(int, numbers)
        _measured(count, lambda: uvloop.run(updates(uri, database, at_once, count)))


def _measured(count: int, work: Callable[[], None]) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(count / seconds, cpu / count * 1e6)


if __name__ == "__main__":
    main()
