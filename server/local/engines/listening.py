"""Parts that cannot tell of themselves that they listen."""

import asyncio

from server.local.process.child import Child

HOST = "127.0.0.1"
LISTEN_POLL_SECONDS = 0.01
READY_TIMEOUT_SECONDS = 30.0


async def started(child: Child, port: int) -> None:
    """Starts `child`, and returns when it takes connections on that port of 127.0.0.1."""
    await child.start()
    try:
        async with asyncio.timeout(READY_TIMEOUT_SECONDS):
            while not await _listens(port):
                child.require_running()
                await asyncio.sleep(LISTEN_POLL_SECONDS)
    except TimeoutError as error:
        await child.stop()
        raise child.not_ready(READY_TIMEOUT_SECONDS) from error


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
