"""The helper process of a cluster: `client.py` writes calls to its input and reads the answers."""

import asyncio
import importlib
import json
import os
import sys
import threading
from functools import partial
from typing import IO, Any

from server.kit.telemetry import brief
from server.kit.telemetry.exceptions import told
from server.local.errors import LocalError
from server.local.preparation import calls

# What most calls need, loaded while the databases start. The rest is loaded by the calls.
PRELOADED = ("pymongo", "asyncpg", "grpc.aio", "grpc_health.v1.health_pb2")

Running = dict[int, asyncio.Task[None]]  # calls, by their number


async def serve(answers: IO[str]) -> None:
    """Answers calls until the input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running: Running = {}
    async for line in reader:
        message = json.loads(line)
        number: int = message["number"]
        if "cancel" in message:
            if number in running:
                running[number].cancel()
        else:
            running[number] = asyncio.create_task(_answer(message, answers))
            running[number].add_done_callback(partial(_forget, running, number))
    for task in list(running.values()):
        task.cancel()


def _forget(running: Running, number: int, _: asyncio.Task[None]) -> None:
    del running[number]


async def _answer(message: dict[str, Any], answers: IO[str]) -> None:
    name = message["call"]
    answer = {"number": message["number"]}
    try:
        answer["result"] = await getattr(calls, name)(**message["arguments"])
    except LocalError as error:
        answer |= {"problem": error.problem, "remedy": error.remedy}
    except Exception as error:  # noqa: BLE001 -- the caller gets it; here it would be lost
        sys.stderr.write(f"{told(error)}\n")
        remedy = "preparation.log has the traceback."
        answer |= {"problem": f"{name}: {brief(error)}", "remedy": remedy}
    print(json.dumps(answer), file=answers, flush=True)


def _preload() -> None:
    for module in PRELOADED:
        importlib.import_module(module)


def main() -> None:
    """Keeps the pipe of the answers to itself: what libraries print goes to the log."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_preload, daemon=True).start()
    asyncio.run(serve(answers))


if __name__ == "__main__":
    main()
